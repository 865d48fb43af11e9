//! `cargo xtask abuse`: what well-behaved clients get while others mean no good.
//!
//! Calm and abuse take turns within one run, so that a busy minute of the machine meets both. During abuse there are
//! slow clients, oversized and malformed bodies, and wrong keys, all from an address of their own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use batch_gpt_rig::{
    abuse::{Abuser, Drip},
    client::{Client, Mode, expected, question},
    command::command,
    running::Running,
};
use clap::Args;
use tokio::{
    task::{JoinHandle, JoinSet, block_in_place},
    time::{Instant, interval, sleep},
};

use crate::{bench::usage, scene};

/// Well-behaved clients that ask one question after the other.
const GOOD: usize = 64;
/// The key that [`Client`] presents.
const KEYS: &str = "good:any,bad:sk-bad";
/// Whoever has no answer by then hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Before a block is measured, what the last one has left must be gone.
const SETTLING: Duration = Duration::from_secs(2);
/// A slow client sends a byte this often.
const DRIP: Duration = Duration::from_secs(1);
/// The head and body time of the gateway under test, so that slow clients are cut off within the shortest run.
const PATIENT: &str = "2";
/// What the gateway may take at most while it is abused, beyond what it took before, in MiB.
const ROOM: f64 = 256.0;

/// Flags of `abuse`.
#[derive(Debug, Args)]
pub struct AbuseArgs {
    /// Slow clients at a time.
    #[arg(long, default_value_t = 2_000)]
    clients: usize,
    /// Wrong keys in all.
    #[arg(long, default_value_t = 10_000)]
    wrong_keys: usize,
    /// Pairs of blocks.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Length of a block.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
    /// Least share of the calm throughput that must be left; 0 asks for none.
    #[arg(long, default_value_t = 0.9)]
    least: f64,
}

impl AbuseArgs {
    /// What every change is tried with: everybody is served rightly, however fast.
    pub fn short() -> Self {
        Self { clients: 200, wrong_keys: 1_000, rounds: 1, seconds: 4, least: 0.0 }
    }
}

/// Builds the gateway and abuses it. True if well-behaved clients hardly noticed.
pub fn run(args: &AbuseArgs) -> Result<bool, String> {
    scene::alone(|gateway| endure(gateway, args))
}

/// Abuses this gateway, and prints the figures; fails if a well-behaved client had to suffer.
pub fn endure(gateway: &Path, args: &AbuseArgs) -> Result<(), String> {
    scene::play(async |folder| abuse(gateway, folder, args).await)
}

async fn abuse(program: &Path, folder: &Path, args: &AbuseArgs) -> Result<(), String> {
    let upstream = block_in_place(|| upstream(program, folder))?;
    let gateway = block_in_place(|| serve(program, folder, &upstream.base_url))?;
    let good = Good::start(&gateway.base_url)?;
    let target = address(&gateway.base_url)?;
    let bad = Arc::new(Bad {
        abuser: Abuser { target, from: Ipv4Addr::new(127, 0, 0, 2) },
        tally: Tally::default(),
    });
    let (mut calm, mut abused) = (Vec::new(), Vec::new());
    sleep(SETTLING).await;
    let before = usage::memory(gateway.id())? / 1024.0;
    for _ in 0..args.rounds {
        calm.push(good.measure(args.seconds).await);
        let abuse = bad.clone().start(args);
        abused.push(good.measure(args.seconds).await);
        drop(abuse);
    }
    let peak = usage::peak(gateway.id())? / 1024.0;
    good.stop().await?;
    block_in_place(|| gateway.stop())?;
    let (calm, abused) = (mean(&calm), mean(&abused));
    println!("calm:   {calm:.1} answers/s, {} blocks of {} s", args.rounds, args.seconds);
    println!("abused: {abused:.1} answers/s, with {} slow clients; {}", args.clients, bad.tally.words());
    println!("ratio:  {:.3}", abused / calm);
    println!("memory: {before:.0} MiB before, {peak:.0} MiB at most");
    bad.tally.judge()?;
    if peak - before > ROOM {
        return Err(format!("the memory grew by {:.0} MiB", peak - before));
    }
    if abused < args.least * calm {
        return Err(format!("{:.3} of the throughput is left", abused / calm));
    }
    Ok(())
}

