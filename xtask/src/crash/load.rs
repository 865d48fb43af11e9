//! The clients of all rounds.

use std::{fmt, time::Duration};

use batch_gpt_rig::client::{Answer, Client, Mode, expected, question};
use serde_json::json;
use tokio::task::JoinSet;

use super::dice::Dice;

/// The official clients pause for up to eight seconds, which is several rounds; waiting for that shows nothing more.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Clients of one round.
const MOST: u64 = 30;

pub(super) struct Load {
    client: Client,
    clients: JoinSet<Result<u32, String>>,
    bodies: Vec<Vec<u8>>,
    detached: usize,
    answered: usize,
    resent: u64,
    complaints: Vec<String>,
}

impl Load {
    pub(super) fn new(port: u16, patience: Duration) -> Result<Self, String> {
        let url = format!("http://127.0.0.1:{port}/v1");
        // However many rounds there are, whoever waits is heard of before patience ends.
        let limit = patience.saturating_mul(1_000);
        Ok(Self {
            client: Client::new(&url, LONGEST_PAUSE, limit).map_err(|error| error.to_string())?,
            clients: JoinSet::new(),
            bodies: Vec::new(),
            detached: 0,
            answered: 0,
            resent: 0,
            complaints: Vec::new(),
        })
    }

    /// The clients of one more round. Every fourth takes a receipt instead of waiting.
    pub(super) fn arrive(&mut self, dice: &mut Dice) {
        for _ in 0..1 + dice.below(MOST) {
            let content = format!("question {}", self.bodies.len());
            let mode = if dice.below(4) == 0 { Mode::Async } else { Mode::Sync };
            self.detached += usize::from(mode == Mode::Async);
            let (body, client) = (question(&content), self.client.clone());
            self.bodies.push(body.clone());
            let delay = Duration::from_millis(dice.below(1_000));
            self.clients.spawn(async move {
                tokio::time::sleep(delay).await;
                judge(&content, client.ask(&body, mode).await)
            });
        }
    }

    /// Waits for all that are still there; whoever has no answer by then has lost it.
    pub(super) async fn finish(&mut self, patience: Duration) {
        let wait = async {
            while let Some(client) = self.clients.join_next().await {
                match client.unwrap_or_else(|panic| Err(panic.to_string())) {
                    Ok(resent) => {
                        self.answered += 1;
                        self.resent += u64::from(resent);
                    }
                    Err(why) => self.complaints.push(why),
                }
            }
        };
        if tokio::time::timeout(patience, wait).await.is_err() {
            let words = format!("{} clients were never answered", self.clients.len());
            self.complaints.push(words);
        }
    }

    pub(super) fn lost(&self) -> usize {
        self.bodies.len() - self.answered
    }

    pub(super) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    pub(super) fn bodies(&self) -> impl Iterator<Item = &[u8]> {
        self.bodies.iter().map(Vec::as_slice)
    }
}

/// How often it was sent again, if the answer is the one to this question.
fn judge(content: &str, answer: Result<Answer, String>) -> Result<u32, String> {
    let answer = answer.map_err(|why| format!("{content}: {why}"))?;
    if (answer.status, answer.content()) == (200, Some(expected(content))) {
        Ok(answer.resent)
    } else {
        Err(format!("{content} was told {answer:?}"))
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests ({} with a receipt), {} answered, sent again {} times",
            self.bodies.len(),
            self.detached,
            self.answered,
            self.resent
        )
    }
}

/// Many short batches are more than the upstream usually takes in an hour; and some of its calls go wrong. Late answers
/// let more kills fall while a call is under way.
pub(super) async fn adjust(base_url: &str, faults: f64) -> Result<(), String> {
    let kinds = ["answer_lost", "request_lost", "cut", "slow_headers", "status_500"];
    let settings = json!({
        "limits": { "creations_per_hour": 1_000_000 },
        "faults": { "rate": faults, "kinds": kinds, "slow_ms": 100 },
    });
    batch_gpt_rig::ledger::adjust(base_url, &settings.to_string()).await
}
