//! `batch-gpt demo`: the whole thing in one command.
//!
//! A gateway with the simulated upstream starts on a free port and a throw-away folder, and a real HTTP client sends
//! it every prompt at once. The simulated upstream's answer repeats its question, so that an answer that reached the
//! wrong client is seen.

mod prompts;

use std::{
    io::IsTerminal,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use batch_gpt_actors::rules::{price::Prices, spending::Spending, usage::Usage};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    app::Application,
    cli::{DemoArgs, ServeArgs},
    config::Config,
};
use prompts::Prompt;

/// Most prompts under way at once.
const AT_ONCE: usize = 5_000;
/// Answers that are printed in full.
const SHOWN: usize = 12;
/// How long one prompt may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// The model at whose prices the tokens are counted.
const PRICED_AS: &str = "gpt-4o-mini";

/// Runs the demo. The exit code is 0 only if every prompt got its own answer.
pub async fn run(args: &DemoArgs, runtime: Arc<Runtime>) -> ExitCode {
    match demo(args, runtime).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("batch-gpt: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(args: &DemoArgs, runtime: Arc<Runtime>) -> Result<bool, String> {
    let prompts = match &args.prompts {
        Some(path) => prompts::read(path)?,
        None => prompts::built_in(),
    };
    let folder = tempfile::tempdir().map_err(|error| format!("cannot make a throw-away folder: {error}"))?;
    let text = |text: &str| Some(text.to_owned());
    let settings = ServeArgs {
        simulate: true,
        bind_address: text("127.0.0.1:0"),
        data_dir: Some(folder.path().join("data").display().to_string()),
        collate_batches_for_duration_in_ms: text("1000"),
        polling_min_interval_ms: text("200"),
        drain_seconds: text("5"),
        ..ServeArgs::default()
    };
    let config = Config::parse(&settings).map_err(|bad| bad.to_string())?;
    let application = Application::bind(config, runtime).await.map_err(|fault| fault.to_string())?;
    application.start().await.map_err(|fault| fault.to_string())?;
    let base_url = format!("http://{}/v1", application.address());
    println!("A gateway with a simulated upstream serves {base_url}.");
    println!("Sending {} prompts to it, each as an ordinary chat call.\n", prompts.len());
    let outcome = converse(&base_url, prompts, &application.config().prices).await;
    application.stop().await;
    outcome
}

/// What a prompt came back with.
struct Reply {
    prompt: Prompt,
    answer: Result<Answer, String>,
}

struct Answer {
    text: String,
    usage: Option<Usage>,
}

async fn converse(base_url: &str, prompts: Vec<Prompt>, prices: &Prices) -> Result<bool, String> {
    let client = reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .map_err(|error| format!("cannot make an HTTP client: {error}"))?;
    let began = Instant::now();
    let progress = Progress::new(prompts.len());
    let replies: Vec<Reply> = stream::iter(prompts)
        .map(|prompt| async {
            let answer = send(&client, base_url, &prompt).await;
            progress.step();
            Reply { prompt, answer }
        })
        .buffer_unordered(at_once())
        .collect()
        .await;
    progress.finish();
    let batches = count_batches(&client, base_url).await?;
    Ok(report(&replies, batches, began.elapsed(), prices))
}

/// Prompts under way at once: each takes an open file at both of its ends, and both are in this process.
fn at_once() -> usize {
    let files = rlimit::Resource::NOFILE.get_soft().unwrap_or(1024);
    usize::try_from(files / 3).map_or(AT_ONCE, |files| files.clamp(1, AT_ONCE))
}

async fn send(client: &reqwest::Client, base_url: &str, prompt: &Prompt) -> Result<Answer, String> {
    #[derive(Deserialize)]
    struct Completion {
        choices: Vec<Value>,
    }
    let call = client.post(format!("{base_url}/chat/completions")).bearer_auth("demo").json(&prompt.body);
    let response = call.send().await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body = response.bytes().await.map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
    }
    let completion: Completion = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    let text = completion.choices.first().and_then(|choice| choice["message"]["content"].as_str());
    Ok(Answer { text: text.unwrap_or_default().to_owned(), usage: Usage::of(&body) })
}

async fn count_batches(client: &reqwest::Client, base_url: &str) -> Result<usize, String> {
    let (mut count, mut after) = (0, None::<String>);
    loop {
        let mut call = client.get(format!("{base_url}/batches?limit=100")).bearer_auth("demo");
        if let Some(after) = &after {
            call = call.query(&[("after", after)]);
        }
        let page: Value = async { call.send().await?.json().await }
            .await
            .map_err(|error: reqwest::Error| format!("cannot list the batches: {error}"))?;
        count += page["data"].as_array().map_or(0, Vec::len);
        after = page["last_id"].as_str().map(str::to_owned);
        if page["has_more"] != Value::Bool(true) {
            return Ok(count);
        }
    }
}

/// Prints what came of it; true if every prompt got its own answer.
fn report(replies: &[Reply], batches: usize, took: Duration, prices: &Prices) -> bool {
    for reply in replies.iter().take(SHOWN) {
        println!("  {}", first_line(&reply.prompt.text));
        match &reply.answer {
            Ok(answer) => println!("    -> {}", first_line(&answer.text)),
            Err(why) => println!("    -> failed: {why}"),
        }
    }
    if replies.len() > SHOWN {
        println!("  … and {} more", replies.len() - SHOWN);
    }
    let own = |reply: &&Reply| {
        reply.answer.as_ref().is_ok_and(|answer| answer.text == format!("Answer to: {}", reply.prompt.text))
    };
    let right = replies.iter().filter(own).count();
    let mut spending = Spending::default();
    for answer in replies.iter().filter_map(|reply| reply.answer.as_ref().ok()) {
        spending += Spending::of(answer.usage, prices.of(PRICED_AS));
    }
    println!();
    println!("{right} of {} prompts got their own answer.", replies.len());
    let noun = if batches == 1 { "batch" } else { "batches" };
    println!("{batches} {noun} in {:.1} seconds.", took.as_secs_f64());
    if let (Some(real_time), Some(batch), Some(saved)) =
        (spending.real_time(), spending.batch(), spending.saved())
    {
        println!(
            "At the prices of {PRICED_AS}: {real_time} in real time, {batch} as batches, {saved} saved."
        );
    }
    right == replies.len()
}

fn first_line(text: &str) -> String {
    let line: String = text.lines().next().unwrap_or_default().chars().take(100).collect();
    if line.len() < text.len() { format!("{line}…") } else { line }
}

/// A bar on a terminal, a line now and then elsewhere; always on standard error.
struct Progress {
    bar: Option<ProgressBar>,
    done: std::sync::atomic::AtomicUsize,
    of: usize,
}

impl Progress {
    fn new(of: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(of as u64);
            let style = ProgressStyle::with_template("{bar:40} {pos}/{len} answered, {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self { bar, done: Default::default(), of }
    }

    fn step(&self) {
        let done = self.done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        match &self.bar {
            Some(bar) => bar.inc(1),
            None if done == self.of || done.is_multiple_of(250) => eprintln!("{done}/{} answered", self.of),
            None => {}
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
