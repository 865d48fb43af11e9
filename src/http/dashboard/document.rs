//! What all pages have around them, and the headers that keep strangers out of them.

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, ContentType},
    },
};
use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, SCRIPT, STYLE};

/// The parts of the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Overview,
    Batches,
    Requests,
    Actors,
}

impl Section {
    const ALL: [Section; 4] = [Section::Overview, Section::Batches, Section::Requests, Section::Actors];

    fn name(self) -> &'static str {
        match self {
            Section::Overview => "Overview",
            Section::Batches => "Batches",
            Section::Requests => "Requests",
            Section::Actors => "Actors",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Section::Overview => "/",
            Section::Batches => "/ui/batches",
            Section::Requests => "/ui/requests",
            Section::Actors => "/ui/actors",
        }
    }
}

/// A page without what is around it.
pub struct Document {
    /// The part it belongs to, if it belongs to one.
    pub section: Option<Section>,
    /// For the browser's tab.
    pub title: String,
    /// Nothing on it will change any more.
    pub still: bool,
    /// What is on it.
    pub main: Markup,
}

/// Seconds between two looks at a page where no script runs.
const REFRESH: &str = "10";

/// What a browser may do with a page: take its style, its script and its sign from here, fetch pages and send forms
/// here, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Sets the headers that every response of the dashboard has.
pub fn secured(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response
        .insert_header(("content-security-policy", POLICY))
        .insert_header(("x-content-type-options", "nosniff"))
        .insert_header(("x-frame-options", "DENY"))
        .insert_header(("cross-origin-resource-policy", "same-origin"))
        // With less of it, a browser would not say any more that a form was sent from a page of ours.
        .insert_header(("referrer-policy", "same-origin"))
}

impl Document {
    /// The page as an answer.
    pub fn respond(self) -> HttpResponse {
        self.respond_with(StatusCode::OK)
    }

    /// The page as an answer with another status.
    pub fn respond_with(self, status: StatusCode) -> HttpResponse {
        let mut response = HttpResponse::build(status);
        secured(&mut response).insert_header((CACHE_CONTROL, "no-store"));
        response.content_type(ContentType::html()).body(self.whole().into_string())
    }

    fn whole(self) -> Markup {
        let Self { section, title, still, main } = self;
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " · batch-gpt" }
                    link rel="icon" href=(ICON) type="image/svg+xml";
                    link rel="stylesheet" href=(STYLE);
                    script src=(SCRIPT) defer {}
                    @if !still {
                        noscript { meta http-equiv="refresh" content=(REFRESH); }
                    }
                }
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header { (head(section)) }
                    p #lost role="status" hidden {}
                    main #main tabindex="-1" data-still[still] { (main) }
                    footer {
                        "batch-gpt " (env!("CARGO_PKG_VERSION")) " · times are in UTC"
                    }
                }
            }
        }
    }
}

fn head(section: Option<Section>) -> Markup {
    html! {
        a.brand href="/" { img src=(ICON) alt="" width="22" height="22"; "batch-gpt" }
        nav aria-label="Pages" {
            @for one in Section::ALL {
                a href=(one.path()) aria-current=[(Some(one) == section).then_some("page")] { (one.name()) }
            }
        }
        form.find action="/ui/find" role="search" {
            input type="search" name="id" required autocomplete="off" spellcheck="false"
                placeholder="Find an id" aria-label="Find a request or a batch by its id";
        }
        button #live type="button" aria-pressed="true" hidden { "Live" }
    }
}
