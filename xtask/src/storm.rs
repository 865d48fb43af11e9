//! `cargo xtask storm`: thousands of clients, while much goes wrong upstream.
//!
//! A share of all calls to the upstream meets a fault, a share of all lines fails, and two batches expire half done.
//! Each client must get its own outcome all the same: the answer, paid for once, or the failure of its last attempt.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use batch_gpt_rig::{
    client::{Answer, Client, Mode, expected, question_to},
    command::command,
    ledger::{self, Ledger},
    running::Running,
};
use clap::Args;
use serde_json::json;
use tokio::task::{JoinSet, block_in_place};

use crate::{crash::by_clock, scene};

/// Whoever has no outcome by then hangs.
const PATIENCE: Duration = Duration::from_secs(180);
const MODELS: usize = 3;
/// Sendings of one request upstream.
const ATTEMPTS: u64 = 3;
/// Batches that expire.
const EXPIRED: u64 = 2;

/// Flags of `storm`.
#[derive(Debug, Args)]
pub struct StormArgs {
    /// How many clients ask, each with a connection of its own.
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// Share of calls to the upstream that go wrong.
    #[arg(long, default_value_t = 0.2)]
    faults: f64,
    /// Share of lines that fail.
    #[arg(long, default_value_t = 0.05)]
    line_faults: f64,
    /// Decides what goes wrong; by the clock if absent.
    #[arg(long)]
    seed: Option<u64>,
}

impl StormArgs {
    /// What every change is tried with.
    pub fn usual() -> Self {
        Self { clients: 10_000, faults: 0.2, line_faults: 0.05, seed: None }
    }
}

/// A request, and what its client was told.
struct Told {
    content: String,
    body: Vec<u8>,
    answer: Result<Answer, String>,
}

/// Builds the gateway and lets it weather the storm. True if everybody got their own outcome.
pub fn run(args: &StormArgs) -> Result<bool, String> {
    scene::alone(|gateway| weather(gateway, args))
}

/// Lets this gateway weather the storm, and prints the figures; fails unless everybody got their own outcome.
pub fn weather(gateway: &Path, args: &StormArgs) -> Result<(), String> {
    let seed = args.seed.unwrap_or_else(by_clock);
    println!("seed {seed}");
    scene::play(async |folder| storm(gateway, folder, args, seed).await)
}

async fn storm(program: &Path, folder: &Path, args: &StormArgs, seed: u64) -> Result<(), String> {
    let upstream = block_in_place(|| upstream(program, folder, seed))?;
    cloud_over(&upstream.base_url, args).await?;
    let gateway = block_in_place(|| serve(program, folder, &upstream.base_url))?;
    let began = Instant::now();
    let told = ask(&gateway.base_url, args.clients).await?;
    println!("{} clients in {} seconds", args.clients, began.elapsed().as_secs());
    let ledger = Ledger::fetch(&upstream.base_url).await?;
    block_in_place(|| gateway.stop())?;
    judge(&told, &ledger)
}

fn upstream(program: &Path, folder: &Path, seed: u64) -> Result<Running, String> {
    let mut simulate = command(program);
    simulate.args(["simulate", "--bind", "127.0.0.1:0", "--seed", &seed.to_string()]).args([
        "--validating-ms",
        "50",
        "--per-batch-ms",
        "300",
        "--finalizing-ms",
        "50",
    ]);
    Running::start(&mut simulate, &folder.join("upstream.log"))
}

fn serve(program: &Path, folder: &Path, upstream: &str) -> Result<Running, String> {
    let mut serve = command(program);
    serve
        .arg("serve")
        .env("BATCH_GPT_BIND_ADDRESS", "127.0.0.1:0")
        .env("OPENAI_BASE_URL", upstream)
        .env("OPENAI_API_KEY", "simulated")
        .env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "1000")
        .env("BATCH_GPT_MAX_BATCH_REQUESTS", "500")
        .env("BATCH_GPT_MAX_ATTEMPTS", ATTEMPTS.to_string())
        .env("BATCH_GPT_POLLING_MIN_INTERVAL_MS", "100")
        .env("COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS", "1")
        .env("BATCH_GPT_DATA_DIR", folder.join("data"));
    Running::start(&mut serve, &folder.join("gateway.log"))
}

