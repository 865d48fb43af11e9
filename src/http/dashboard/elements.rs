//! Elements that pages share: how a status, a time, an amount and an id look.

use batch_gpt_actors::rules::{
    price::Money,
    time::{Millis, Timestamp},
};
use maud::{Markup, html};

use crate::terminal::wording::{brief, date, dollars, grouped};

/// Characters of an id that are shown at its beginning and at its end where there is no room for all of it.
const ENDS: (usize, usize) = (12, 6);

/// Where a batch's page is.
pub fn batch_path(id: &str) -> String {
    format!("/ui/batches/{}", segment(id))
}

/// Where a request's page is.
pub fn request_path(id: &str) -> String {
    format!("/ui/requests/{}", segment(id))
}

/// A text as one segment of a path, or as a value of a query: an upstream may call things as it likes.
pub fn segment(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escaped).collect()
}

/// A link with an id that is cut in its middle, to a page that has all of it.
pub fn id_link(path: &str, id: &str) -> Markup {
    html! { a.id href=(path) title=(id) { (cut(id)) } }
}

fn cut(id: &str) -> String {
    let (head, tail) = ENDS;
    let letters: Vec<char> = id.chars().collect();
    if letters.len() <= head + tail + 1 {
        return id.to_owned();
    }
    let part = |letters: &[char]| letters.iter().collect::<String>();
    format!("{}…{}", part(&letters[..head]), part(&letters[letters.len() - tail..]))
}

/// A status in its own word, with a colour that says how it goes.
pub fn pill(word: &str) -> Markup {
    let tone = match word {
        "completed" | "running" => "good",
        "failed" | "expired" => "bad",
        "cancelled" | "cancelling" | "withdrawn" | "stopped" => "off",
        "queued" | "sealed" | "uploaded" => "soon",
        _ => "on",
    };
    html! { span.pill.(tone) { (word.replace('_', " ")) } }
}

/// A duration. What is shorter than ten seconds has a tenth.
pub fn lasting(span: Millis) -> String {
    let Millis(millis) = span;
    if millis < 10_000 { format!("{}.{}s", millis / 1000, millis % 1000 / 100) } else { brief(millis / 1000) }
}

/// A moment, as how long ago it was; all of it shows where one points at it.
pub fn ago(at: Timestamp, now: Timestamp) -> Markup {
    let whole = date(at.seconds());
    html! { time datetime=(iso(at)) title=(whole) { (brief(now.since(at).0 / 1000)) " ago" } }
}

/// A moment, all of it.
pub fn moment(at: Timestamp) -> Markup {
    html! { time datetime=(iso(at)) { (date(at.seconds())) } }
}

fn iso(at: Timestamp) -> String {
    date(at.seconds()).replacen(' ', "T", 1).replace(" UTC", "Z")
}

/// Money; an unknown amount is never nothing.
pub fn money(amount: Option<Money>) -> String {
    amount.map_or_else(|| "unknown".into(), |amount| dollars(amount.nano_dollars()))
}

/// A name and what it has.
pub fn fact(name: &str, what: Markup) -> Markup {
    html! { div { dt { (name) } dd { (what) } } }
}

/// So many of them; one is spelt otherwise than many.
pub fn number_of(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// A number with its name, which leads somewhere if `path` says where.
pub fn tile(name: &str, count: u64, path: Option<&str>) -> Markup {
    let inner = html! { span.number { (grouped(count)) } span.name { (name) } };
    match path {
        Some(path) => html! { a.tile href=(path) { (inner) } },
        None => html! { div.tile { (inner) } },
    }
}

/// A table that can be scrolled by keyboard where it is wider than the screen.
pub fn wide(label: &str, table: Markup) -> Markup {
    html! { div.wide role="region" aria-label=(label) tabindex="0" { (table) } }
}

/// A button that does something for good, behind a first click that only says so.
pub fn cancel_form(action: &str, what: &str, consequence: &str) -> Markup {
    html! {
        details.cancel #cancel {
            summary { "Cancel the " (what) "…" }
            form method="post" action=(action) {
                p { (consequence) }
                button.danger type="submit" { "Cancel it now" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_cut_in_the_middle_and_escaped_in_paths() {
        assert_eq!(cut("batch_1"), "batch_1");
        assert_eq!(cut("batch_673a1e00aa4c81909c1f7a8b9c0d1e30"), "batch_673a1e…0d1e30");
        assert_eq!(batch_path("a/../b?<c>"), "/ui/batches/a%2F..%2Fb%3F%3Cc%3E");
    }

    #[test]
    fn whatever_is_shown_is_escaped() {
        let link = id_link(&batch_path("\"<b>"), "\"<b>").into_string();
        assert!(!link.contains("<b>") && link.contains("&lt;b&gt;") && link.contains("&quot;"), "{link}");
    }

    #[test]
    fn short_durations_have_a_tenth_and_moments_are_whole() {
        assert_eq!(
            [0, 950, 9_999, 10_000, 61_000].map(|it| lasting(Millis(it))),
            ["0.0s", "0.9s", "9.9s", "10s", "1m 01s"]
        );
        let at = Timestamp(1_700_000_000_000);
        assert_eq!(iso(at), "2023-11-14T22:13:20Z");
        assert!(ago(at, at + Millis(65_000)).into_string().contains(">1m 05s ago<"));
        assert_eq!(money(None), "unknown");
    }
}
