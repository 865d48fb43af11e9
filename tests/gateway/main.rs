//! The gateway as its users meet it: the real binary, real sockets, and the simulated upstream in its own place.

#[path = "../mongod/mod.rs"]
mod mongod;
mod process;

mod background;
mod bad_input;
mod batches;
mod blocked;
mod caching;
mod demo;
mod disconnect;
mod endpoints;
mod faithful;
mod idempotency;
mod lanes;
mod later;
mod lost_answers;
mod mongo;
mod pass_through;
mod requests_resource;
mod secrets;
mod stand_in;
mod start;
mod stop;
