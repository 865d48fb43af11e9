//! Clients that ask once, all at the same time, and wait.

use std::{
    io::{Error, Result},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use clap::Args;
use serde_json::{Value, json};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    connection::{Connection, Route},
    question::{Question, Questions},
    tally::Tally,
};

/// Pause between two looks at how many are parked.
const LOOK: Duration = Duration::from_millis(2);

/// Flags of `crowd`.
#[derive(Debug, Args)]
pub struct CrowdArgs {
    /// Clients, each with a connection of its own.
    #[arg(long, default_value_t = 1000)]
    clients: usize,
    /// Connections that are being made at a time.
    #[arg(long, default_value_t = 256)]
    connecting: usize,
    /// Give up after so many seconds.
    #[arg(long, default_value_t = 300.0)]
    seconds: f64,
    /// Path of a JSON document that says how many the server has.
    #[arg(long)]
    count_path: String,
    /// Member of that document, wherever it stands; several are added up.
    #[arg(long)]
    count_member: String,
    #[command(flatten)]
    questions: Questions,
}

/// One client's end.
struct Ended {
    at: Instant,
    waited: Duration,
    answer: Result<u16>,
}

/// Sends all requests, says when the server has them all, and waits for all answers.
pub async fn run(route: Route, args: &CrowdArgs) -> Result<Value> {
    let limit = Duration::from_secs_f64(args.seconds);
    let began = Instant::now();
    let mut clients = JoinSet::new();
    let gate = Arc::new(Semaphore::new(args.connecting));
    for number in 0..args.clients {
        let (gate, question) = (gate.clone(), Question::new(&args.questions));
        clients.spawn(async move { timeout(limit, wait(route, number, question, &gate)).await });
    }
    parked(route, args, limit).await?;
    println!("{}", json!({ "parked_seconds": began.elapsed().as_secs_f64() }));
    let (mut tally, mut first, mut last) = (Tally::default(), None::<Instant>, began);
    while let Some(joined) = clients.join_next().await {
        let ended = joined?.map_err(|_| Error::other("a client waits in vain"))?;
        match ended.answer {
            Ok(status) => tally.answer(status, ended.waited),
            Err(error) => tally.error(&error),
        }
        first = Some(first.map_or(ended.at, |first| first.min(ended.at)));
        last = last.max(ended.at);
    }
    let mut report = tally.report();
    if let Some(report) = report.as_object_mut() {
        report.insert("first_ms".into(), json!(unix_ms(first.unwrap_or(last))));
        report.insert("last_ms".into(), json!(unix_ms(last)));
    }
    Ok(report)
}

async fn wait(route: Route, number: usize, mut question: Question, gate: &Semaphore) -> Ended {
    let began = Instant::now();
    let answer = async {
        let connecting = gate.acquire().await.map_err(Error::other)?;
        let mut connection = Connection::open(route, number).await?;
        connection.send(question.numbered(number as u64)).await?;
        drop(connecting);
        // What waits for hours need not keep its question.
        drop(question);
        connection.answer().await.map(|answer| answer.status)
    };
    let answer = answer.await;
    Ended { at: Instant::now(), waited: began.elapsed(), answer }
}

/// Waits until the server has them all.
async fn parked(route: Route, args: &CrowdArgs, limit: Duration) -> Result<()> {
    let mut connection = Connection::open(route, 0).await?;
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < limit {
        let answer = connection.get(&args.count_path).await?;
        count = sum(&String::from_utf8_lossy(&answer.body), &args.count_member);
        if count >= args.clients as u64 {
            return Ok(());
        }
        sleep(LOOK).await;
    }
    Err(Error::other(format!("the server has only {count} requests")))
}

/// Adds up the numbers behind this member.
fn sum(document: &str, member: &str) -> u64 {
    let member = format!("\"{member}\":");
    let numbers = document.split(member.as_str()).skip(1).filter_map(|rest| {
        let digits = rest.trim_start().split(|letter: char| !letter.is_ascii_digit()).next()?;
        digits.parse::<u64>().ok()
    });
    numbers.sum()
}

/// Milliseconds since 1970.
fn unix_ms(at: Instant) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.saturating_sub(at.elapsed()).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_several_actors_are_added_up() {
        assert_eq!(sum(r#"[{"open":3},{"open": 4,"other":9}]"#, "open"), 7);
    }
}
