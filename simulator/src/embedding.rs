//! Embeddings.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::inference::Context;
use crate::input::Input;
use crate::parameter::{self, Member};
use crate::random::Random;
use crate::usage::Tokens;

/// Dimensions of a vector unless the request says otherwise: enough to tell inputs apart.
const DEFAULT_DIMENSIONS: i64 = 8;

/// A checked request for embeddings.
pub(crate) struct EmbeddingRequest<'a> {
    pub(crate) model: Cow<'a, str>,
    pub(crate) inputs: Vec<Input<'a>>,
    dimensions: usize,
    base64: bool,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    model: Member<'a>,
    #[serde(borrow)]
    input: Member<'a>,
    #[serde(borrow)]
    dimensions: Member<'a>,
    #[serde(borrow)]
    encoding_format: Member<'a>,
}

#[derive(Serialize)]
struct EmbeddingList<'a> {
    object: &'a str,
    data: Vec<Embedding<'a>>,
    model: String,
    usage: EmbeddingUsage,
}

#[derive(Serialize)]
struct Embedding<'a> {
    object: &'a str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct EmbeddingUsage {
    prompt_tokens: u64,
    total_tokens: u64,
}

impl<'a> EmbeddingRequest<'a> {
    pub(crate) fn read(body: &'a RawValue) -> Result<EmbeddingRequest<'a>, ApiError> {
        let members: Members<'a> = parameter::object("body", body)?;
        let model = parameter::required_text("model", members.model)?;
        let input = members.input.ok_or_else(|| ApiError::missing("input"))?;
        let inputs = Input::list("input", input)?;
        let dimensions = parameter::integer("dimensions", members.dimensions, 1..=4096)?;
        let format = parameter::text("encoding_format", members.encoding_format)?;
        let base64 = match format.as_deref() {
            None | Some("float") => false,
            Some("base64") => true,
            Some(other) => {
                return Err(ApiError::unsupported_value("encoding_format", other, &["float", "base64"]));
            }
        };
        let dimensions = usize::try_from(dimensions.unwrap_or(DEFAULT_DIMENSIONS)).unwrap_or(1);
        Ok(EmbeddingRequest { model, inputs, dimensions, base64 })
    }

    pub(crate) fn tokens(&self) -> u64 {
        self.inputs.iter().map(|input| input.tokens).sum()
    }

    /// Appends the vectors to `out` as JSON.
    pub(crate) fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) -> serde_json::Result<Tokens> {
        let tokens = Tokens { input: self.tokens(), output: 0 };
        let data = self.inputs.iter().enumerate().map(|(index, input)| Embedding {
            object: "embedding",
            index,
            embedding: self.vector(input),
        });
        let list = EmbeddingList {
            object: "list",
            data: data.collect(),
            model: context.snapshot(&self.model),
            usage: EmbeddingUsage { prompt_tokens: tokens.input, total_tokens: tokens.input },
        };
        serde_json::to_writer(out, &list)?;
        Ok(tokens)
    }

    /// A vector of length one that depends on nothing but the input.
    fn vector(&self, input: &Input<'_>) -> Vector {
        let mut random = Random::from(input.text.as_ref());
        let raw: Vec<f64> = (0..self.dimensions).map(|_| random.fraction() * 2.0 - 1.0).collect();
        let length = raw.iter().map(|value| value * value).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        let numbers = raw.iter().map(|value| (value / length) as f32);
        if self.base64 {
            Vector::Base64(STANDARD.encode(numbers.flat_map(f32::to_le_bytes).collect::<Vec<u8>>()))
        } else {
            Vector::Numbers(numbers.collect())
        }
    }
}
