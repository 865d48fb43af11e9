//! A place in a list that is longer than the screen.

/// The chosen row, and the first one on the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The chosen row.
    pub at: usize,
    /// The first row on the screen.
    pub top: usize,
}

impl Cursor {
    /// Moves by so many rows, and not beyond the ends.
    pub fn step(&mut self, by: isize) {
        self.at = self.at.saturating_add_signed(by);
    }

    /// Keeps the chosen row among so many, and on a screen of so many.
    pub fn keep(&mut self, rows: usize, height: usize) {
        self.at = self.at.min(rows.saturating_sub(1));
        let height = height.max(1);
        let lowest = rows.saturating_sub(height);
        self.top = self.top.min(lowest).clamp((self.at + 1).saturating_sub(height), self.at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_row_is_always_on_the_screen() {
        let mut cursor = Cursor::default();
        for (by, rows, height) in
            [(5, 10, 3), (-2, 10, 3), (99, 10, 3), (0, 4, 3), (0, 0, 3), (1, 2, 0), (-9, 7, 9)]
        {
            cursor.step(by);
            cursor.keep(rows, height);
            assert!(cursor.top <= cursor.at && cursor.at < rows.max(1), "{cursor:?}");
            assert!(cursor.at < cursor.top + height.max(1), "{cursor:?}");
        }
    }

    #[test]
    fn the_screen_moves_only_when_it_must() {
        let mut cursor = Cursor { at: 5, top: 3 };
        cursor.step(-1);
        cursor.keep(20, 4);
        assert_eq!(cursor, Cursor { at: 4, top: 3 });
        cursor.step(-2);
        cursor.keep(20, 4);
        assert_eq!(cursor, Cursor { at: 2, top: 2 });
    }
}
