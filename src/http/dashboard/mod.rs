//! The dashboard: pages that are made here and are whole without a script. One file for each page.
//!
//! `live.js` fetches the page again every two seconds and puts what has changed in its place. Nothing comes from
//! elsewhere, and nothing stands in a page that the policy of its headers would have to allow for it: no script, no
//! style, no event.

mod access;
mod actions;
mod actors;
mod assets;
mod bar;
mod batch;
mod batches;
mod content;
mod document;
mod elements;
mod fault;
mod find;
mod listed;
mod overview;
mod request;
mod requests;
mod timeline;

use actix_web::{
    http::Method,
    web::{self, ServiceConfig},
};

use super::operations::{
    Audience::{Administrators, Anybody},
    Operation, serve,
};

/// Registers the pages, what they are dressed with, and the two things that can be done on them. They are no
/// operations of the API: a browser knocks otherwise, and gets a page whatever comes of it.
pub fn register(config: &mut ServiceConfig) {
    let page = |pattern, route| Operation::new(Method::GET, pattern, Administrators, route);
    let action = |pattern, route| Operation::new(Method::POST, pattern, Administrators, route);
    let mut all = vec![
        page("/", web::to(overview::page)),
        page("/ui/find", web::to(find::find)),
        page("/ui/batches", web::to(batches::page)),
        page("/ui/batches/{id}", web::to(batch::page)),
        action("/ui/batches/{id}/cancel", web::to(actions::cancel_batch)),
        page("/ui/requests", web::to(requests::page)),
        page("/ui/requests/{id}", web::to(request::page)),
        action("/ui/requests/{id}/cancel", web::to(actions::cancel_request)),
        page("/ui/actors", web::to(actors::page)),
    ];
    for asset in &assets::ALL {
        let route = web::to(move |request| assets::serve(asset, request));
        all.push(Operation::new(Method::GET, asset.path, Anybody, route));
    }
    serve(config, all);
}
