//! The laws of the rules, as properties.

mod bodies;
mod collation;
mod ids;
mod journal;
mod machine;
mod pairing;
mod pauses;
