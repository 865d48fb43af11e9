//! The rows above the list.

use batch_gpt_actors::rules::upstream_batch::BatchStatus;
use ratatui::{
    Frame,
    layout::{Alignment, Rect},
    text::{Line, Span, Text},
};

use super::lost_for;
use crate::{
    monitor::{picture::Picture, state::Monitor, tab::Tab},
    terminal::{
        bar::bar,
        palette::Palette,
        wording::{at_a_glance, clock, grouped},
    },
};

/// Statuses that the counters tell apart; the tabs count the ends.
const RUNNING: [BatchStatus; 4] =
    [BatchStatus::Validating, BatchStatus::InProgress, BatchStatus::Finalizing, BatchStatus::Cancelling];
/// Columns of the bar of everything under way.
const BAR: usize = 12;

/// Which gateway, and since when it is lost, or what time it is.
pub fn header(frame: &mut Frame<'_>, place: Rect, monitor: &Monitor, palette: Palette) {
    let title = Line::from(vec![
        Span::styled(" batch-gpt ", palette.heading()),
        Span::styled(monitor.address.clone(), palette.label()),
    ]);
    let state = match &monitor.lost {
        Some(loss) => {
            let words =
                format!(" lost since {} ({}) ", clock(loss.since / 1_000), lost_for(loss.since, monitor.now));
            Line::styled(words, palette.alarm())
        }
        None if monitor.picture.is_none() => Line::styled(" connecting ", palette.label()),
        None => Line::styled(format!(" {} ", clock(monitor.seconds())), palette.label()),
    };
    frame.render_widget(title, place);
    // The state lies above the address where both have no room.
    let width = u16::try_from(state.width()).unwrap_or(u16::MAX).min(place.width);
    let right = Rect { x: place.right() - width, width, ..place };
    frame.render_widget(state.alignment(Alignment::Right), right);
}

/// How many batches and lines are where.
pub fn counters(frame: &mut Frame<'_>, place: Rect, monitor: &Monitor, palette: Palette) {
    let Some(picture) = &monitor.picture else {
        return;
    };
    let mut lines = vec![statuses(picture, palette)];
    if place.height > 1 {
        lines.push(requests(picture, palette));
        lines.extend(
            picture.overview.as_ref().map(|overview| Line::from(format!(" {}", at_a_glance(overview)))),
        );
    }
    frame.render_widget(Text::from(lines), place);
}

fn statuses(picture: &Picture, palette: Palette) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for status in RUNNING {
        let count = picture.with_status(status);
        let style = if count > 0 { palette.status(status) } else { palette.label() };
        spans.push(Span::styled(format!("{} {count}   ", status.as_str().replace('_', " ")), style));
    }
    Line::from(spans)
}

/// What the batches under way tell of their requests.
fn requests(picture: &Picture, palette: Palette) -> Line<'static> {
    let lines = picture.under_way();
    if lines.total == 0 {
        return Line::styled(" no requests under way", palette.label());
    }
    let mut spans = vec![Span::styled(" under way  ", palette.label())];
    spans.extend(bar(lines, BAR, palette));
    let [completed, failed, left, total] =
        [lines.completed, lines.failed, lines.left(), lines.total].map(grouped);
    let words = format!(" {completed} completed, {failed} failed, {left} left of {total}");
    spans.push(Span::raw(words));
    Line::from(spans)
}

/// The tabs with how many batches each has; on a narrow screen only the one that is open.
pub fn tabs(frame: &mut Frame<'_>, place: Rect, monitor: &Monitor, palette: Palette) {
    let title = |tab: Tab| {
        let count = monitor.picture.as_ref().map_or(0, |picture| picture.count(tab));
        let style = if tab == monitor.tab { palette.chosen() } else { palette.label() };
        Span::styled(format!(" {} {count} ", tab.title()), style)
    };
    let all = Tab::ALL.into_iter().flat_map(|tab| [Span::raw(" "), title(tab)]);
    let all = Line::from_iter(all);
    let line = if all.width() <= usize::from(place.width) {
        all
    } else {
        Line::from(vec![Span::raw("‹"), title(monitor.tab), Span::raw("›")])
    };
    frame.render_widget(line, place);
}
