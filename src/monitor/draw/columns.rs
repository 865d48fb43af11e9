//! The columns of the list, as many as the screen has room for.

use batch_gpt_actors::rules::timeline::LineCounts;
use ratatui::{
    style::Style,
    text::{Line, Span},
};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::{
    client::Batch,
    terminal::{
        bar::bar,
        palette::Palette,
        table::pad,
        wording::{NOTHING, brief_or_nothing, grouped},
    },
};

const STATUS: usize = 11;
const PERCENT: usize = 5;
const TIME: usize = 9;
const FAILED: usize = 9;
/// A shortened id, and one that is worth its room.
const SHORT_ID: usize = 18;
const SHORTEST_ID: usize = 10;
const MODEL: usize = 20;
const SHORTEST_BAR: usize = 10;
const LONGEST_BAR: usize = 40;

/// The widths of the columns; 0 for one that is left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Columns {
    id: usize,
    status: usize,
    model: usize,
    bar: usize,
    percent: usize,
    lines: usize,
    failed: usize,
    age: usize,
    took: usize,
}

impl Columns {
    /// The columns for a screen of this width. What is most worth knowing gets its room first.
    pub fn of(width: usize, rows: &[&Batch]) -> Self {
        let widest = |cell: fn(&Batch) -> usize| rows.iter().map(|batch| cell(batch)).max().unwrap_or(0);
        let full_id = widest(|batch| batch.id.width());
        let mut room = width.saturating_sub(1);
        let mut columns = Self::default();
        // Every column but the first has a space before it.
        let mut take = |wanted: usize| {
            let fits = wanted > 0 && wanted < room;
            room -= if fits { wanted + 1 } else { 0 };
            if fits { wanted } else { 0 }
        };
        columns.id = take(full_id.min(SHORT_ID));
        if columns.id == 0 {
            columns.id = take(SHORTEST_ID);
        }
        columns.status = take(STATUS);
        columns.bar = take(SHORTEST_BAR);
        columns.percent = take(PERCENT);
        columns.lines = take(widest(|batch| of_total(batch.counts).width()).max("LINES".len()));
        columns.age = take(TIME);
        columns.took = take(TIME);
        columns.failed = take(FAILED);
        if columns.id > 0 && full_id > columns.id && take(full_id - columns.id) > 0 {
            columns.id = full_id;
        }
        // Upstreams tell the model at the end, if at all.
        if rows.iter().any(|batch| batch.model != NOTHING) {
            columns.model = take(widest(|batch| batch.model.width()).clamp("MODEL".len(), MODEL));
        }
        if columns.bar > 0 {
            columns.bar += room.min(LONGEST_BAR - SHORTEST_BAR);
        }
        columns
    }

    /// Their headings.
    pub fn titles(&self, palette: Palette) -> Line<'static> {
        let cells = [
            (self.id, "BATCH", false),
            (self.status, "STATUS", false),
            (self.model, "MODEL", false),
            (self.bar, "PROGRESS", false),
            (self.percent, "", true),
            (self.lines, "LINES", true),
            (self.failed, "FAILED", true),
            (self.age, "AGE", true),
            (self.took, "TOOK", true),
        ];
        let mut line = Row::default();
        for (width, title, right) in cells {
            line.cell(width, title, right, palette.label());
        }
        line.line()
    }

    /// A batch.
    pub fn row(&self, batch: &Batch, now: u64, palette: Palette) -> Line<'static> {
        let plain = Style::new();
        let counts = batch.counts;
        let bad = if counts.failed > 0 { palette.bad() } else { plain };
        let percent = counts.percent().map_or_else(String::new, |percent| format!("{percent} %"));
        let mut row = Row::default();
        row.cell(self.id, &batch.id, false, plain);
        row.cell(self.status, &batch.status, false, palette.status(batch.upstream.status));
        row.cell(self.model, &batch.model, false, plain);
        row.spans(self.bar, bar(counts, self.bar, palette));
        row.cell(self.percent, &percent, true, plain);
        row.cell(self.lines, &of_total(counts), true, plain);
        row.cell(self.failed, &grouped(counts.failed), true, bad);
        row.cell(self.age, &brief_or_nothing(batch.age(now)), true, plain);
        row.cell(self.took, &brief_or_nothing(batch.took()), true, plain);
        row.line()
    }
}

fn of_total(counts: LineCounts) -> String {
    format!("{}/{}", grouped(counts.total - counts.left()), grouped(counts.total))
}

/// Cells one after the other.
#[derive(Default)]
struct Row(Vec<Span<'static>>);

impl Row {
    fn cell(&mut self, width: usize, text: &str, right: bool, style: Style) {
        let text = pad(&shortened(text, width), width, right);
        self.spans(width, [Span::styled(text, style)]);
    }

    fn spans(&mut self, width: usize, spans: impl IntoIterator<Item = Span<'static>>) {
        if width > 0 {
            self.0.push(Span::raw(" "));
            self.0.extend(spans);
        }
    }

    fn line(self) -> Line<'static> {
        Line::from(self.0)
    }
}

/// The text in at most so many columns. What is left out is left out in the middle, because ids differ at their ends.
fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let end = taken(text.chars().rev(), room / 2);
    let begin = taken(text.chars(), room - room / 2);
    begin.into_iter().chain(['…']).chain(end.into_iter().rev()).collect()
}

fn taken(chars: impl Iterator<Item = char>, room: usize) -> Vec<char> {
    let mut used = 0;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= room
    };
    chars.take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_loses_its_middle() {
        assert_eq!(shortened("batch_0123456789", 9), "batc…6789");
        assert_eq!(shortened("batch_1", 9), "batch_1");
        assert_eq!(shortened("一二三四五", 6), "一…五");
    }
}
