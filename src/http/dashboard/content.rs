//! What a request holds, as text: a body as it is, with line breaks for people.

use maud::{Markup, html};

use super::elements::number_of;

/// Bytes of a body that are shown.
const SHOWN: usize = 16 << 10;

/// A body under a heading.
pub fn card(heading: &str, body: &[u8]) -> Markup {
    let (text, left) = shown(body);
    html! {
        section.card.content {
            details #(heading.to_lowercase()) open {
                summary { h2 { (heading) } span.note { (number_of(body.len() as u64, "byte", "bytes")) } }
                pre tabindex="0" { code { (indented(&text)) } }
                @if left > 0 { p.note { (number_of(left as u64, "byte is", "bytes are")) " left out." } }
            }
        }
    }
}

/// The beginning of a body, and how many bytes are left out.
fn shown(body: &[u8]) -> (String, usize) {
    let shown = &body[..body.len().min(SHOWN)];
    (String::from_utf8_lossy(shown).into_owned(), body.len() - shown.len())
}

/// JSON in lines. Only white space between members is added, so numbers, escapes and the order stay as they are, and
/// a text that is cut short is no matter.
fn indented(json: &str) -> String {
    let mut lines = Lines::default();
    let (mut in_text, mut escaped) = (false, false);
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if in_text {
            lines.text.push(letter);
            in_text = escaped || letter != '"';
            escaped = letter == '\\' && !escaped;
            continue;
        }
        match letter {
            '{' | '[' => match letters.next_if(|next| matches!(next, '}' | ']')) {
                Some(close) => lines.text.extend([letter, close]),
                None => lines.open(letter),
            },
            '}' | ']' => lines.close(letter),
            ',' => lines.next(letter),
            ':' => lines.text.push_str(": "),
            letter if letter.is_ascii_whitespace() => {}
            letter => {
                in_text = letter == '"';
                lines.text.push(letter);
            }
        }
    }
    lines.text
}

/// Deepest indentation: a body may be nested as deep as it likes.
const DEEPEST: usize = 20;

#[derive(Default)]
struct Lines {
    text: String,
    depth: usize,
}

impl Lines {
    fn open(&mut self, letter: char) {
        self.depth += 1;
        self.next(letter);
    }

    fn close(&mut self, letter: char) {
        self.depth = self.depth.saturating_sub(1);
        self.begin();
        self.text.push(letter);
    }

    fn next(&mut self, letter: char) {
        self.text.push(letter);
        self.begin();
    }

    fn begin(&mut self) {
        self.text.push('\n');
        self.text.push_str(&"  ".repeat(self.depth.min(DEEPEST)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_white_space_is_added() {
        let json = r#"{"a":1e400,"b":[],"c":["x,{\"y\":","é",{}],"d":{"e":null}}"#;
        let lines = "{\n  \"a\": 1e400,\n  \"b\": [],\n  \"c\": [\n    \"x,{\\\"y\\\":\",\n    \"é\",\n    {}\n  ],\n  \
            \"d\": {\n    \"e\": null\n  }\n}";
        assert_eq!(indented(json), lines);
        for odd in ["", "}}", r#"{"a":"cut \"#, "no JSON at all"] {
            let squeeze = |text: &str| text.replace([' ', '\n'], "");
            assert_eq!(squeeze(&indented(odd)), squeeze(odd));
        }
        let deep = indented(&"[".repeat(1_000));
        assert!(deep.len() < 1_000 * (DEEPEST * 2 + 3));
    }

    #[test]
    fn what_is_long_is_cut_and_that_is_said() {
        let long = "ä".repeat(SHOWN);
        let card = card("Asked", long.as_bytes()).into_string();
        assert!(
            card.contains("16,384 bytes are left out") && card.contains("32,768 bytes"),
            "{}",
            card.len()
        );
    }

    #[test]
    fn markup_in_it_is_text() {
        let card = card("Asked", br#"{"x":"<script>alert(1)</script>"}"#).into_string();
        assert!(card.contains("&lt;script&gt;") && !card.contains("<script"));
    }
}
