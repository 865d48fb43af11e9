//! The body of a response that has begun before its end is known.

use std::{future::ready, time::Duration};

use bytes::Bytes;
use futures_util::{
    Stream, StreamExt,
    stream::{once, unfold},
};
use tokio::time::{Instant, interval_at};

use super::waiting::{Ended, Waiting};
use crate::http::error::HttpError;

/// What is said while there is nothing to say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// At once.
    pub opening: &'static [u8],
    /// After each interval.
    pub beat: &'static [u8],
}

/// The request failed after its response had begun with 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a failure cannot be told under 200; the connection is broken instead")]
pub(super) struct Broken;

/// A byte per interval, and then what `last` makes of the end. The client counts as waiting until all of it is sent.
pub(super) fn body(
    waiting: Waiting,
    interval: Duration,
    words: Words,
    last: impl FnOnce(Result<Ended, HttpError>) -> Result<Bytes, Broken> + 'static,
) -> impl Stream<Item = Result<Bytes, Broken>> {
    let timer = interval_at(Instant::now() + interval, interval);
    let rest = unfold((waiting, timer, Some(last)), move |(mut waiting, mut timer, last)| async move {
        let last = last?;
        tokio::select! {
            biased;
            end = waiting.end() => Some((last(end), (waiting, timer, None))),
            _ = timer.tick() => Some((Ok(Bytes::from_static(words.beat)), (waiting, timer, Some(last)))),
        }
    });
    once(ready(Ok(Bytes::from_static(words.opening)))).chain(rest)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use batch_gpt_actors::{
        permits::Permits,
        rules::{
            admission::Capacity,
            ids::RequestId,
            lane::Tenant,
            outcome::{Origin, Outcome},
        },
        waiting_room::{Client, Delivery, Reply},
    };
    use tokio::time::sleep;

    use super::*;
    use crate::http::hold::{BLANKS, COMMENT};

    const QUARTER_MINUTE: Duration = Duration::from_secs(15);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn waiting(places: &Permits) -> (Waiting, Reply) {
        let (waiting, client) = Waiting::new(places.take(&Tenant::anonymous()).unwrap(), false);
        let Client::Parked(reply) = client else { panic!("{client:?}") };
        (waiting, reply)
    }

    fn answer(status: u16) -> Delivery {
        let outcome = Outcome { status, body: "{}".into(), origin: Origin::Upstream };
        Delivery::Answered { id: RequestId(1), outcome, batch: None }
    }

    fn last(end: Result<Ended, HttpError>) -> Result<Bytes, Broken> {
        end.map(|end| Bytes::from([b"\n\ndata: ", &end.outcome.body[..], b"\n\n"].concat()))
            .map_err(|_| Broken)
    }

    /// go-openai counts the lines between two data events, and gives up after 300 (contract, section 5.3).
    fn survives_go_openai(stream: &str) -> bool {
        let mut nothing = 0;
        stream.lines().all(|line| {
            nothing = if line.starts_with("data:") { 0 } else { nothing + 1 };
            nothing <= 300
        })
    }

    #[tokio::test(start_paused = true)]
    async fn case_60_a_day_of_heartbeats_is_one_line() {
        let (waiting, reply) = waiting(&Permits::new(Capacity::shared(1, 1)));
        tokio::spawn(async {
            sleep(DAY).await;
            reply.send(answer(200))
        });
        let pieces: Vec<_> = body(waiting, QUARTER_MINUTE, COMMENT, last).collect().await;
        let bytes: Vec<u8> = pieces.into_iter().flat_map(Result::unwrap).collect();
        let stream = String::from_utf8(bytes).unwrap();
        let (comment, data) = stream.split_once('\n').unwrap();
        assert_eq!(data, "\ndata: {}\n\n");
        assert_eq!(comment.trim_end_matches('.'), ": ");
        assert!((5758..=5760).contains(&(comment.len() - 2)), "{}", comment.len());
        assert!(survives_go_openai(&stream));
        let whole_comments = format!("{}data: {{}}\n\n", ": k\n\n".repeat(151));
        assert!(!survives_go_openai(&whole_comments));
    }

    #[tokio::test(start_paused = true)]
    async fn the_place_among_the_open_requests_is_kept_until_the_last_byte_or_the_hanging_up() {
        let places = Permits::new(Capacity::shared(1, 1));
        let (client, reply) = waiting(&places);
        let mut held = pin!(body(client, QUARTER_MINUTE, BLANKS, last));
        assert_eq!(held.next().await, Some(Ok(Bytes::from_static(b"\n"))));
        assert_eq!(held.next().await, Some(Ok(Bytes::from_static(b"\n"))));
        reply.send(answer(200)).unwrap();
        assert!(held.next().await.is_some_and(|piece| piece.is_ok()));
        assert_eq!(places.occupancy().open, 1);
        assert_eq!(held.next().await, None);
        assert_eq!(places.occupancy().open, 0);
        let (client, reply) = waiting(&places);
        drop(body(client, QUARTER_MINUTE, BLANKS, last));
        assert!(reply.is_closed());
        assert_eq!(places.occupancy().open, 0);
    }
}
