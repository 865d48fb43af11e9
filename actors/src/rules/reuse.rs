//! Which answers are given to equal requests of others.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};

use super::outcome::{Origin, Outcome};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(default)]
    error: Option<IgnoredAny>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    output: Option<Vec<Item<'a>>>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(default)]
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    refusal: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    content: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

/// Whether an equal request may be answered with this, too: an answer of the upstream, whole, and neither refused nor
/// cut by a filter. What is in any doubt is asked again.
pub fn is_reusable(outcome: &Outcome) -> bool {
    let answered = outcome.status == 200 && outcome.origin == Origin::Upstream;
    answered && serde_json::from_slice::<Body<'_>>(&outcome.body).is_ok_and(|body| body.is_whole())
}

impl Body<'_> {
    fn is_whole(&self) -> bool {
        let parts = self.output.iter().flatten().flat_map(|item| item.content.iter().flatten());
        self.error.is_none()
            && self.status.as_deref().is_none_or(|status| status == "completed")
            && self.choices.iter().flatten().all(Choice::is_whole)
            && !parts.into_iter().any(|part| part.kind.as_deref() == Some("refusal"))
    }
}

impl Choice<'_> {
    fn is_whole(&self) -> bool {
        let cut = matches!(self.finish_reason.as_deref(), Some("length" | "content_filter"));
        let refused = self.message.as_ref().is_some_and(|message| message.refusal.is_some());
        !cut && !refused
    }
}
