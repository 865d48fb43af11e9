//! `cargo xtask fuzz`: the fuzz targets for longer than the tests have time.

use clap::Args;

use crate::{
    process::{cargo, show},
    repository::Repository,
};

/// Flags of `fuzz`.
#[derive(Debug, Args)]
pub struct FuzzArgs {
    /// How long each target runs; they run side by side.
    #[arg(long, default_value_t = 5, value_name = "N")]
    minutes: u64,

    /// Where the seeds begin.
    #[arg(long, default_value_t = 0, value_name = "S")]
    seed: u64,
}

/// Runs all targets. True if none broke.
pub fn run(args: &FuzzArgs) -> Result<bool, String> {
    let repository = Repository::find()?;
    let mut fuzz = cargo();
    fuzz.args(["test", "--workspace", "--test", "fuzz", "--", "--nocapture"])
        .env("BATCH_GPT_FUZZ_SECONDS", (args.minutes * 60).to_string())
        .env("BATCH_GPT_FUZZ_SEED", args.seed.to_string())
        .current_dir(&repository.root);
    show(&mut fuzz, 0).map(|()| true)
}
