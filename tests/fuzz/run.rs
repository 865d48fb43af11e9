//! Runs a target for so many cases, or for so long, and makes what broke it small.

use std::{
    env,
    panic::{self, AssertUnwindSafe},
    time::{Duration, Instant},
};

use crate::{damage::damage, dice::Dice};

/// Cases of a target when nobody says how long.
const CASES: u64 = 4_000;
/// How often a failing input is tried smaller.
const SHRINKS: usize = 4_000;

type Target = fn(&[u8]);

pub fn run(name: &str, seeds: &[&[u8]], target: Target) {
    let begin = number("BATCH_GPT_FUZZ_SEED").unwrap_or(0);
    let seconds = number("BATCH_GPT_FUZZ_SECONDS").map(Duration::from_secs);
    seeds.iter().for_each(|seed| target(seed));
    let (started, mut case) = (Instant::now(), begin);
    while seconds.map_or(case < begin + CASES, |seconds| started.elapsed() < seconds) {
        let input = input(case, seeds);
        if breaks(target, &input) {
            let small = smaller(target, input);
            let text = small.escape_ascii();
            // Once more, for the panic's own words.
            println!("{name}, seed {case}: put this into found.rs: {name}(b\"{text}\");");
            target(&small);
            panic!("{name} breaks, but not every time, over b\"{text}\"");
        }
        case += 1;
    }
    println!("{name}: {} cases", case - begin);
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

fn input(case: u64, seeds: &[&[u8]]) -> Vec<u8> {
    let mut dice = Dice::new(case);
    let mut bytes = dice.pick(seeds).to_vec();
    damage(&mut bytes, seeds, &mut dice);
    bytes
}

fn breaks(target: Target, input: &[u8]) -> bool {
    panic::catch_unwind(AssertUnwindSafe(|| target(input))).is_err()
}

/// Leaves out parts as long as the target still breaks, large ones first.
fn smaller(target: Target, mut input: Vec<u8>) -> Vec<u8> {
    let (mut size, mut left) = (input.len() / 2, SHRINKS);
    while size > 0 && left > 0 {
        let mut at = 0;
        let mut shrunk = false;
        while at < input.len() && left > 0 {
            left -= 1;
            let end = (at + size).min(input.len());
            let less = [&input[..at], &input[end..]].concat();
            if breaks(target, &less) {
                (input, shrunk) = (less, true);
            } else {
                at += size;
            }
        }
        if !shrunk {
            size /= 2;
        }
    }
    input
}
