//! Clients that ask again as soon as they have their answer.

use std::{
    io::Result,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use clap::Args;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    connection::{Answer, Connection, Route},
    question::{Question, Questions},
    tally::Tally,
};

const REFUSED: u16 = 429;

/// Flags of `loops`.
#[derive(Debug, Args)]
pub struct LoopsArgs {
    /// Clients, each with a connection of its own.
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// Stop after so many requests.
    #[arg(long, default_value_t = u64::MAX)]
    requests: u64,
    /// Stop after so many seconds.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Pause of a client that was refused with 429, in milliseconds.
    #[arg(long, default_value_t = 0)]
    refused_pause_ms: u64,
    #[command(flatten)]
    questions: Questions,
}

struct Share {
    route: Route,
    client: usize,
    next: Arc<AtomicU64>,
    requests: u64,
    until: Instant,
    pause: Duration,
}

/// Asks until the time or the requests are used up. Connecting is not measured.
pub async fn run(route: Route, args: &LoopsArgs) -> Result<Value> {
    let mut connections = Vec::new();
    for number in 0..args.connections {
        connections.push(Connection::open(route, number).await?);
    }
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let until = began + Duration::from_secs_f64(args.seconds);
    let pause = Duration::from_millis(args.refused_pause_ms);
    let mut clients = JoinSet::new();
    for (client, connection) in connections.into_iter().enumerate() {
        let share = Share { route, client, next: next.clone(), requests: args.requests, until, pause };
        clients.spawn(ask(connection, Question::new(&args.questions), share));
    }
    let mut tally = Tally::default();
    while let Some(joined) = clients.join_next().await {
        tally.add(joined?);
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut report = tally.report();
    if let Some(report) = report.as_object_mut() {
        report.insert("seconds".into(), json!(seconds));
    }
    Ok(report)
}

async fn ask(mut connection: Connection, mut question: Question, share: Share) -> Tally {
    let mut tally = Tally::default();
    while Instant::now() < share.until {
        let number = share.next.fetch_add(1, Relaxed);
        if number >= share.requests {
            break;
        }
        let asked = Instant::now();
        let answer = exchange(&mut connection, question.numbered(number)).await;
        let went_on = match answer {
            Ok(answer) => {
                tally.answer(answer.status, asked.elapsed());
                pause(&mut connection, answer.status, &share).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = went_on {
            tally.error(&error);
            break;
        }
    }
    tally
}

async fn exchange(connection: &mut Connection, request: &[u8]) -> Result<Answer> {
    connection.send(request).await?;
    connection.answer().await
}

/// A refused client waits, and connects again if it has to.
async fn pause(connection: &mut Connection, status: u16, share: &Share) -> Result<()> {
    if status == REFUSED {
        sleep(share.pause).await;
        if connection.is_closed() {
            *connection = Connection::open(share.route, share.client).await?;
        }
    }
    Ok(())
}
