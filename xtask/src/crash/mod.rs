//! `cargo xtask crash`: the gateway killed at random instants, under load.

mod dice;
mod load;
mod tally;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use batch_gpt_rig::{command::command, ledger::Ledger, port, running::Running};
use clap::{Args, ValueEnum};
use tempfile::TempDir;

use crate::{
    acceptance::temporary,
    database::Database,
    mongod,
    process::{build, raise_open_files},
    python::{self, Python},
    repository::Repository,
};
use dice::Dice;
use load::Load;
use tally::Tally;

/// After the last kill everything must be answered within this time.
const LAST_WAIT: Duration = Duration::from_secs(180);
/// Shortest life of a gateway: most of it is the start.
const SHORTEST: u64 = 50;
/// Longest life of most gateways: a window, a batch and its reading take about a second.
const USUAL: u64 = 1_200;
/// Longest life of some, in which looks for what was lost sight of come to an end.
const LONGEST: u64 = 3_000;

/// What the gateway says at the beginning of steps that are soon over.
const WORDS: [&str; 4] = [": sealed ", ": uploaded ", ": created as ", "; reading its files"];
/// So many microseconds later such a step is over.
const MOMENT: u64 = 3_000;

/// Share of calls to the upstream that go wrong, if nothing else is said.
const FAULTS: f64 = 0.1;

/// Flags of `crash`.
#[derive(Debug, Args)]
pub struct CrashArgs {
    /// How often to kill the gateway.
    #[arg(long, default_value_t = 60)]
    rounds: u32,
    /// Which store it keeps its journal in.
    #[arg(long, value_enum, default_value_t = StoreKind::Embedded)]
    store: StoreKind,
    /// Decides when kills fall and how many clients come; by the clock if absent.
    #[arg(long)]
    seed: Option<u64>,
    /// Share of calls to the upstream that go wrong as well: answers lost, late or cut, errors of the server.
    #[arg(long, default_value_t = FAULTS)]
    faults: f64,
}

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StoreKind {
    Embedded,
    Mongo,
}

impl CrashArgs {
    /// What every change is tried with.
    pub fn short() -> Self {
        Self { rounds: 60, store: StoreKind::Embedded, seed: None, faults: FAULTS }
    }
}

/// Builds the gateway and goes the rounds. True if nothing was lost and nothing paid twice.
pub fn run(args: &CrashArgs) -> Result<bool, String> {
    raise_open_files();
    let repository = Repository::find()?;
    build(&repository)?;
    let mongod = match args.store {
        StoreKind::Embedded => None,
        StoreKind::Mongo => {
            Some(mongod::prepare(&repository, Python::prepare(&repository, python::OPENAI_3).as_ref())?)
        }
    };
    match rounds(&repository.gateway(), args, mongod) {
        Ok(()) => Ok(true),
        Err(why) => {
            println!("failed: {why}");
            Ok(false)
        }
    }
}

/// Goes the rounds and prints the figures; fails if anything was lost or paid twice.
pub fn rounds(gateway: &Path, args: &CrashArgs, mongod: Option<PathBuf>) -> Result<(), String> {
    let seed = args.seed.unwrap_or_else(by_clock);
    println!("seed {seed}");
    let ring = Ring::start(gateway, mongod)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start threads: {error}"))?;
    let kept = ring.folder.path().to_owned();
    let outcome = runtime.block_on(ring.go(args, Dice::new(seed)));
    if outcome.is_err() {
        // The logs tell what happened.
        let _ = std::fs::rename(&kept, kept.with_extension("failed"));
        println!("the logs are in {}", kept.with_extension("failed").display());
    }
    outcome
}

/// A seed that differs from run to run.
pub fn by_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

