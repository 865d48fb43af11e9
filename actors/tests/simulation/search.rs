//! Looks for a schedule that breaks a promise.

use std::{
    env, fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use crate::{generate::schedule, op::Op, schedule::hold, shrink::shrink};

/// A schedule that breaks a promise.
pub struct Broken {
    seed: u64,
    how: String,
    shortest: Vec<Op>,
    how_shortest: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.how)?;
        self.shortest.iter().try_for_each(|op| writeln!(f, "    {op:?},"))?;
        write!(f, "which gives: {}", self.how_shortest)
    }
}

fn number(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).map_or(otherwise, |text| text.parse().expect(variable))
}

fn verdict(ops: &[Op]) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| hold(ops))).unwrap_or_else(|_| Err("a panic".into()))
}

/// Runs the schedules on all cores, each thread after `prepare`. Stops at the first one that breaks a promise.
pub fn first_broken(prepare: impl Fn() + Sync) -> Option<Broken> {
    let from = number("BATCH_GPT_SIMULATION_SEED", 0);
    let end = from + number("BATCH_GPT_SIMULATION_SCHEDULES", 4_000);
    let (next, stop, found) = (AtomicU64::new(from), AtomicBool::new(false), Mutex::new(None));
    let search = || {
        prepare();
        while !stop.load(Relaxed) {
            let seed = next.fetch_add(1, Relaxed);
            if seed >= end {
                return;
            }
            let ops = schedule(seed);
            if let Err(how) = verdict(&ops) {
                stop.store(true, Relaxed);
                let shortest = shrink(ops, |ops| verdict(ops).is_err());
                let how_shortest = verdict(&shortest).err().unwrap_or_default();
                found.lock().unwrap().get_or_insert(Broken { seed, how, shortest, how_shortest });
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(search);
        }
    });
    found.into_inner().unwrap()
}
