//! Progress in three parts: completed, failed, left.

use batch_gpt_actors::rules::timeline::LineCounts;
use ratatui::text::Span;

use super::palette::Palette;

const COMPLETED: &str = "█";
const FAILED: &str = "▒";
const LEFT: &str = "·";

/// A bar of so many columns. The parts have signs of their own, so that it can be read without colours.
pub fn bar(counts: LineCounts, width: usize, palette: Palette) -> [Span<'static>; 3] {
    let (completed, failed) = parts(counts, width);
    let left = width - completed - failed;
    [
        Span::styled(COMPLETED.repeat(completed), palette.good()),
        Span::styled(FAILED.repeat(failed), palette.bad()),
        Span::styled(LEFT.repeat(left), palette.label()),
    ]
}

/// Columns of what is completed and of what is failed. A failure is seen even if it is one of thousands, and only what
/// is complete fills the bar.
fn parts(counts: LineCounts, width: usize) -> (usize, usize) {
    let Some(total) = Some(counts.total).filter(|total| *total > 0) else {
        return (0, 0);
    };
    let columns = |lines: u64| {
        let share = u128::from(lines.min(total)) * width as u128 / u128::from(total);
        usize::try_from(share).unwrap_or(width)
    };
    let full = columns(total - counts.left());
    let failed = columns(counts.failed).max(usize::from(counts.failed > 0)).min(width);
    (full.saturating_sub(failed), failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(completed: u64, failed: u64, total: u64) -> String {
        let spans = bar(LineCounts { completed, failed, total }, 10, Palette::new(false));
        spans.map(|span| span.content.into_owned()).concat()
    }

    #[test]
    fn each_part_has_its_share() {
        assert_eq!(drawn(5, 3, 10), "█████▒▒▒··");
        assert_eq!(drawn(10, 0, 10), "██████████");
        assert_eq!(drawn(0, 10, 10), "▒▒▒▒▒▒▒▒▒▒");
        assert_eq!(drawn(0, 0, 0), "··········");
    }

    #[test]
    fn one_failure_of_thousands_is_seen_and_one_line_left_is_too() {
        assert_eq!(drawn(49_999, 1, 50_000), "█████████▒");
        assert_eq!(drawn(49_999, 0, 50_000), "█████████·");
        assert_eq!(drawn(0, 1, 50_000), "▒·········");
    }

    #[test]
    fn counts_that_make_no_sense_stay_within_the_bar() {
        for (completed, failed, total) in [(9, 9, 3), (u64::MAX, u64::MAX, u64::MAX), (1, u64::MAX, 2)] {
            assert_eq!(drawn(completed, failed, total).chars().count(), 10);
        }
    }
}
