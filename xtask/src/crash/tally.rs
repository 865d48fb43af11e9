//! Where in the life of requests and batches the kills fell.

use std::fmt;

/// How the gateway begins the line in which it says what an earlier life left.
const FOUND: &str = "took up what an earlier run left: ";

/// Numbers of that line: open requests, requests in batches; batches sealed, uploaded, created, answered in part.
pub(super) type Census = [usize; 6];

/// The line's numbers, if it was said.
pub(super) fn census(said: &str) -> Option<Census> {
    let (_, line) = said.split_once(FOUND)?;
    let line = line.lines().next()?;
    let mut numbers =
        line.split(|letter: char| !letter.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
    let mut census = Census::default();
    for number in &mut census {
        *number = numbers.next()?;
    }
    Some(census)
}

/// The lives that followed a kill.
#[derive(Debug, Default)]
pub(super) struct Tally {
    lives: usize,
    silent: usize,
    nothing: usize,
    found: Census,
}

impl Tally {
    /// One more life, by what it said.
    pub(super) fn life(&mut self, said: &str) {
        self.lives += 1;
        match census(said) {
            Some(census) => {
                for (found, number) in self.found.iter_mut().zip(census) {
                    *found += usize::from(number > 0);
                }
            }
            None if said.contains(" serves ") => self.nothing += 1,
            None => self.silent += 1,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [open, awaited, sealed, uploaded, created, answered] = self.found;
        writeln!(f, "of {} starts, so many found", self.lives)?;
        writeln!(f, "  {open:4} requests in no batch")?;
        writeln!(f, "  {awaited:4} requests in a batch, without an answer")?;
        writeln!(f, "  {sealed:4} a batch sealed and not known to be uploaded")?;
        writeln!(f, "  {uploaded:4} a batch uploaded and not known to be created")?;
        writeln!(f, "  {created:4} a batch created and not answered")?;
        writeln!(f, "  {answered:4} a batch answered in part or wholly, and not settled")?;
        writeln!(f, "  {:4} nothing", self.nothing)?;
        writeln!(f, "  {:4} were killed before they had read the journal", self.silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_read_from_the_gateways_own_words() {
        let said = "[2026-01-01T00:00:00Z INFO  batch_gpt::app] took up what an earlier run left: 3 requests in no \
                    batch and 12 in batches; batches: 1 sealed, 0 uploaded, 2 created, 1 answered in part\n";
        assert_eq!(census(said), Some([3, 12, 1, 0, 2, 1]));
        assert_eq!(census("nothing of the kind"), None);
    }
}
