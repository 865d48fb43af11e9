//! What answers took: tokens, and what they cost.

use std::ops::AddAssign;

use super::{
    price::{Money, Price},
    usage::Usage,
};

/// Sums over answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spending {
    /// Their tokens.
    pub usage: Usage,
    batch: Money,
    real_time: Money,
    /// Answers whose cost is in the sums.
    pub priced: u64,
    /// Answers whose cost nobody knows: of a model without a price, or without a count of tokens.
    pub unpriced: u64,
    /// A batch price that no table names was taken for half the real-time price.
    pub assumed: bool,
}

impl Spending {
    /// One answer.
    pub fn of(usage: Option<Usage>, price: Option<&Price>) -> Self {
        let mut one = Self { usage: usage.unwrap_or_default(), ..Self::default() };
        match price.filter(|price| usage.is_some() || price.is_free()) {
            Some(price) => {
                one.batch = price.batch(&one.usage);
                one.real_time = price.real_time(&one.usage);
                one.assumed = price.assumed;
                one.priced = 1;
            }
            None => one.unpriced = 1,
        }
        one
    }

    /// What they cost in batches; nothing is known if none has a price.
    pub fn batch(&self) -> Option<Money> {
        self.is_known().then_some(self.batch)
    }

    /// What they would have cost through the real-time API.
    pub fn real_time(&self) -> Option<Money> {
        self.is_known().then_some(self.real_time)
    }

    /// What the batches saved.
    pub fn saved(&self) -> Option<Money> {
        self.is_known().then_some(self.real_time.less(self.batch))
    }

    fn is_known(&self) -> bool {
        self.priced > 0 || self.unpriced == 0
    }
}

impl AddAssign for Spending {
    fn add_assign(&mut self, more: Self) {
        self.usage += more.usage;
        self.batch += more.batch;
        self.real_time += more.real_time;
        self.priced += more.priced;
        self.unpriced += more.unpriced;
        self.assumed |= more.assumed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::price::Prices;

    #[test]
    fn an_unknown_cost_is_never_nothing() {
        let table = r#"{"source":"","as_of":"","models":{"a":{"input":"2"},"free":{"input":"0"}}}"#;
        let prices = Prices::parse(table).unwrap();
        let usage = Some(Usage { input: 1_000_000, ..Usage::default() });
        let stranger = Spending::of(usage, prices.of("b"));
        assert_eq!((stranger.batch(), stranger.usage.input), (None, 1_000_000));
        assert_eq!(Spending::of(None, prices.of("a")).batch(), None);
        assert_eq!(Spending::of(None, prices.of("free")).batch(), Some(Money::default()));
        let mut both = Spending::of(usage, prices.of("a"));
        both += stranger;
        assert_eq!(both.saved().map(Money::nano_dollars), Some(1_000_000_000));
        assert_eq!((both.priced, both.unpriced), (1, 1));
        assert_eq!(Spending::default().batch(), Some(Money::default()));
    }
}
