//! The steps of a chore, counted.

use std::{env, time::Instant};

/// What went well so far, and what did not.
#[derive(Debug, Default)]
pub struct Steps {
    passed: usize,
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl Steps {
    /// Does one step; a failure is counted and the chore goes on.
    pub fn step(&mut self, name: &str, work: impl FnOnce() -> Result<(), String>) {
        println!("\n== {name}");
        let began = Instant::now();
        let outcome = work();
        println!("took {} s", began.elapsed().as_secs());
        self.outcome(name, outcome);
    }

    /// Counts the outcome of a step.
    pub fn outcome(&mut self, name: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.passed += 1,
            Err(why) => {
                println!("failed: {name}: {why}");
                self.failed.push(format!("{name}: {why}"));
            }
        }
    }

    /// Leaves out what cannot be done here. In CI that is a failure, because nobody would notice otherwise.
    pub fn skip(&mut self, name: &str, why: &str) {
        if env::var("CI").is_ok_and(|value| value == "true") {
            println!("\n== {name}");
            self.outcome(name, Err(why.to_owned()));
        } else {
            println!("\n== {name}\nskipped: {why}");
            self.skipped.push(format!("{name}: {why}"));
        }
    }

    /// Prints what failed, what was skipped, and the closing line. True if nothing failed.
    pub fn close(self) -> bool {
        println!();
        for skipped in &self.skipped {
            println!("skipped: {skipped}");
        }
        for failed in &self.failed {
            println!("failed: {failed}");
        }
        println!("{} passed, {} failed", self.passed, self.failed.len());
        self.failed.is_empty()
    }
}
