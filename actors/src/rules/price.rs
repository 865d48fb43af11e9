//! What tokens cost. Money is counted in whole pico-dollars, so that no sum is ever rounded.

use std::{collections::HashMap, fmt, ops::AddAssign};

use serde::Deserialize;

use super::usage::Usage;

/// An amount of dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Money {
    pico: u128,
}

impl Money {
    /// In billionths of a dollar, rounded to the nearest.
    pub fn nano_dollars(self) -> u64 {
        u64::try_from((self.pico + 500) / 1000).unwrap_or(u64::MAX)
    }

    /// What is left of it without `other`; nothing if that is more.
    pub fn less(self, other: Self) -> Self {
        Self { pico: self.pico.saturating_sub(other.pico) }
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, more: Self) {
        self.pico = self.pico.saturating_add(more.pico);
    }
}

impl fmt::Display for Money {
    /// Dollars, to the millionth.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micro = (self.pico + 500_000) / 1_000_000;
        write!(f, "${}.{:06}", micro / 1_000_000, micro % 1_000_000)
    }
}

/// What the kinds of tokens cost, each in micro-dollars for a million, which is pico-dollars for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rates {
    input: u64,
    cached: u64,
    output: u64,
}

impl Rates {
    fn cost(&self, usage: &Usage) -> Money {
        let cached = usage.cached.min(usage.input);
        let times = |tokens: u64, rate: u64| u128::from(tokens) * u128::from(rate);
        let pico = times(usage.input - cached, self.input)
            + times(cached, self.cached)
            + times(usage.output, self.output);
        Money { pico }
    }

    fn half(&self) -> Self {
        let half = |rate: u64| rate.div_ceil(2);
        Self { input: half(self.input), cached: half(self.cached), output: half(self.output) }
    }
}

/// The two ways to ask a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ways {
    real_time: Rates,
    batch: Rates,
}

/// Inputs of so many tokens and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Long {
    above: u64,
    ways: Ways,
}

/// What a model costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    usual: Ways,
    /// For all tokens of a request with a long input, where the model has such a price.
    long: Option<Long>,
    /// The table names no batch price, so half the real-time price is assumed.
    pub assumed: bool,
}

impl Price {
    /// What a request costs through the real-time API.
    pub fn real_time(&self, usage: &Usage) -> Money {
        self.ways(usage).real_time.cost(usage)
    }

    /// What it costs in a batch.
    pub fn batch(&self, usage: &Usage) -> Money {
        self.ways(usage).batch.cost(usage)
    }

    /// Whether it costs nothing however much is used.
    pub fn is_free(&self) -> bool {
        self.long.is_none() && self.usual.real_time == Rates { input: 0, cached: 0, output: 0 }
    }

    fn ways(&self, usage: &Usage) -> &Ways {
        let long = self.long.as_ref().filter(|long| usage.input > long.above);
        long.map_or(&self.usual, |long| &long.ways)
    }
}

/// What all known models cost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prices {
    /// Where the prices are from.
    pub source: String,
    /// The day they were read there, as `YYYY-MM-DD`.
    pub as_of: String,
    models: HashMap<String, Price>,
}

/// Why a text is no table of prices.
#[derive(Debug, thiserror::Error)]
pub enum BadPrices {
    /// It does not have the form.
    #[error("no table of prices: {0}")]
    Form(#[from] serde_json::Error),
    /// An amount makes no sense.
    #[error("{model}: {amount:?} is no amount of dollars with at most six decimals")]
    Amount {
        /// Whose.
        model: String,
        /// What stands there.
        amount: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    source: String,
    as_of: String,
    models: HashMap<String, Entry>,
}

/// Dollars for a million tokens, as texts, so that no reader rounds them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    input: String,
    /// The input's price if absent.
    cached_input: Option<String>,
    /// Nothing if absent: embeddings have no output.
    output: Option<String>,
    /// Half of everything if absent.
    batch: Option<Amounts>,
    /// The same prices if absent.
    long: Option<LongEntry>,
}

/// What requests with a long input cost, all their tokens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongEntry {
    /// Tokens of the input above which these prices hold.
    above: u64,
    input: String,
    cached_input: Option<String>,
    output: Option<String>,
    batch: Option<Amounts>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Amounts {
    input: String,
    cached_input: Option<String>,
    output: Option<String>,
}

impl Prices {
    /// Reads a table: `{"source", "as_of", "models": {"NAME": {"input", "cached_input", "output", "batch": {…},
    /// "long": {"above", …}}}}`.
    pub fn parse(json: &str) -> Result<Self, BadPrices> {
        let table: Table = serde_json::from_str(json)?;
        let mut models = HashMap::new();
        for (model, entry) in table.models {
            let price = entry.price().map_err(|amount| BadPrices::Amount { model: model.clone(), amount })?;
            models.insert(model, price);
        }
        Ok(Self { source: table.source, as_of: table.as_of, models })
    }

    /// The same with what another table says instead, or besides.
    pub fn overridden_by(mut self, other: Self) -> Self {
        self.models.extend(other.models);
        Self { source: other.source, as_of: other.as_of, models: self.models }
    }

