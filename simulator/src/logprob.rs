//! Tokens and how likely they were.

use std::collections::BTreeMap;

use serde::Serialize;

/// How likely every token is said to have been.
const LIKELY: f64 = -0.25;

/// One token of an answer, as chat completions and responses list it.
#[derive(Serialize)]
pub(crate) struct TokenLogprob {
    #[serde(flatten)]
    token: Alternative,
    top_logprobs: Vec<Alternative>,
}

/// One token that was possible.
#[derive(Clone, Serialize)]
struct Alternative {
    token: String,
    logprob: f64,
    bytes: Vec<u8>,
}

/// The tokens of an answer as legacy completions list them.
#[derive(Serialize)]
pub(crate) struct LegacyLogprobs {
    tokens: Vec<String>,
    token_logprobs: Vec<f64>,
    top_logprobs: Vec<BTreeMap<String, f64>>,
    /// In characters from the beginning of the text.
    text_offset: Vec<usize>,
}

impl TokenLogprob {
    /// The tokens of `text`, each with `top` alternatives of which it is the first.
    pub(crate) fn list(text: &str, top: usize) -> Vec<TokenLogprob> {
        let entry = |token| TokenLogprob {
            token: Alternative::new(token, 0),
            top_logprobs: (0..top).map(|rank| Alternative::new(token, rank)).collect(),
        };
        tokens(text).map(entry).collect()
    }
}

impl LegacyLogprobs {
    /// The tokens of `text`, each with `top` alternatives of which it is the first.
    pub(crate) fn of(text: &str, top: usize) -> LegacyLogprobs {
        let mut offset = 0;
        let mut list = LegacyLogprobs {
            tokens: Vec::new(),
            token_logprobs: Vec::new(),
            top_logprobs: Vec::new(),
            text_offset: Vec::new(),
        };
        for token in tokens(text) {
            let alternatives = (0..top).map(|rank| Alternative::new(token, rank));
            list.tokens.push(token.to_owned());
            list.token_logprobs.push(LIKELY);
            list.top_logprobs.push(alternatives.map(|one| (one.token, one.logprob)).collect());
            list.text_offset.push(offset);
            offset += token.chars().count();
        }
        list
    }
}

impl Alternative {
    fn new(token: &str, rank: usize) -> Alternative {
        let token = if rank == 0 { token.to_owned() } else { format!("{}~{rank}", token.trim_end()) };
        Alternative { logprob: LIKELY - rank as f64, bytes: token.as_bytes().to_vec(), token }
    }
}

/// Takes each word with the space behind it for a token; together they are the text.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}
