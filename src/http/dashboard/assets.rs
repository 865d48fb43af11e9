//! What the pages are dressed with: files of the program itself, which hold nothing of anybody.

use std::sync::LazyLock;

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, EntityTag, Header, IfNoneMatch},
};
use sha2::{Digest, Sha256};

use super::document::secured;

/// A file that pages refer to.
pub struct Asset {
    /// Where it is.
    pub path: &'static str,
    kind: &'static str,
    text: &'static str,
    tag: LazyLock<String>,
}

/// How the pages look.
pub const STYLE: &str = "/ui/style.css";
/// What keeps them up to date.
pub const SCRIPT: &str = "/ui/live.js";
/// The sign in a browser's tab.
pub const ICON: &str = "/ui/icon.svg";

const STYLE_TEXT: &str = include_str!("style.css");
const SCRIPT_TEXT: &str = include_str!("live.js");
const ICON_TEXT: &str = include_str!("icon.svg");

/// Every one there is.
pub static ALL: [Asset; 3] = [
    Asset {
        path: STYLE,
        kind: "text/css; charset=utf-8",
        text: STYLE_TEXT,
        tag: LazyLock::new(|| tag(STYLE_TEXT)),
    },
    Asset {
        path: SCRIPT,
        kind: "text/javascript; charset=utf-8",
        text: SCRIPT_TEXT,
        tag: LazyLock::new(|| tag(SCRIPT_TEXT)),
    },
    Asset { path: ICON, kind: "image/svg+xml", text: ICON_TEXT, tag: LazyLock::new(|| tag(ICON_TEXT)) },
];

fn tag(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The file. A browser keeps it and asks each time whether it is still the same, because the next version of the
/// program brings another one under the same name.
pub async fn serve(asset: &'static Asset, request: HttpRequest) -> HttpResponse {
    let tag = EntityTag::new_strong(asset.tag.clone());
    let known = match IfNoneMatch::parse(&request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|one| one.weak_eq(&tag)),
        Err(_) => false,
    };
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    secured(&mut response);
    response.insert_header(header::ETag(tag)).insert_header((header::CACHE_CONTROL, "no-cache"));
    if known { response.finish() } else { response.content_type(asset.kind).body(asset.text) }
}
