//! Moderations.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::inference::Context;
use crate::parameter::{self, Member};
use crate::usage::Tokens;

/// A checked request for moderations.
pub(crate) struct ModerationRequest<'a> {
    pub(crate) model: Cow<'a, str>,
    pub(crate) inputs: Vec<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    model: Member<'a>,
    #[serde(borrow)]
    input: Member<'a>,
}

#[derive(Serialize)]
struct Moderation {
    id: String,
    model: String,
    results: Vec<Verdict>,
}

#[derive(Serialize)]
struct Verdict {
    flagged: bool,
    categories: Categories<bool>,
    category_scores: Categories<f64>,
}

#[derive(Serialize)]
struct Categories<T> {
    harassment: T,
    hate: T,
    violence: T,
}

impl<'a> ModerationRequest<'a> {
    pub(crate) fn read(body: &'a RawValue) -> Result<ModerationRequest<'a>, ApiError> {
        let members: Members<'a> = parameter::object("body", body)?;
        let model = parameter::text("model", members.model)?;
        let input = members.input.ok_or_else(|| ApiError::missing("input"))?;
        let inputs = match parameter::as_text(input) {
            Some(text) => vec![text],
            None => parameter::elements("input", input)?
                .into_iter()
                .map(|element| parameter::required_text("input", Some(element)))
                .collect::<Result<_, _>>()?,
        };
        Ok(ModerationRequest { model: model.unwrap_or(Cow::Borrowed("omni-moderation-latest")), inputs })
    }

    /// Appends the verdicts to `out` as JSON: a text is flagged if it names violence, so that the result
    /// depends on the input. Moderations cost no tokens.
    pub(crate) fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) -> serde_json::Result<Tokens> {
        let results = self.inputs.iter().map(|input| {
            let flagged = input.contains("violence");
            let score = if flagged { 0.9 } else { 0.01 };
            Verdict {
                flagged,
                categories: Categories { harassment: false, hate: false, violence: flagged },
                category_scores: Categories { harassment: 0.01, hate: 0.01, violence: score },
            }
        });
        let moderation = Moderation {
            id: format!("modr-{}", context.hash),
            model: context.snapshot(&self.model),
            results: results.collect(),
        };
        serde_json::to_writer(out, &moderation)?;
        Ok(Tokens::default())
    }
}
