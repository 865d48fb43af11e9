//! Which colours mean what.

use std::env;

use batch_gpt_actors::rules::upstream_batch::BatchStatus;
use ratatui::style::{Color, Modifier, Style};

/// The colours, or their absence. Nothing is said by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    colours: bool,
}

impl Palette {
    /// With colours or without.
    pub fn new(colours: bool) -> Self {
        Self { colours }
    }

    /// With colours, unless `NO_COLOR` is set to anything (no-color.org) or the terminal is a dumb one.
    pub fn wanted() -> Self {
        let set = |name: &str| env::var_os(name).unwrap_or_default();
        Self::new(set("NO_COLOR").is_empty() && set("TERM") != "dumb")
    }

    fn colour(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    /// Names of things.
    pub fn label(self) -> Style {
        if self.colours { Style::new().fg(Color::DarkGray) } else { Style::new() }
    }

    /// Headings.
    pub fn heading(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What is chosen.
    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// What went well.
    pub fn good(self) -> Style {
        self.colour(Color::Green)
    }

    /// What went wrong.
    pub fn bad(self) -> Style {
        self.colour(Color::Red)
    }

    /// What wants to be noticed.
    pub fn alarm(self) -> Style {
        self.colour(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// Where a batch stands.
    pub fn status(self, status: BatchStatus) -> Style {
        match status {
            BatchStatus::Completed => self.good(),
            BatchStatus::Failed => self.bad(),
            BatchStatus::Expired | BatchStatus::Cancelling => self.colour(Color::Yellow),
            BatchStatus::Cancelled => self.label(),
            BatchStatus::Validating
            | BatchStatus::InProgress
            | BatchStatus::Finalizing
            | BatchStatus::Unknown => self.colour(Color::Cyan),
        }
    }
}
