//! The table of prices: the one that comes along, and an own one over it.

use std::path::Path;

use batch_gpt_actors::rules::price::{BadPrices, Prices};

/// Prices of OpenAI's models, with their source and their day.
const BUILT_IN: &str = include_str!("../prices.json");

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum NoPrices {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    File(#[from] std::io::Error),
    /// It holds something else.
    #[error("{0}")]
    Bad(#[from] BadPrices),
}

/// The prices that come along, and over them those of a file of one's own, model by model.
pub fn prices(own: Option<&Path>) -> Result<Prices, NoPrices> {
    let built_in = Prices::parse(BUILT_IN)?;
    match own {
        Some(file) => Ok(built_in.overridden_by(Prices::parse(&std::fs::read_to_string(file)?)?)),
        None => Ok(built_in),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_that_comes_along_knows_the_main_models_and_halves_none_wrongly() {
        let prices = prices(None).unwrap();
        let usage = batch_gpt_actors::rules::usage::Usage { input: 1_000_000, cached: 0, output: 1_000_000 };
        for model in [
            "gpt-4o",
            "gpt-4o-2024-08-06",
            "gpt-4o-mini",
            "gpt-4.1",
            "gpt-4.1-mini",
            "gpt-4.1-nano",
            "gpt-6.1-sol",
            "gpt-6-luna",
            "gpt-5.4-mini",
            "gpt-5.2",
            "gpt-5",
            "gpt-5-mini-2025-08-07",
            "gpt-5-nano",
            "o3",
            "o4-mini",
            "text-embedding-3-small",
            "text-embedding-3-large",
        ] {
            let price = prices.of(model).unwrap_or_else(|| panic!("{model} has no price"));
            let (batch, real_time) = (price.batch(&usage), price.real_time(&usage));
            assert_eq!(batch.nano_dollars() * 2, real_time.nano_dollars(), "{model}");
        }
        assert_eq!(prices.of("gpt-5.6-sol"), None, "its price was for a time only");
        assert_eq!(prices.of("gpt-4o-mini").unwrap().real_time(&usage).to_string(), "$0.750000");
    }
}
