//! `cargo xtask bench`: the gateway measured against floors, in alternating runs.
//!
//! A floor is a program that does the least of the same work with the same libraries. Both are measured in turn, so
//! that a busy minute of the machine meets both, and what counts is the median of their ratios.

mod accept;
mod board;
mod cache;
mod call;
mod flight;
mod full_batch;
mod log_time;
mod machine;
mod overload;
mod page;
mod park;
mod programs;
mod stage;
pub mod usage;
mod volume;
mod watch;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use self::{board::Board, programs::Programs};
use crate::{
    mongod,
    process::raise_open_files,
    python::{self, Python},
    repository::Repository,
};

/// Flags of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Alternating runs of floor and gateway.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Only these scenarios; all if none is named.
    #[arg(long, value_enum, num_args = 1..)]
    scenario: Vec<Scenario>,
    /// Small numbers, to see that everything works. The figures mean little.
    #[arg(long)]
    quick: bool,
    /// Requests of the scenario `flat`.
    #[arg(long, default_value_t = 1_000_000)]
    flat: usize,
    /// Answers in a store that has seen much; 0 leaves that out.
    #[arg(long, default_value_t = 1_000_000)]
    answers: usize,
    /// Print the table only. Otherwise `docs/performance.md` is written, if all scenarios ran at full size.
    #[arg(long)]
    print: bool,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Requests made durable, nobody waiting.
    Accept,
    /// Clients that wait, and how soon they are all answered.
    Park,
    /// 50,000 lines and 200 MB.
    FullBatch,
    /// A million requests against ten thousand.
    Flat,
    /// A thousand lanes against one.
    Lanes,
    /// A thousand batches that are waited for.
    Flight,
    /// Requests that were answered before.
    Cache,
    /// Twice as many clients as may wait.
    Overload,
    /// People who look at the overview and the lists meanwhile.
    Watch,
}

/// How much of each.
struct Sizes {
    accept_seconds: f64,
    answers: usize,
    crowds: Vec<usize>,
    /// How long after a crowd memory is looked at again.
    after: Duration,
    full_batch: usize,
    flat: usize,
    lanes: usize,
    flight: Duration,
    cached: usize,
    permits: usize,
    overload_seconds: f64,
    /// Requests that are open while somebody looks.
    watched: usize,
    /// Batches that are listed then.
    listed: usize,
}

impl Sizes {
    fn of(args: &BenchArgs) -> Self {
        if args.quick {
            return Self {
                accept_seconds: 1.0,
                answers: args.answers.min(20_000),
                crowds: vec![500, 2_000],
                after: Duration::from_secs(3),
                full_batch: 2_000,
                flat: args.flat.min(20_000),
                lanes: 100,
                flight: Duration::from_secs(3),
                cached: 5_000,
                permits: 200,
                overload_seconds: 3.0,
                watched: 5_000,
                listed: 20,
            };
        }
        Self {
            accept_seconds: 5.0,
            answers: args.answers,
            crowds: vec![1_000, 5_000, 10_000, 19_000],
            after: Duration::from_secs(30),
            full_batch: 50_000,
            flat: args.flat,
            lanes: 1_000,
            flight: Duration::from_secs(20),
            cached: 50_000,
            permits: 2_000,
            overload_seconds: 10.0,
            watched: 100_000,
            listed: 200,
        }
    }
}

/// What every scenario needs.
struct Bench {
    programs: Programs,
    sizes: Sizes,
    mongod: Option<PathBuf>,
}

/// Measures, prints the table and writes it down. True if every scenario ran.
pub fn run(args: &BenchArgs) -> Result<bool, String> {
    raise_open_files();
    let repository = Repository::find()?;
    let programs = Programs::build(&repository)?;
    let whole = args.scenario.is_empty();
    let scenarios = if whole { Scenario::value_variants() } else { &args.scenario };
    let mongod = mongod::prepare(&repository, Python::prepare(&repository, python::OPENAI_3).as_ref());
    let mongod = mongod.inspect_err(|why| println!("without MongoDB: {why}")).ok();
    let bench = Bench { programs, sizes: Sizes::of(args), mongod };
    let (mut board, mut failures) = (Board::default(), BTreeSet::new());
    for run in 1..=args.runs {
        println!("\n== run {run} of {}", args.runs);
        for scenario in scenarios {
            if let Err(why) = scenario.measure(&bench, &mut board) {
                println!("failed: {scenario:?}: {why}");
                failures.insert(format!("{scenario:?}: {why}"));
            }
        }
    }
    let measured = format!("{}\n\n{}", machine::describe(&repository, args.runs), board.table());
    println!("\n{measured}");
    for failure in &failures {
        println!("failed: {failure}");
    }
    if whole && !args.quick && !args.print {
        page::write(&repository.root.join("docs/performance.md"), &measured)?;
    }
    Ok(failures.is_empty())
}

impl Scenario {
    fn measure(self, bench: &Bench, board: &mut Board) -> Result<(), String> {
        match self {
            Self::Accept => accept::run(bench, board),
            Self::Park => park::run(bench, board),
            Self::FullBatch => full_batch::run(bench, board),
            Self::Flat => volume::flat(bench, board),
            Self::Lanes => volume::lanes(bench, board),
            Self::Flight => flight::run(bench, board),
            Self::Cache => cache::run(bench, board),
            Self::Overload => overload::run(bench, board),
            Self::Watch => watch::run(bench, board),
        }
    }
}
