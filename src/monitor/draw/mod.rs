//! A state on a screen.

mod columns;
mod header;
mod help;

use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span, Text},
};

use super::{
    layout::Places,
    state::{Monitor, View},
};
use crate::terminal::{palette::Palette, sheet::sheet, wording::brief};

/// Draws the monitor.
pub fn draw(frame: &mut Frame<'_>, monitor: &Monitor, palette: Palette) {
    let places = Places::of(frame.area());
    header::header(frame, places.header, monitor, palette);
    header::counters(frame, places.counters, monitor, palette);
    header::tabs(frame, places.tabs, monitor, palette);
    match &monitor.view {
        View::List => list(frame, places, monitor, palette),
        View::Details(_, top) => details(frame, places, monitor, *top, palette),
        View::Help => text(frame, places.page(), help::lines(palette)),
    }
    frame.render_widget(notice(monitor, usize::from(places.body.height), palette), places.notice);
    frame.render_widget(keys(monitor, palette), places.footer);
}

fn text(frame: &mut Frame<'_>, place: Rect, lines: Vec<Line<'_>>) {
    frame.render_widget(Text::from(lines), place);
}

fn list(frame: &mut Frame<'_>, places: Places, monitor: &Monitor, palette: Palette) {
    let rows = monitor.rows();
    if rows.is_empty() {
        return text(frame, places.body, empty(monitor, palette));
    }
    let columns = columns::Columns::of(usize::from(places.body.width), &rows);
    frame.render_widget(columns.titles(palette), places.titles);
    let shown = rows.iter().enumerate().skip(monitor.cursor.top).take(usize::from(places.body.height));
    let lines = shown.map(|(at, batch)| {
        let line = columns.row(batch, monitor.seconds(), palette);
        if at == monitor.cursor.at { line.patch_style(palette.chosen()) } else { line }
    });
    text(frame, places.body, lines.collect());
}

/// What stands in place of a list without rows.
fn empty(monitor: &Monitor, palette: Palette) -> Vec<Line<'static>> {
    let words = match &monitor.picture {
        None if monitor.lost.is_some() => "  Nothing is known yet.".into(),
        None => "  Asking the gateway …".into(),
        Some(_) if !monitor.filter.is_empty() => "  No batch here fits the filter; esc clears it.".into(),
        Some(picture) if picture.batches.is_empty() => {
            format!("  No batches yet. Send a call to {}/v1.", monitor.address)
        }
        Some(_) => "  No batches here.".into(),
    };
    vec![Line::default(), Line::styled(words, palette.label())]
}

fn details(frame: &mut Frame<'_>, places: Places, monitor: &Monitor, top: usize, palette: Palette) {
    if let Some(batch) = monitor.opened() {
        let page = places.page();
        let lines = sheet(batch, monitor.seconds(), usize::from(page.width), palette);
        text(frame, page, lines.into_iter().skip(top).collect());
    }
}

/// What is wrong; otherwise which part is shown.
fn notice(monitor: &Monitor, height: usize, palette: Palette) -> Line<'static> {
    if let Some(loss) = &monitor.lost {
        return Line::styled(format!(" {}", loss.why), palette.alarm());
    }
    let overview = monitor.picture.as_ref().and_then(|picture| picture.overview.as_ref());
    if let Some(problem) = overview.and_then(|overview| overview.problems.first()) {
        return Line::styled(format!(" {problem}"), palette.alarm());
    }
    let mut words = String::new();
    if monitor.view == View::List {
        let count = monitor.rows().len();
        let last = (monitor.cursor.top + height).min(count);
        if count > 0 {
            words = format!(" {}–{last} of {count}", monitor.cursor.top + 1);
        }
        if monitor.picture.as_ref().is_some_and(|picture| picture.has_more) {
            words.push_str(", older ones are not shown");
        }
    }
    let mut spans = vec![Span::styled(words, palette.label())];
    if !monitor.filter.is_empty() && !monitor.typing {
        spans.push(Span::raw(format!("   filter: {}", monitor.filter)));
    }
    Line::from(spans)
}

/// The keys that do something now.
fn keys(monitor: &Monitor, palette: Palette) -> Line<'static> {
    if monitor.typing {
        let cursor = Span::styled(" ", palette.chosen());
        let hint = Span::styled("   enter keeps it · esc clears it", palette.label());
        return Line::from(vec![Span::raw(format!(" /{}", monitor.filter)), cursor, hint]);
    }
    let keys: &[(&str, &str)] = match monitor.view {
        View::List => &[
            ("←→", "tab"),
            ("↑↓", "batch"),
            ("enter", "details"),
            ("/", "filter"),
            ("r", "refresh"),
            ("?", "help"),
            ("q", "quit"),
        ],
        View::Details(..) => &[("↑↓", "scroll"), ("esc", "back"), ("r", "refresh"), ("q", "quit")],
        View::Help => &[("any key", "back"), ("q", "quit")],
    };
    let spans = keys.iter().flat_map(|(key, does)| {
        [
            Span::styled(format!(" {key}"), palette.heading()),
            Span::styled(format!(" {does} "), palette.label()),
        ]
    });
    Line::from_iter(spans)
}

/// Since when the gateway is lost, in words.
fn lost_for(since: u64, now: u64) -> String {
    brief(now.saturating_sub(since) / 1_000)
}
