//! How many tokens an answer says that it took.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// Tokens, as the upstream counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Usage {
    /// Tokens of the input, those from the upstream's prompt cache included.
    #[serde(rename = "input_tokens")]
    pub input: u64,
    /// Those of them that the upstream had in its prompt cache.
    #[serde(rename = "cached_input_tokens")]
    pub cached: u64,
    /// Tokens of the output, reasoning included.
    #[serde(rename = "output_tokens")]
    pub output: u64,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    usage: Option<Wire>,
}

/// Chat, completions and embeddings use one pair of names, responses the other.
#[derive(Deserialize)]
struct Wire {
    prompt_tokens: Option<u64>,
    input_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    output_tokens: Option<u64>,
    prompt_tokens_details: Option<Details>,
    input_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
}

impl Usage {
    /// What the body of an answer says; nothing if it says nothing, or nothing that makes sense.
    pub fn of(body: &[u8]) -> Option<Self> {
        let wire = serde_json::from_slice::<Body>(body).ok()?.usage?;
        let details = wire.prompt_tokens_details.or(wire.input_tokens_details);
        Some(Self {
            input: wire.prompt_tokens.or(wire.input_tokens)?,
            cached: details.and_then(|details| details.cached_tokens).unwrap_or(0),
            output: wire.completion_tokens.or(wire.output_tokens).unwrap_or(0),
        })
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Self) {
        self.input = self.input.saturating_add(more.input);
        self.cached = self.cached.saturating_add(more.cached);
        self.output = self.output.saturating_add(more.output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_nonsense_is_nothing() {
        let of = |body: &str| Usage::of(body.as_bytes());
        let chat = r#"{"id":"x","choices":[{"message":{"content":"\"usage\":{\"prompt_tokens\":9}"}}],
            "usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15,
            "prompt_tokens_details":{"cached_tokens":8,"audio_tokens":0}}}"#;
        assert_eq!(of(chat), Some(Usage { input: 12, cached: 8, output: 3 }));
        let response = r#"{"usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":0},
            "output_tokens":2,"output_tokens_details":{"reasoning_tokens":1}}}"#;
        assert_eq!(of(response), Some(Usage { input: 7, cached: 0, output: 2 }));
        let embedding = r#"{"data":[],"usage":{"prompt_tokens":5,"total_tokens":5}}"#;
        assert_eq!(of(embedding), Some(Usage { input: 5, cached: 0, output: 0 }));
        for nothing in ["{}", r#"{"usage":null}"#, r#"{"usage":{}}"#, r#"{"usage":"many"}"#, "no JSON"] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
    }
}
