//! What the keys do.

use ratatui::text::{Line, Span};

use crate::terminal::{palette::Palette, table::pad};

const KEYS: [(&str, &str); 10] = [
    ("← → h l, tab", "another tab"),
    ("↑ ↓ k j", "another batch; in the details, scroll"),
    ("pgup pgdn", "a screen up or down"),
    ("g G", "first, last"),
    ("enter", "all about the batch"),
    ("esc", "back; in the list, clear the filter"),
    ("/", "filter: words of the id, status, model, endpoint, metadata"),
    ("r", "read everything anew"),
    ("?", "this help"),
    ("q, ctrl-c", "quit"),
];
/// Columns of the keys.
const WIDTH: usize = 16;

/// The help.
pub fn lines(palette: Palette) -> Vec<Line<'static>> {
    let line = |(keys, does): (&'static str, &'static str)| {
        Line::from(vec![Span::styled(pad(keys, WIDTH, false), palette.heading()), Span::raw(does)])
    };
    let legend = Line::from(vec![
        Span::styled("███", palette.good()),
        Span::raw(" completed  "),
        Span::styled("▒▒▒", palette.bad()),
        Span::raw(" failed  "),
        Span::styled("···", palette.label()),
        Span::raw(" left"),
    ]);
    KEYS.into_iter().map(line).chain([Line::default(), legend]).collect()
}
