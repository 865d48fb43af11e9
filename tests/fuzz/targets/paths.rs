use batch_gpt::upstream::forward::strays;
use reqwest::Url;

const BASE: &str = "http://127.0.0.1:9/v1";

/// A path that is passed on leads to where its reader of URLs takes it, and that is below the base URL.
pub fn paths(data: &[u8]) {
    let Ok(place) = std::str::from_utf8(data) else { return };
    // Whatever else, the server's own reader refuses.
    if !place.starts_with('/') || place.bytes().any(|byte| !(b'!'..=b'~').contains(&byte) || byte == b'#') {
        return;
    }
    let path = place.split('?').next().unwrap_or_default();
    if strays(path) {
        return;
    }
    let Ok(url) = Url::parse(&format!("{BASE}{place}")) else { return };
    assert_eq!((url.host_str(), url.port()), (Some("127.0.0.1"), Some(9)), "{place}");
    let below = url.path().strip_prefix("/v1/").unwrap_or_else(|| panic!("{place} leads to {url}"));
    // As many steps as the client spelt: none of them leads up.
    let spelt = path[1..].split(['/', '\\']).count();
    assert_eq!(below.split('/').count(), spelt, "{place} leads to {url}");
}