fn upstream(program: &Path, folder: &Path) -> Result<Running, String> {
    let mut simulate = command(program);
    simulate.args(["simulate", "--bind", "127.0.0.1:0", "--set", "limits.creations_per_hour=1000000"]);
    simulate.args(["--validating-ms", "50", "--per-batch-ms", "200", "--finalizing-ms", "50"]);
    Running::start(&mut simulate, &folder.join("upstream.log"))
}

fn serve(program: &Path, folder: &Path, upstream: &str) -> Result<Running, String> {
    let mut serve = command(program);
    serve
        .arg("serve")
        .env("BATCH_GPT_BIND_ADDRESS", "127.0.0.1:0")
        .env("BATCH_GPT_API_KEYS", KEYS)
        .env("BATCH_GPT_HEAD_SECONDS", PATIENT)
        .env("BATCH_GPT_BODY_SECONDS", PATIENT)
        .env("BATCH_GPT_MAX_BATCHES_PER_HOUR", "1000000")
        .env("OPENAI_BASE_URL", upstream)
        .env("OPENAI_API_KEY", "simulated")
        .env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "200")
        .env("BATCH_GPT_POLLING_MIN_INTERVAL_MS", "100")
        .env("COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS", "1")
        .env("BATCH_GPT_DATA_DIR", folder.join("data"));
    Running::start(&mut serve, &folder.join("gateway.log"))
}

fn address(base_url: &str) -> Result<SocketAddr, String> {
    let address = base_url.trim_start_matches("http://").split('/').next().unwrap_or_default();
    address.parse().map_err(|error| format!("no address in {base_url}: {error}"))
}

fn mean(rates: &[f64]) -> f64 {
    rates.iter().sum::<f64>() / rates.len().max(1) as f64
}

/// Well-behaved clients, and what they got.
struct Good {
    answered: Arc<AtomicU64>,
    wrong: Arc<Mutex<Vec<String>>>,
    clients: JoinSet<()>,
}

impl Good {
    fn start(base_url: &str) -> Result<Self, String> {
        let client =
            Client::new(base_url, Duration::from_secs(1), PATIENCE).map_err(|error| error.to_string())?;
        let (answered, wrong) = (Arc::<AtomicU64>::default(), Arc::<Mutex<Vec<String>>>::default());
        let mut clients = JoinSet::new();
        for number in 0..GOOD {
            let (client, answered, wrong) = (client.clone(), answered.clone(), wrong.clone());
            clients.spawn(async move {
                for turn in 0u64.. {
                    let content = format!("client {number}, question {turn}");
                    let answer = client.ask(&question(&content), Mode::Sync).await;
                    if answer.as_ref().ok().and_then(|answer| answer.content()) == Some(expected(&content)) {
                        answered.fetch_add(1, Relaxed);
                    } else {
                        let said = format!("{content}: {answer:?}");
                        wrong.lock().unwrap_or_else(PoisonError::into_inner).push(said);
                    }
                }
            });
        }
        Ok(Self { answered, wrong, clients })
    }

    /// Answers a second, over so many seconds.
    async fn measure(&self, seconds: u64) -> f64 {
        sleep(SETTLING).await;
        let (began, before) = (Instant::now(), self.answered.load(Relaxed));
        sleep(Duration::from_secs(seconds)).await;
        (self.answered.load(Relaxed) - before) as f64 / began.elapsed().as_secs_f64()
    }

    /// Fails if anybody had no answer, or somebody else's.
    async fn stop(mut self) -> Result<(), String> {
        self.clients.shutdown().await;
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.first().map_or(Ok(()), |first| Err(format!("{} wrong answers, such as {first}", wrong.len())))
    }
}

/// What bad clients were told.
#[derive(Default)]
struct Tally {
    /// Slow clients that were cut off, and those who were not in good time.
    slow: AtomicUsize,
    lingering: AtomicUsize,
    /// Wrong keys that were refused, and told to wait.
    refused: AtomicUsize,
    told_to_wait: AtomicUsize,
    oversized: AtomicUsize,
    malformed: AtomicUsize,
    /// Anything else.
    strange: AtomicUsize,
}

