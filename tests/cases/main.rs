//! What a client gets for every way in which a batch can end, case by case: the real binary, real sockets, and the
//! simulated upstream in its own place. A number is the case's in the contract, section 7B.

#[path = "../gateway/process.rs"]
mod process;

mod crowd;

mod batching;
mod field;
mod poison;
mod queue;
mod results;
mod upstream_faults;
