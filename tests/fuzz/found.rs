//! What fuzzing found, each with a name. An input that broke a target once is tried for ever.

use crate::targets;

/// A key of megabytes that stands there twice must not come back in the error.
#[test]
fn a_long_key_twice_is_refused_in_few_words() {
    let key = "k".repeat(50_000);
    targets::bodies(format!("0{{\"{key}\":1,\"{key}\":2}}").as_bytes());
}
