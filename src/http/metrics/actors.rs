//! The actors' mailboxes.

use batch_gpt_actors::board::{Board, Work};

use super::exposition::{Exposition, decimal};

/// Actors of a pool are told apart by their number. There is a Poller for each batch, so Pollers count together.
pub fn write(text: &mut Exposition, board: &Board) {
    text.gauge("batch_gpt_mailbox_depth", "Messages that wait for an actor.");
    let mut pollers = 0;
    for reading in board.readings() {
        if reading.kind == POLLER {
            pollers += reading.depth;
        } else {
            text.sample(&[("kind", reading.kind), ("shard", &reading.shard)], reading.depth);
        }
    }
    text.sample(&[("kind", POLLER), ("shard", "all")], pollers);
    let mut work = board.work();
    work.entry(POLLER).or_default();
    text.gauge("batch_gpt_actors", "Actors at work.");
    each(text, &work, |work| work.running);
    text.counter("batch_gpt_messages_handled_total", "Messages that actors have handled.");
    each(text, &work, |work| work.handled);
    text.counter("batch_gpt_handler_panics_total", "Messages over which a handler panicked.");
    each(text, &work, |work| work.panics);
    text.counter("batch_gpt_message_wait_seconds_total", "Time that messages waited in a mailbox.");
    each(text, &work, |work| decimal(work.waited_us.into(), 6));
    text.counter("batch_gpt_message_handling_seconds_total", "Time that handlers took.");
    each(text, &work, |work| decimal(work.handling_us.into(), 6));
}

/// The kind of which there is one for each batch.
const POLLER: &str = "Poller";

fn each<T: std::fmt::Display>(
    text: &mut Exposition,
    work: &std::collections::BTreeMap<&'static str, Work>,
    number: impl Fn(&Work) -> T,
) {
    for (kind, work) in work {
        text.sample(&[("kind", kind)], number(work));
    }
}
