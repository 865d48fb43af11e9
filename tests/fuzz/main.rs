//! Fuzzing: bytes that were valid once and were damaged since, against oracles that know better than "it did not panic".
//!
//! Each target is a function of bytes, which any fuzzer can drive. Here so many cases are tried of each, or with
//! `BATCH_GPT_FUZZ_SECONDS` as many as fit into so many seconds. `cargo xtask fuzz` is the long run.

mod damage;
mod dice;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../emulation/events.rs"]
mod events;
mod found;
mod run;
mod seeds;
mod targets;

/// A test for each target.
macro_rules! targets {
    ($($name:ident: $seeds:expr;)*) => {
        $(
            #[test]
            fn $name() {
                crate::run::run(stringify!($name), $seeds, crate::targets::$name);
            }
        )*
    };
}

targets! {
    bodies: seeds::BODIES;
    result_files: seeds::RESULT_FILES;
    batch_objects: seeds::BATCH_OBJECTS;
    streams: seeds::ANSWERS;
    paths: seeds::PATHS;
    keys: seeds::KEYS;
    settings: seeds::SETTINGS;
}
