//! All about one batch.

use batch_gpt_actors::rules::{outcome::ApiError, upstream_batch::LineError};
use ratatui::{
    style::Style,
    text::{Line, Span},
};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{
    bar::bar,
    palette::Palette,
    table::pad,
    wording::{NOTHING, brief, date, grouped, printable},
};
use crate::client::{Batch, timeline};

/// Columns of the names on the left.
const NAMES: usize = 15;
/// Longest bar.
const LONGEST_BAR: usize = 40;
/// Narrower than this, texts are cut instead of wrapped.
const NARROWEST: usize = 8;

/// A sheet that grows line by line.
struct Sheet {
    lines: Vec<Line<'static>>,
    width: usize,
    palette: Palette,
}

/// The batch in lines of at most so many columns, with what lasts counted up to `now` (seconds since 1970).
pub fn sheet(batch: &Batch, now: u64, width: usize, palette: Palette) -> Vec<Line<'static>> {
    let mut sheet = Sheet { lines: Vec::new(), width, palette };
    sheet.field("id", &batch.id);
    sheet.status(batch, now);
    sheet.field("endpoint", &batch.endpoint);
    sheet.field("model", &batch.model);
    sheet.progress(batch);
    if let Some((input, output)) = batch.tokens {
        sheet.field("tokens", &format!("{} in, {} out", grouped(input), grouped(output)));
    }
    sheet.timeline(batch, now);
    sheet.files(batch);
    if !batch.metadata.is_empty() {
        sheet.heading("Metadata");
        batch.metadata.iter().for_each(|(name, value)| sheet.field(name, value));
    }
    if !batch.upstream.errors.is_empty() {
        sheet.heading("Errors");
        batch.upstream.errors.iter().for_each(|error| sheet.error(error));
    }
    sheet.lines
}

impl Sheet {
    fn status(&mut self, batch: &Batch, now: u64) {
        let style = self.palette.status(batch.upstream.status);
        let mut words = batch.status.clone();
        if let Some(took) = batch.took() {
            words.push_str(&format!(" after {}", brief(took)));
        } else if let Some(expires) = batch.expires_at.filter(|_| batch.is_running()) {
            let window = &batch.window;
            let left = expires.saturating_sub(now);
            words.push_str(&format!(", expires in {} (window {window})", brief(left)));
        }
        self.styled("status", &words, style);
    }

    fn progress(&mut self, batch: &Batch) {
        let counts = batch.counts;
        let room = self.width.saturating_sub(NAMES + 6).min(LONGEST_BAR);
        let percent = counts.percent().map_or_else(String::new, |percent| format!("{percent:>4} %"));
        let mut spans = vec![Span::styled(pad("progress", NAMES, false), self.palette.label())];
        spans.extend(bar(counts, room, self.palette));
        spans.push(Span::raw(percent));
        self.lines.push(Line::from(spans));
        let [completed, failed, left, total] =
            [counts.completed, counts.failed, counts.left(), counts.total].map(grouped);
        self.field("", &format!("{completed} completed, {failed} failed, {left} left of {total}"));
    }

    fn timeline(&mut self, batch: &Batch, now: u64) {
        self.heading("Timeline");
        for stage in timeline(batch, now) {
            let lasted = match (stage.lasted, stage.is_on) {
                (Some(seconds), true) => format!("  {} so far", brief(seconds)),
                (Some(seconds), false) => format!("  {}", brief(seconds)),
                (None, _) => String::new(),
            };
            let style = if stage.is_on { self.palette.heading() } else { Style::new() };
            let name = stage.status.as_str().replace('_', " ");
            self.styled(&name, &format!("{}{lasted}", date(stage.at)), style);
        }
    }

    fn files(&mut self, batch: &Batch) {
        self.heading("Files");
        let upstream = &batch.upstream;
        let files = [
            ("input", &upstream.input_file),
            ("output", &upstream.output_file),
            ("errors", &upstream.error_file),
        ];
        for (name, file) in files {
            let file = file.as_ref().map_or_else(|| NOTHING.to_owned(), |file| printable(file.as_str()));
            self.field(name, &file);
        }
    }

    fn error(&mut self, error: &LineError) {
        let place = error.line.map_or_else(|| "all lines".into(), |line| format!("line {}", grouped(line)));
        let ApiError { message, code, .. } = &error.error;
        let code = code.as_ref().map_or_else(String::new, |code| format!("{}: ", printable(code)));
        self.styled(&place, &format!("{code}{}", printable(message)), self.palette.bad());
    }

    fn heading(&mut self, words: &'static str) {
        self.lines.push(Line::default());
        self.lines.push(Line::styled(words, self.palette.heading()));
    }

    fn field(&mut self, name: &str, text: &str) {
        self.styled(name, text, Style::new());
    }

    /// A name and its text, which goes on below itself where it is too long.
    fn styled(&mut self, name: &str, text: &str, style: Style) {
        let indent = NAMES.max(name.width() + 1);
        for (at, part) in wrap(text, self.width.saturating_sub(indent)).into_iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            let name = Span::styled(pad(name, indent, false), self.palette.label());
            self.lines.push(Line::from(vec![name, Span::styled(part, style)]));
        }
    }
}

/// The text in lines of at most so many columns, broken between words where there are any.
fn wrap(text: &str, width: usize) -> Vec<String> {
    if width < NARROWEST {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let used = lines.last().map_or(0, |line| line.width());
        if used > 0 && used + word.trim_end().width() > width {
            lines.push(String::new());
        }
        for c in word.chars() {
            let used = lines.last().map_or(0, |line| line.width());
            if used + c.width().unwrap_or(0) > width && c != ' ' {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_broken_between_words_and_long_words_anywhere() {
        assert_eq!(wrap("one two three four", 9), ["one two ", "three ", "four"]);
        assert_eq!(wrap("a 0123456789abc", 10), ["a ", "0123456789", "abc"]);
        assert_eq!(wrap("ab cd", 4), ["ab cd"]);
    }
}
