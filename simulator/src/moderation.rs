//! Moderations.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::inference::Context;
use crate::parameter::{self, Member};
use crate::usage::Tokens;

/// What a text can be flagged for.
const CATEGORIES: [&str; 13] = [
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
];

/// The one of them that the simulator recognises, by its name.
const RECOGNISED: &str = "violence";

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

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    text: Member<'a>,
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
    category_applied_input_types: Categories<[&'static str; 1]>,
}

type Categories<T> = BTreeMap<&'static str, T>;

impl<'a> ModerationRequest<'a> {
    pub(crate) fn read(body: &'a RawValue) -> Result<ModerationRequest<'a>, ApiError> {
        let members: Members<'a> = parameter::object("body", body)?;
        let model = parameter::text("model", members.model)?;
        let input = members.input.ok_or_else(|| ApiError::missing("input"))?;
        let inputs = match parameter::as_text(input) {
            Some(text) => vec![text],
            None => {
                let elements = parameter::elements("input", input)?;
                elements.into_iter().map(read_part).collect::<Result<_, _>>()?
            }
        };
        Ok(ModerationRequest { model: model.unwrap_or(Cow::Borrowed("omni-moderation-latest")), inputs })
    }

    /// Appends the verdicts to `out` as JSON: a text is flagged if it names violence, so that the result
    /// depends on the input. Moderations cost no tokens.
    pub(crate) fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) -> serde_json::Result<Tokens> {
        let moderation = Moderation {
            id: format!("modr-{}", context.hash),
            model: context.snapshot(&self.model),
            results: self.inputs.iter().map(|input| Verdict::on(input)).collect(),
        };
        serde_json::to_writer(out, &moderation)?;
        Ok(Tokens::default())
    }
}

impl Verdict {
    fn on(text: &str) -> Verdict {
        let flagged = text.contains(RECOGNISED);
        let hit = |category| flagged && category == RECOGNISED;
        let score = |category| if hit(category) { 0.9 } else { 0.01 };
        Verdict {
            flagged,
            categories: CATEGORIES.into_iter().map(|name| (name, hit(name))).collect(),
            category_scores: CATEGORIES.into_iter().map(|name| (name, score(name))).collect(),
            category_applied_input_types: CATEGORIES.into_iter().map(|name| (name, ["text"])).collect(),
        }
    }
}

/// A text, or the text of a part; a part of another kind has none.
fn read_part(element: &RawValue) -> Result<Cow<'_, str>, ApiError> {
    if let Some(text) = parameter::as_text(element) {
        return Ok(text);
    }
    let part: Part<'_> = parameter::object("input", element)?;
    Ok(parameter::text("input", part.text)?.unwrap_or_default())
}
