use batch_gpt_actors::rules::ids::{BatchKey, RequestId, file_name, key_of_file};
use proptest::prelude::*;

proptest! {
    /// A custom_id must stay inside what the narrowest Batch API takes, and find its way back.
    #[test]
    fn custom_ids_are_short_plain_and_reversible(bits: u128) {
        let id = RequestId(bits);
        let text = id.to_string();
        prop_assert_eq!(text.len(), RequestId::WIDTH);
        prop_assert!(text.len() <= 64);
        prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
        prop_assert_eq!(text.parse::<RequestId>(), Ok(id));
    }

    #[test]
    fn a_key_is_found_again_in_its_file_name(bits: u128) {
        let name = file_name(BatchKey(bits));
        prop_assert_eq!(key_of_file(&name), Some(BatchKey(bits)));
    }

    #[test]
    fn other_texts_are_no_ids(text in "\\PC{0,40}") {
        if let Ok(id) = text.parse::<RequestId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }
}

#[test]
fn a_models_name_writes_no_lines_into_a_log() {
    use batch_gpt_actors::rules::lane::{Endpoint, Lane, Tenant};
    let model = "m\n[ERROR] all is lost \u{1b}[31m".into();
    let lane = Lane { tenant: Tenant::anonymous(), endpoint: Endpoint::ChatCompletions, model };
    assert!(!lane.to_string().contains(['\n', '\u{1b}']));
}
