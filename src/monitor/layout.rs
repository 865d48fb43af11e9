//! Which row of the screen holds what. On a small screen the less important rows go first.

use ratatui::layout::{Constraint, Layout, Rect};

/// Rows for the list before the heading of its columns is worth one.
const TITLES_FROM: u16 = 6;

/// The parts of the screen, from top to bottom. A part without room has no height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// Which gateway, and whether it answers.
    pub header: Rect,
    /// Numbers.
    pub counters: Rect,
    /// Tabs.
    pub tabs: Rect,
    /// Headings of the columns.
    pub titles: Rect,
    /// Batches, or all about one.
    pub body: Rect,
    /// What is shown of what, and what went wrong.
    pub notice: Rect,
    /// Keys.
    pub footer: Rect,
}

impl Places {
    /// The parts of a screen.
    pub fn of(screen: Rect) -> Self {
        let height = screen.height;
        let row = |from: u16| u16::from(height >= from);
        let heights = [
            row(2),
            if height >= 18 { 3 } else { row(10) },
            row(4),
            row(TITLES_FROM + 2),
            0,
            row(5),
            row(TITLES_FROM),
        ];
        let constraints = heights.iter().enumerate().map(|(part, height)| match part {
            4 => Constraint::Fill(1),
            _ => Constraint::Length(*height),
        });
        let [header, counters, tabs, titles, body, notice, footer] =
            Layout::vertical(constraints).areas(screen);
        Self { header, counters, tabs, titles, body, notice, footer }
    }

    /// The place of the list without columns: a page of text, with a margin.
    pub fn page(&self) -> Rect {
        let margin = u16::from(self.body.width > 2);
        Rect { x: self.body.x + margin, width: self.body.width - 2 * margin, ..self.body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_of_the_list_is_seen_on_any_screen() {
        for height in 1..60 {
            for width in [1, 20, 80, 200] {
                let places = Places::of(Rect::new(0, 0, width, height));
                assert!(places.body.height >= 1, "{height}: {places:?}");
                assert!(places.body.bottom() <= height && places.footer.bottom() <= height);
            }
        }
    }
}
