//! The gateway as its users meet it: the real binary, real sockets, and the simulated upstream in its own place.

#[path = "../emulation/events.rs"]
mod events;
mod exposition;
#[path = "../mongod/mod.rs"]
mod mongod;
mod process;
mod raw;
#[path = "../emulation/reassembly.rs"]
mod reassembly;

mod abuse;
mod access;
mod async_openai;
mod background;
mod bad_input;
mod batches;
mod blocked;
mod caching;
mod cut_off;
mod dashboard;
mod demo;
mod endpoints;
mod faithful;
mod holding;
mod idempotency;
mod keys;
mod later;
mod logs;
mod metrics;
mod mongo;
mod openapi;
mod overload;
mod overview;
mod pass_through;
mod pools;
mod requests_resource;
mod retention;
mod secrets;
mod stand_in;
mod start;
mod stop;
mod streaming;
mod supervisor;
mod tls;
mod upstream_files;
