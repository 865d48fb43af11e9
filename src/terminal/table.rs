//! Batches as a table, a line each.

use ratatui::{
    style::Style,
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr;

use super::{
    palette::Palette,
    wording::{brief_or_nothing, grouped},
};
use crate::client::Batch;

/// Between two columns.
const GAP: usize = 2;

/// A column.
struct Column {
    title: &'static str,
    right: bool,
    /// The highest is left out first where the terminal is narrow.
    rank: u8,
    cell: fn(&Batch, u64) -> String,
}

const COLUMNS: [Column; 8] = [
    Column { title: "ID", right: false, rank: 0, cell: |batch, _| batch.id.clone() },
    Column { title: "STATUS", right: false, rank: 1, cell: |batch, _| batch.status.clone() },
    Column { title: "MODEL", right: false, rank: 7, cell: |batch, _| batch.model.clone() },
    Column { title: "DONE", right: true, rank: 3, cell: |batch, _| grouped(batch.counts.completed) },
    Column { title: "FAILED", right: true, rank: 4, cell: |batch, _| grouped(batch.counts.failed) },
    Column { title: "TOTAL", right: true, rank: 2, cell: |batch, _| grouped(batch.counts.total) },
    Column { title: "AGE", right: true, rank: 5, cell: |batch, now| brief_or_nothing(batch.age(now)) },
    Column { title: "TOOK", right: true, rank: 6, cell: |batch, _| brief_or_nothing(batch.took()) },
];
/// Which of them shows the status.
const STATUS: usize = 1;

/// The table with its heading, within so many columns if that can be.
pub fn table(batches: &[Batch], now: u64, width: Option<usize>, palette: Palette) -> Vec<Line<'static>> {
    let rows: Vec<_> = batches.iter().map(|batch| COLUMNS.map(|column| (column.cell)(batch, now))).collect();
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|at| {
            let cells = rows.iter().map(|row| row[at].width());
            cells.max().unwrap_or(0).max(COLUMNS[at].title.width())
        })
        .collect();
    let shown = fitting(&widths, width.unwrap_or(usize::MAX));
    let line = |cells: &[String], style: fn(usize, &Batch, Palette) -> Style, batch: Option<&Batch>| {
        let mut spans = Vec::new();
        for &at in &shown {
            let cell = pad(&cells[at], widths[at], COLUMNS[at].right);
            let style = batch.map_or_else(|| palette.label(), |batch| style(at, batch, palette));
            spans.push(Span::styled(cell, style));
            spans.push(Span::raw(" ".repeat(GAP)));
        }
        Line::from(spans)
    };
    let titles = COLUMNS.map(|column| column.title.to_owned());
    let heading = line(&titles, style, None);
    let lines = rows.iter().zip(batches).map(|(row, batch)| line(row, style, Some(batch)));
    std::iter::once(heading).chain(lines).collect()
}

fn style(at: usize, batch: &Batch, palette: Palette) -> Style {
    if at == STATUS { palette.status(batch.upstream.status) } else { Style::new() }
}

/// The columns that fit, the most important ones first kept. The id is never left out.
fn fitting(widths: &[usize], width: usize) -> Vec<usize> {
    let mut shown: Vec<usize> = (0..widths.len()).collect();
    let total = |shown: &[usize]| shown.iter().map(|&at| widths[at] + GAP).sum::<usize>() - GAP;
    while shown.len() > 1 && total(&shown) > width {
        let last = shown.iter().max_by_key(|&&at| COLUMNS[at].rank).copied();
        shown.retain(|at| Some(*at) != last);
    }
    shown
}

/// The text in so many columns.
pub fn pad(text: &str, width: usize, right: bool) -> String {
    let space = " ".repeat(width.saturating_sub(text.width()));
    if right { format!("{space}{text}") } else { format!("{text}{space}") }
}