    /// What a model costs, by its name or by the name without the date of its snapshot; nothing is known of others.
    pub fn of(&self, model: &str) -> Option<&Price> {
        self.models.get(model).or_else(|| self.models.get(without_date(model)?))
    }
}

impl Entry {
    fn price(&self) -> Result<Price, String> {
        let real_time = rates(&self.input, self.cached_input.as_deref(), self.output.as_deref())?;
        let (usual, long) = (ways(real_time, self.batch.as_ref())?, self.long.as_ref());
        let assumed = self.batch.is_none() || long.is_some_and(|long| long.batch.is_none());
        Ok(Price { usual, long: long.map(LongEntry::price).transpose()?, assumed })
    }
}

impl LongEntry {
    fn price(&self) -> Result<Long, String> {
        let real_time = rates(&self.input, self.cached_input.as_deref(), self.output.as_deref())?;
        Ok(Long { above: self.above, ways: ways(real_time, self.batch.as_ref())? })
    }
}

fn ways(real_time: Rates, batch: Option<&Amounts>) -> Result<Ways, String> {
    let named = |batch: &Amounts| rates(&batch.input, batch.cached_input.as_deref(), batch.output.as_deref());
    Ok(Ways { real_time, batch: batch.map(named).transpose()?.unwrap_or_else(|| real_time.half()) })
}

fn rates(input: &str, cached: Option<&str>, output: Option<&str>) -> Result<Rates, String> {
    let input = micro_dollars(input)?;
    Ok(Rates {
        input,
        cached: cached.map_or(Ok(input), micro_dollars)?,
        output: output.map_or(Ok(0), micro_dollars)?,
    })
}

/// `1.25` as 1,250,000.
fn micro_dollars(text: &str) -> Result<u64, String> {
    let (dollars, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = (digits(dollars) && digits(decimals) && decimals.len() <= 6)
        .then(|| format!("{dollars}{decimals:0<6}").parse().ok());
    parsed.flatten().ok_or_else(|| text.to_owned())
}

/// `gpt-4o-2024-08-06` as `gpt-4o`.
fn without_date(model: &str) -> Option<&str> {
    let (name, date) = model.split_at_checked(model.len().checked_sub("-2024-08-06".len())?)?;
    let is_date = date.bytes().zip("-0000-00-00".bytes()).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == b'-',
    });
    (is_date && !name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = r#"{"source":"here","as_of":"2026-01-02","models":{
        "a":{"input":"2.50","cached_input":"1.25","output":"10","batch":{"input":"1.25","output":"5.00"}},
        "b":{"input":"0.0125"}}}"#;

    #[test]
    fn sums_are_exact() {
        let prices = Prices::parse(TABLE).unwrap();
        let usage = Usage { input: 1_000_001, cached: 1, output: 3 };
        let a = prices.of("a").unwrap();
        assert_eq!(a.real_time(&usage), Money { pico: 2_500_000_000_000 + 1_250_000 + 30_000_000 });
        assert_eq!(a.batch(&usage).nano_dollars(), 1_250_000_000 + 1_250 + 15_000);
        assert_eq!(a.real_time(&usage).to_string(), "$2.500031");
        assert!(!a.assumed);
        let b = prices.of("b").unwrap();
        assert_eq!(b.batch(&usage), Money { pico: 1_000_001 * 6_250 });
        assert!(b.assumed);
    }

    #[test]
    fn a_long_input_has_a_price_of_its_own_for_all_of_its_request() {
        let table = r#"{"source":"","as_of":"","models":{"a":{"input":"2","cached_input":"1","output":"10",
            "batch":{"input":"1","output":"5"},
            "long":{"above":100,"input":"4","output":"20","batch":{"input":"3","output":"10"}}}}}"#;
        let prices = Prices::parse(table).unwrap();
        let price = prices.of("a").unwrap();
        let usage = |input| Usage { input, cached: 10, output: 1 };
        let micro = |money: Money| money.pico / 1_000_000;
        assert_eq!((micro(price.real_time(&usage(100))), micro(price.batch(&usage(100)))), (200, 105));
        assert_eq!((micro(price.real_time(&usage(101))), micro(price.batch(&usage(101)))), (424, 313));
        assert!(!price.assumed && !price.is_free());
    }

    #[test]
    fn a_snapshot_costs_what_its_model_does_and_a_stranger_is_unknown() {
        let prices = Prices::parse(TABLE).unwrap();
        assert_eq!(prices.of("a-2024-08-06"), prices.of("a"));
        for unknown in ["c", "a-mini", "a-2024-08", "-2024-08-06", "a-2024-08-0x", "", "ä-2024-08-06"] {
            assert_eq!(prices.of(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for amount in ["", "1.", ".5", "-1", "1e3", "0.0000001", "1,5", "x"] {
            let table = format!(r#"{{"source":"","as_of":"","models":{{"a":{{"input":"{amount}"}}}}}}"#);
            assert!(matches!(Prices::parse(&table), Err(BadPrices::Amount { .. })), "{amount}");
        }
        assert!(Prices::parse(r#"{"source":"","as_of":"","models":{"a":{"imput":"1"}}}"#).is_err());
    }

    #[test]
    fn an_own_table_wins_model_by_model() {
        let own = r#"{"source":"mine","as_of":"2026-02-03","models":{"b":{"input":"7"}}}"#;
        let prices = Prices::parse(TABLE).unwrap().overridden_by(Prices::parse(own).unwrap());
        let million = Usage { input: 1_000_000, ..Usage::default() };
        assert_eq!(prices.of("b").unwrap().real_time(&million).to_string(), "$7.000000");
        assert!(prices.of("a").is_some());
        assert_eq!(prices.source, "mine");
    }
}
