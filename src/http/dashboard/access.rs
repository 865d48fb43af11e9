//! Who may see the pages, and whose clicks count.

use std::net::IpAddr;

use actix_web::{HttpRequest, http::uri::Authority};
use base64::{Engine, prelude::BASE64_STANDARD};

use crate::http::{door::forbidden, error::HttpError, gateway::Gateway};

/// Lets administrators pass: whoever has their key, as a bearer or as the password of HTTP Basic, with any name.
/// Without such a key everybody on this machine passes who calls it by a name of its own. Under another name it may be
/// somebody's page in a browser here, whose name was made to lead to this machine.
pub fn allow(request: &HttpRequest, gateway: &Gateway) -> Result<(), HttpError> {
    if !gateway.door.has_administrator() && !header(request, "host").is_some_and(is_loopback) {
        let message = "Without BATCH_GPT_ADMIN_KEY the dashboard is for browsers on this machine, at \
            http://localhost or http://127.0.0.1.";
        return Err(forbidden(message));
    }
    let password = header(request, "authorization").and_then(password);
    gateway.door.browser(request, password.as_deref())
}

/// Lets clicks on the dashboard's own pages pass. A browser sends the password along whoever makes it call, so what
/// another site's page sends must not count. Browsers say where a call comes from; who says nothing is none, and has
/// the API.
pub fn own_click(request: &HttpRequest) -> Result<(), HttpError> {
    let [site, origin, host] = ["sec-fetch-site", "origin", "host"].map(|name| header(request, name));
    if is_own(site, origin, host) {
        return Ok(());
    }
    Err(forbidden("This did not come from a page of the dashboard."))
}

fn is_own(site: Option<&str>, origin: Option<&str>, host: Option<&str>) -> bool {
    match site {
        Some(site) => site == "same-origin",
        // Browsers name the site only to those that they trust: not over plain HTTP to another machine.
        None => origin
            .and_then(|origin| origin.split_once("://"))
            .zip(host)
            .is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host)),
    }
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The password of HTTP Basic.
fn password(authorization: &str) -> Option<String> {
    let (scheme, credentials) = authorization.split_once(' ')?;
    let decoded =
        BASE64_STANDARD.decode(credentials.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"));
    let decoded = String::from_utf8(decoded?).ok()?;
    decoded.split_once(':').map(|(_, password)| password.to_owned())
}

/// Whether a `Host` names this machine as nobody else's name server can.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_its_own() {
        for own in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.3.2.1", "[::1]:8080"] {
            assert!(is_loopback(own), "{own}");
        }
        for foreign in
            ["", "example.org", "localhost.example.org", "127.0.0.1.example.org:80", "10.0.0.1", "a b"]
        {
            assert!(!is_loopback(foreign), "{foreign}");
        }
    }

    #[test]
    fn only_clicks_on_own_pages_count() {
        let host = Some("gateway:8080");
        for (site, origin, own) in [
            (Some("same-origin"), None, true),
            (Some("same-origin"), Some("http://elsewhere"), true),
            (Some("same-site"), Some("http://gateway:8080"), false),
            (Some("cross-site"), Some("http://gateway:8080"), false),
            (Some("none"), None, false),
            (None, Some("http://gateway:8080"), true),
            (None, Some("https://Gateway:8080"), true),
            (None, Some("http://gateway"), false),
            (None, Some("null"), false),
            (None, None, false),
        ] {
            assert_eq!(is_own(site, origin, host), own, "{site:?} {origin:?}");
        }
        assert!(!is_own(None, Some("http://gateway:8080"), None));
    }

    #[test]
    fn the_password_of_basic_is_what_follows_the_name() {
        let encoded = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        assert_eq!(password(&encoded("me:sk:1")), Some("sk:1".into()));
        assert_eq!(password(&encoded(":sk")), Some("sk".into()));
        for none in [&encoded("sk"), "Basic ?", "Basic", "Bearer c2stMTpzay0x"] {
            assert_eq!(password(none), None, "{none}");
        }
    }
}
