//! Random schedules of clients, faults and crashes against the real actors on virtual time, each checked against the
//! three promises: accepted means answered, never paid twice, byte-faithful both ways.
//!
//! A schedule follows from its seed. One that breaks a promise prints its seed and the shortest list of operations
//! that still does; pasted into `found.rs` that list becomes a test with a name. `BATCH_GPT_SIMULATION_SCHEDULES` sets
//! how many are run (4,000; CI runs 20,000), `BATCH_GPT_SIMULATION_SEED` the first seed (0).

mod books;
mod calendar;
mod client;
mod factory;
mod found;
mod gateway;
mod generate;
mod job;
mod journal;
mod ledger;
#[cfg(feature = "mutations")]
mod mutations;
mod op;
mod oracle;
mod reached;
mod schedule;
mod search;
mod settings;
mod shrink;
mod spills;
mod trap;
mod upstream;
mod world;

#[test]
fn the_promises_hold_in_every_schedule() {
    if let Some(broken) = search::first_broken(|| {}) {
        panic!("{broken}");
    }
}
