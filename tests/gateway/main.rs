//! The gateway as its users meet it: the real binary, real sockets, and the simulated upstream in its own place.

#[path = "../mongod/mod.rs"]
mod mongod;
mod process;

mod bad_input;
mod batches;
mod blocked;
mod cut_off;
mod demo;
mod endpoints;
mod faithful;
mod later;
mod mongo;
mod pass_through;
mod pools;
mod secrets;
mod stand_in;
mod start;
mod stop;
