//! Batches on standard output.

use std::io::{self, IsTerminal, Write};

use ratatui::{crossterm::terminal, text::Line};

use super::Format;
use crate::{
    client::Batch,
    http::gateway::now,
    terminal::{
        palette::Palette,
        print::{painted, plain},
        sheet::sheet,
        table::table,
    },
};

/// A form of output, and what the place it goes to can show.
pub struct Output {
    format: Format,
    is_terminal: bool,
    /// Columns of the terminal, if it is one.
    width: Option<usize>,
    palette: Palette,
}

impl Output {
    /// For standard output as it is.
    pub fn new(format: Format) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let size = if is_terminal { terminal::size().ok() } else { None };
        Self {
            format,
            is_terminal,
            width: size.map(|(columns, _)| usize::from(columns)).filter(|columns| *columns > 0),
            palette: Palette::wanted(),
        }
    }

    /// A list.
    pub fn list(&self, batches: &[Batch]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Table if batches.is_empty() => {}
            Format::Table => {
                let lines = table(batches, now_in_seconds(), self.width, self.palette);
                out.write_all(self.text(&lines).as_bytes())?;
            }
            Format::Json => {
                let objects: Vec<&str> = batches.iter().map(|batch| batch.upstream.raw.get()).collect();
                let (open, close) = if objects.is_empty() { ("[", "]") } else { ("[\n", "\n]") };
                writeln!(out, "{open}{}{close}", objects.join(",\n"))?;
            }
            Format::Jsonl => batches.iter().try_for_each(|batch| writeln!(out, "{}", line(batch)))?,
        }
        out.flush()
    }

    /// One batch.
    pub fn one(&self, batch: &Batch) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            Format::Table => {
                let lines = sheet(batch, now_in_seconds(), self.width.unwrap_or(usize::MAX), self.palette);
                out.write_all(self.text(&lines).as_bytes())?;
            }
            Format::Json => writeln!(out, "{}", batch.upstream.raw.get())?,
            Format::Jsonl => writeln!(out, "{}", line(batch))?,
        }
        out.flush()
    }

    fn text(&self, lines: &[Line<'_>]) -> String {
        if self.is_terminal { painted(lines) } else { plain(lines) }
    }
}

fn now_in_seconds() -> u64 {
    now().0 / 1_000
}

/// The object on one line. Line breaks can only stand between the members of valid JSON.
fn line(batch: &Batch) -> String {
    batch.upstream.raw.get().replace(['\n', '\r'], " ")
}