/// Many short batches are more than the upstream usually takes in an hour.
async fn cloud_over(upstream: &str, args: &StormArgs) -> Result<(), String> {
    let settings = json!({
        "limits": { "creations_per_hour": 1_000_000 },
        "faults": { "rate": args.faults, "line_fault_rate": args.line_faults },
    });
    ledger::adjust(upstream, &settings.to_string()).await?;
    let expiry =
        json!({ "operation": "create_batch", "fault": "batch_expires", "times": EXPIRED, "after": 2 });
    ledger::order(upstream, &expiry.to_string()).await
}

/// Asks with so many clients at once; one that hangs has no answer.
async fn ask(base_url: &str, clients: usize) -> Result<Vec<Told>, String> {
    let client =
        Client::new(base_url, Duration::from_secs(1), PATIENCE).map_err(|error| error.to_string())?;
    let mut asking = JoinSet::new();
    for number in 0..clients {
        let (client, content) = (client.clone(), format!("question {number}"));
        asking.spawn(async move {
            let body = question_to(&format!("model-{}", number % MODELS), &content);
            let answer = tokio::time::timeout(PATIENCE, client.ask(&body, Mode::Sync)).await;
            let answer = answer.unwrap_or_else(|_| Err("it hangs".into()));
            Told { content, body, answer }
        });
    }
    Ok(asking.join_all().await)
}

/// Prints what came of it; fails unless everybody got their own outcome and nothing was paid for twice.
fn judge(told: &[Told], ledger: &Ledger) -> Result<(), String> {
    let (mut tally, mut complaints) = (BTreeMap::<_, usize>::new(), Vec::new());
    for told in told {
        match verdict(told, ledger) {
            Ok(outcome) => *tally.entry(outcome).or_insert(0) += 1,
            Err(why) => complaints.push(format!("{}: {why}", told.content)),
        }
    }
    println!("{} batches, {} uploads; faults: {:?}", ledger.batches(), ledger.uploads, ledger.faults);
    println!("outcomes by status and executions: {tally:?}; {} wrong", complaints.len());
    if let Some(first) = complaints.first() {
        return Err(format!("{} wrong outcomes, such as {first}", complaints.len()));
    }
    let given_up: usize =
        tally.iter().filter(|((status, _), _)| *status != 200).map(|(_, count)| count).sum();
    if given_up > told.len() / 100 {
        return Err(format!("{given_up} clients were given up, more than chance explains"));
    }
    if !ledger.keys_twice().is_empty() {
        return Err(format!("batches made twice: {:?}", ledger.keys_twice()));
    }
    let happened = |kind: &str| ledger.faults.get(kind).copied().unwrap_or(0);
    if happened("answer_lost") == 0 || happened("line_missing") == 0 || happened("batch_expires") != EXPIRED {
        return Err(format!("that was no storm: {:?}", ledger.faults));
    }
    Ok(())
}

/// The status and how often the request was executed, if that is how it should be.
fn verdict(told: &Told, ledger: &Ledger) -> Result<(u16, u64), String> {
    let answer = told.answer.as_ref().map_err(Clone::clone)?;
    let executions = ledger.executions(&told.body);
    let own = match answer.status {
        200 => answer.content() == Some(expected(&told.content)) && executions.paid == 1,
        // The last of its attempts; one that an expired batch wasted is no execution.
        429 | 500 | 502 | 504 => executions.paid == 0 && executions.executed + EXPIRED >= ATTEMPTS,
        _ => false,
    };
    if own && executions.executed <= ATTEMPTS {
        return Ok((answer.status, executions.executed));
    }
    Err(format!("{answer:?} after {executions:?}"))
}