impl Tally {
    fn words(&self) -> String {
        let count = |number: &AtomicUsize| number.load(Relaxed);
        format!(
            "{} slow ones cut off, {} wrong keys refused, {} told to wait, {} oversized, {} malformed",
            count(&self.slow),
            count(&self.refused),
            count(&self.told_to_wait),
            count(&self.oversized),
            count(&self.malformed)
        )
    }

    /// Fails if a bad client was not refused as it should be, or if some kind of them did not come.
    fn judge(&self) -> Result<(), String> {
        let (lingering, strange) = (self.lingering.load(Relaxed), self.strange.load(Relaxed));
        if lingering + strange > 0 {
            return Err(format!("{lingering} slow clients were not cut off, {strange} answers were strange"));
        }
        let came = [&self.slow, &self.refused, &self.told_to_wait, &self.oversized, &self.malformed];
        if came.iter().any(|count| count.load(Relaxed) == 0) {
            return Err(format!("that was no abuse: {}", self.words()));
        }
        Ok(())
    }

    fn count(&self, status: Option<u16>, fitting: &[(u16, &AtomicUsize)]) {
        let known = fitting.iter().find(|(expected, _)| Some(*expected) == status);
        known.map_or(&self.strange, |(_, count)| *count).fetch_add(1, Relaxed);
    }
}

/// Bad clients, and what they were told.
struct Bad {
    abuser: Abuser,
    tally: Tally,
}

/// Abuse, until it is dropped.
struct Abuse(Vec<JoinHandle<()>>);

impl Drop for Abuse {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl Bad {
    fn start(self: Arc<Self>, args: &AbuseArgs) -> Abuse {
        let mut tasks = Vec::new();
        for number in 0..args.clients {
            tasks.push(tokio::spawn(self.clone().drips(number)));
        }
        let keys = args.wrong_keys / args.rounds.max(1);
        let pause = Duration::from_secs(args.seconds) / u32::try_from(keys).unwrap_or(u32::MAX).max(1);
        tasks.push(tokio::spawn(self.clone().guesses(keys, pause)));
        tasks.push(tokio::spawn(self.clone().sends_too_much()));
        tasks.push(tokio::spawn(self.sends_nonsense()));
        Abuse(tasks)
    }

    /// A slow client that comes again whenever it is cut off.
    async fn drips(self: Arc<Self>, number: usize) {
        let ways = [
            (Drip::Head, None),
            (Drip::Body, None),
            (Drip::Chunks, None),
            (Drip::Body, Some("sk-bad")),
            (Drip::Chunks, Some("sk-bad")),
            (Drip::Form, Some("sk-bad")),
        ];
        // They do not all come in the same instant.
        sleep(DRIP * u32::try_from(number % 100).unwrap_or(0) / 100).await;
        for (drip, key) in ways.iter().cycle().skip(number % ways.len()) {
            let end = self.abuser.drip(*drip, *key, DRIP, PATIENCE).await;
            let count = if end.is_some() { &self.tally.slow } else { &self.tally.lingering };
            count.fetch_add(1, Relaxed);
        }
    }

    async fn guesses(self: Arc<Self>, keys: usize, pause: Duration) {
        // Those that are late on a busy machine come all the same.
        let mut times = interval(pause);
        for number in 0..keys {
            times.tick().await;
            let bad = self.clone();
            tokio::spawn(async move {
                let end = bad.abuser.post(Some(&format!("sk-guess-{number}")), b"{}").await;
                let fitting = [(401, &bad.tally.refused), (429, &bad.tally.told_to_wait)];
                bad.tally.count(end.status, &fitting);
            });
        }
    }

    async fn sends_too_much(self: Arc<Self>) {
        let body = vec![b' '; 40 << 20];
        loop {
            let end = self.abuser.post(Some("sk-bad"), &body).await;
            self.tally.count(end.status, &[(413, &self.tally.oversized)]);
            sleep(DRIP).await;
        }
    }

    async fn sends_nonsense(self: Arc<Self>) {
        let deep = format!(r#"{{"model":"m","messages":{}"#, "[".repeat(100_000));
        let bodies: [&[u8]; 4] = [b"", b"{", &[0xff; 1000], deep.as_bytes()];
        for body in bodies.iter().cycle() {
            let end = self.abuser.post(Some("sk-bad"), body).await;
            self.tally.count(end.status, &[(400, &self.tally.malformed)]);
            sleep(DRIP / 50).await;
        }
    }
}