/// Waits for the instant of the next kill: any time, or just after the gateway has said that it did something, because
/// some steps are over in a moment.
async fn live(gateway: &Running, dice: &mut Dice) {
    let began = Instant::now();
    let word = WORDS.get(dice.below(2 * WORDS.len() as u64) as usize);
    let longest = if word.is_some() || dice.below(10) < 3 { LONGEST } else { USUAL };
    let limit = Duration::from_millis(SHORTEST + dice.below(longest - SHORTEST));
    while let Some(word) = word
        && began.elapsed() < limit
    {
        if gateway.said().contains(word) {
            return tokio::time::sleep(Duration::from_micros(dice.below(MOMENT))).await;
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    tokio::time::sleep(limit.saturating_sub(began.elapsed())).await;
}

/// What outlives the gateway: its upstream, its data and its address.
struct Ring {
    program: PathBuf,
    upstream: Running,
    database: Option<Database>,
    folder: TempDir,
    port: u16,
}

impl Ring {
    fn start(program: &Path, mongod: Option<PathBuf>) -> Result<Self, String> {
        let folder = temporary()?;
        let mut simulate = command(program);
        simulate.args(["simulate", "--bind", "127.0.0.1:0", "--validating-ms", "30"]).args([
            "--per-batch-ms",
            "100",
            "--finalizing-ms",
            "30",
        ]);
        Ok(Self {
            upstream: Running::start(&mut simulate, &folder.path().join("upstream.log"))?,
            database: mongod
                .map(|mongod| Database::start(&mongod, &folder.path().join("mongod")))
                .transpose()?,
            program: program.to_owned(),
            folder,
            port: port::free().ok_or("no port is free")?,
        })
    }

    fn gateway(&self) -> Result<Running, String> {
        let mut serve = command(&self.program);
        serve
            .arg("serve")
            .env("BATCH_GPT_BIND_ADDRESS", format!("127.0.0.1:{}", self.port))
            .env("OPENAI_BASE_URL", &self.upstream.base_url)
            .env("OPENAI_API_KEY", "simulated")
            .env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "200")
            .env("BATCH_GPT_MAX_BATCH_REQUESTS", "10")
            .env("BATCH_GPT_POLLING_MIN_INTERVAL_MS", "20")
            .env("COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS", "1")
            .env("BATCH_GPT_DRAIN_SECONDS", "60")
            .env("BATCH_GPT_DATA_DIR", self.folder.path().join("data"));
        if let Some(database) = &self.database {
            serve.env("MONGODB_URI", &database.uri).env("MONGO_DATABASE", "crash");
        }
        Running::spawn(&mut serve, &self.folder.path().join("gateway.log"))
    }

    async fn go(&self, args: &CrashArgs, mut dice: Dice) -> Result<(), String> {
        load::adjust(&self.upstream.base_url, args.faults).await?;
        let mut load = Load::new(self.port, LAST_WAIT)?;
        let mut tally = Tally::default();
        for _ in 0..args.rounds {
            let gateway = self.gateway()?;
            load.arrive(&mut dice);
            live(&gateway, &mut dice).await;
            tally.life(&gateway.said());
            gateway.kill()?;
        }
        let last = self.gateway()?;
        load.finish(LAST_WAIT).await;
        tally.life(&last.said());
        let settled = tokio::task::block_in_place(|| last.stop());
        let rest = tokio::task::block_in_place(|| self.rest())?;
        let ledger = Ledger::fetch(&self.upstream.base_url).await?;
        println!("{} rounds, {load}; {} batches", args.rounds, ledger.batches());
        print!("{tally}");
        let violations = ledger.check(load.bodies());
        println!(
            "lost {}, executed twice {}, never executed {}, batches with the same key {}",
            load.lost(),
            violations.twice,
            violations.never,
            violations.keys_twice.len()
        );
        settled?;
        if load.lost() > 0 || violations != Default::default() || !ledger.unended.is_empty() {
            let first = load.complaints().first().cloned().unwrap_or_default();
            return Err(format!("{violations:?}, not ended {:?}; {first}", ledger.unended));
        }
        if rest.is_empty() { Ok(()) } else { Err(format!("not settled: {rest}")) }
    }

    /// What one more life finds to do; nothing, if everything was settled.
    fn rest(&self) -> Result<String, String> {
        let mut gateway = self.gateway()?;
        gateway.listens()?;
        let rest = tally::census(&gateway.said()).map(|census| format!("{census:?}"));
        gateway.stop()?;
        Ok(rest.unwrap_or_default())
    }
}
