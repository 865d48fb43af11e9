//! The laws of the rules, as properties.

mod admission;
mod bodies;
mod collation;
mod holding;
mod ids;
mod journal;
mod limits;
mod machine;
mod pairing;
mod pauses;
mod refusals;
mod retention;
mod reuse;
