//! The real actors on virtual time: days pass in milliseconds, on one thread, with an upstream and a store in memory.

mod memory_spills;
mod memory_store;
mod memory_upstream;
mod world;

mod admission;
mod collating;
mod limits;
mod looks;
mod panics;
mod restart;
mod settling;
mod sharing;
mod spilling;
mod stopping;
mod sweeping;
