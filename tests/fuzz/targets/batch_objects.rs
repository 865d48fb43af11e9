use std::str;

use batch_gpt_actors::rules::{
    refusal::{Refusal, cause},
    upstream_batch::UpstreamBatch,
};
use serde_json::Value;

/// What the upstream says of a batch, and whom a failed one blames.
pub fn batch_objects(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let Ok(text) = str::from_utf8(text) else { return };
    let lines = usize::from(first.wrapping_sub(b'0'));
    let value = serde_json::from_str::<Value>(text);
    let Ok(batch) = UpstreamBatch::parse(text) else { return };
    let Ok(value) = value else { return };
    assert_eq!(batch.raw.get(), text.trim_matches([' ', '\t', '\n', '\r']), "it is kept byte for byte");
    // Of a member that stands there twice either may count, but no reader here takes such a text.
    assert_eq!(value["id"], batch.id.as_str());
    for (member, file) in [
        ("input_file_id", &batch.input_file),
        ("output_file_id", &batch.output_file),
        ("error_file_id", &batch.error_file),
    ] {
        let named = value[member].as_str().filter(|id| !id.is_empty());
        assert_eq!(file.as_ref().map(|file| file.as_str()), named, "{member}");
    }
    let told = value["errors"]["data"].as_array().map_or(0, Vec::len);
    assert_eq!(batch.errors.len(), told);
    let again = UpstreamBatch::parse(batch.raw.get()).unwrap();
    assert_eq!((again.status, again.key, again.created_at), (batch.status, batch.key, batch.created_at));
    match Refusal::of(&batch, lines) {
        Refusal::Lines(blamed) => {
            assert!(!blamed.is_empty());
            assert!(blamed.keys().all(|line| (1..=lines as u64).contains(line)), "{blamed:?}");
            let named = |line: &u64| batch.errors.iter().any(|entry| entry.line == Some(*line));
            assert!(blamed.keys().all(named), "nobody is blamed whom the upstream did not name");
        }
        Refusal::All(error)
        | Refusal::Enqueued(_, error)
        | Refusal::Passing(error)
        | Refusal::Unexplained(error) => {
            cause(&error);
            assert!(!error.kind.is_empty());
        }
    }
}
