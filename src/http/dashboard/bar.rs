//! Progress in three parts: completed, failed, remaining.

use batch_gpt_actors::rules::timeline::LineCounts;
use maud::{Markup, html};

use crate::terminal::wording::grouped;

/// A hundred parts of a bar's width.
const WIDTH: f64 = 100.0;
/// Least width of a part that is not nothing.
const SEEN: f64 = 1.0;

/// The bar. It is a drawing, because a policy that forbids styles in the page forbids widths there, too.
pub fn bar(counts: LineCounts) -> Markup {
    let (completed, failed) = parts(counts);
    let [done, bad, left] = [counts.completed, counts.failed, counts.left()].map(grouped);
    let words = format!("{done} completed, {bad} failed, {left} remaining");
    html! {
        svg.bar role="img" aria-label=(words) viewBox="0 0 100 8" preserveAspectRatio="none" {
            rect.completed x="0" y="0" height="8" width=(format!("{completed:.2}")) {}
            rect.failed x=(format!("{completed:.2}")) y="0" height="8" width=(format!("{failed:.2}")) {}
        }
    }
}

/// The bar with its numbers.
pub fn legend(counts: LineCounts) -> Markup {
    let percent = counts.percent().map_or_else(String::new, |percent| format!("{percent} %"));
    html! {
        div.progress {
            (bar(counts))
            p {
                span.key.completed { (grouped(counts.completed)) " completed" }
                span.key.failed { (grouped(counts.failed)) " failed" }
                span.key.left { (grouped(counts.left())) " remaining" }
                span.percent { (percent) }
            }
        }
    }
}

/// Widths of what is completed and of what is failed. One failure of thousands is seen, and only what is complete
/// fills the bar.
fn parts(counts: LineCounts) -> (f64, f64) {
    if counts.total == 0 {
        return (0.0, 0.0);
    }
    let share = |lines: u64| lines.min(counts.total) as f64 / counts.total as f64 * WIDTH;
    let least = |lines: u64, width: f64| if lines > 0 { width.max(SEEN) } else { 0.0 };
    let room = if counts.left() > 0 { WIDTH - SEEN } else { WIDTH };
    let failed = least(counts.failed, share(counts.failed)).min(room);
    (least(counts.completed, share(counts.completed)).min(room - failed), failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_its_share_and_what_is_little_is_seen() {
        let parts = |completed, failed, total| parts(LineCounts { total, completed, failed });
        assert_eq!(parts(5, 3, 10), (50.0, 30.0));
        assert_eq!(parts(0, 0, 0), (0.0, 0.0));
        assert_eq!(parts(49_999, 1, 50_000), (99.0, 1.0));
        assert_eq!(parts(49_999, 0, 50_000), (99.0, 0.0));
        assert_eq!(parts(0, 10, 10), (0.0, 100.0));
        let (completed, failed) = parts(9, 9, 3);
        assert!(completed + failed <= WIDTH);
    }
}
