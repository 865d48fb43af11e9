//! What is known of an input file that passed validation.

use std::ops::Range;

use bytes::Bytes;

use crate::endpoint::Endpoint;
use crate::random::Random;

/// A validated input file, ready to be executed.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) input: Bytes,
    pub(crate) endpoint: Endpoint,
    /// The one model all lines ask for.
    pub(crate) model: String,
    /// In the order of the file.
    pub(crate) lines: Vec<PlannedLine>,
    /// Prompt tokens of all lines together.
    pub(crate) prompt_tokens: u64,
    /// Positions in [`Plan::lines`] in the order in which the lines are executed and written.
    pub(crate) order: Vec<u32>,
    /// Places in [`Plan::order`] of the lines that will fail, ascending, so that counts shown in progress need
    /// no look at the lines.
    pub(crate) failing: Vec<u32>,
}

/// Where a line lies and how it will end.
#[derive(Debug)]
pub(crate) struct PlannedLine {
    pub(crate) range: Range<usize>,
    /// Known in advance because answers are a function of the line; only counts shown in progress use it.
    pub(crate) fails: bool,
}

impl Plan {
    /// Puts the lines in the order that belongs to `seed` and the number of the batch.
    pub(crate) fn shuffle(&mut self, seed: u64, batch: usize) {
        // The limit on requests is far below the range of the index type; a longer file keeps its tail order.
        let len = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        self.order = Random::from((seed, batch)).permutation(len);
        let fails = |position: u32| self.lines.get(position as usize).is_some_and(|line| line.fails);
        let places = (0..).zip(&self.order);
        self.failing = places.filter(|&(_, &position)| fails(position)).map(|(place, _)| place).collect();
    }

    /// How many of the lines executed first, `count` of them, fail.
    pub(crate) fn failures(&self, count: usize) -> usize {
        self.failing.partition_point(|&place| (place as usize) < count)
    }

    /// The lines executed first, `count` of them.
    pub(crate) fn first(&self, count: usize) -> impl Iterator<Item = &PlannedLine> {
        self.order.iter().take(count).filter_map(|&position| self.lines.get(position as usize))
    }

    /// The lines left when `count` have been executed.
    pub(crate) fn rest(&self, count: usize) -> impl Iterator<Item = &PlannedLine> {
        self.order.iter().skip(count).filter_map(|&position| self.lines.get(position as usize))
    }

    /// The bytes of one line.
    pub(crate) fn text(&self, line: &PlannedLine) -> &[u8] {
        self.input.get(line.range.clone()).unwrap_or_default()
    }
}
