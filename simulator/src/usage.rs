//! Token counts.

use serde::{Deserialize, Serialize};

/// Tokens of one answer or of a whole batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

/// Tokens as chat completions, completions and embeddings report them.
#[derive(Serialize)]
pub(crate) struct CompletionUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: InputDetails,
    completion_tokens_details: OutputDetails,
}

/// Tokens as responses and batches report them (contract, section 1.2).
#[derive(Serialize)]
pub(crate) struct ResponseUsage {
    input_tokens: u64,
    input_tokens_details: InputDetails,
    output_tokens: u64,
    output_tokens_details: OutputDetails,
    total_tokens: u64,
}

#[derive(Default, Serialize)]
struct InputDetails {
    cached_tokens: u64,
    /// Only responses have it, and clients insist on it there.
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
}

#[derive(Default, Serialize)]
struct OutputDetails {
    reasoning_tokens: u64,
}

/// Reads either form back out of a body the simulator did not compose itself.
#[derive(Deserialize)]
struct Reported {
    usage: Option<ReportedUsage>,
}

#[derive(Deserialize)]
struct ReportedUsage {
    #[serde(default, alias = "prompt_tokens")]
    input_tokens: u64,
    #[serde(default, alias = "completion_tokens")]
    output_tokens: u64,
}

impl Tokens {
    /// A text's rough size: a quarter of its bytes, at least one.
    pub(crate) fn estimate(bytes: usize) -> u64 {
        (bytes as u64 / 4).max(1)
    }

    pub(crate) fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }

    pub(crate) fn add(&mut self, other: Tokens) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
    }

    /// What a body says of itself; nothing if it has no usage.
    pub(crate) fn reported_by(body: &str) -> Tokens {
        let usage = serde_json::from_str::<Reported>(body).ok().and_then(|reported| reported.usage);
        usage.map_or(Tokens::default(), |usage| Tokens {
            input: usage.input_tokens,
            output: usage.output_tokens,
        })
    }
}

impl ResponseUsage {
    /// The tokens of a single response.
    pub(crate) fn of_response(tokens: Tokens) -> ResponseUsage {
        let mut usage = ResponseUsage::from(tokens);
        usage.input_tokens_details.cache_write_tokens = Some(0);
        usage
    }
}

impl From<Tokens> for CompletionUsage {
    fn from(tokens: Tokens) -> CompletionUsage {
        CompletionUsage {
            prompt_tokens: tokens.input,
            completion_tokens: tokens.output,
            total_tokens: tokens.total(),
            prompt_tokens_details: InputDetails::default(),
            completion_tokens_details: OutputDetails::default(),
        }
    }
}

impl From<Tokens> for ResponseUsage {
    fn from(tokens: Tokens) -> ResponseUsage {
        ResponseUsage {
            input_tokens: tokens.input,
            input_tokens_details: InputDetails::default(),
            output_tokens: tokens.output,
            output_tokens_details: OutputDetails::default(),
            total_tokens: tokens.total(),
        }
    }
}
