//! Legacy completions.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::inference::{Context, answer_to};
use crate::parameter::{self, Member};
use crate::prompt::Prompt;
use crate::usage::{CompletionUsage, Tokens};

/// A checked request for completions.
pub(crate) struct CompletionRequest<'a> {
    pub(crate) model: Cow<'a, str>,
    pub(crate) prompt: Prompt<'a>,
    choices: usize,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    model: Member<'a>,
    #[serde(borrow)]
    prompt: Member<'a>,
    #[serde(borrow)]
    n: Member<'a>,
    #[serde(borrow)]
    temperature: Member<'a>,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: String,
    object: &'a str,
    created: u64,
    model: String,
    choices: Vec<Choice>,
    usage: CompletionUsage,
    system_fingerprint: &'a str,
}

#[derive(Serialize)]
struct Choice {
    text: String,
    index: usize,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

impl<'a> CompletionRequest<'a> {
    pub(crate) fn read(body: &'a RawValue) -> Result<CompletionRequest<'a>, ApiError> {
        let members: Members<'a> = parameter::object("body", body)?;
        let model = parameter::required_text("model", members.model)?;
        let text = parameter::required_text("prompt", members.prompt)?;
        let choices = parameter::integer("n", members.n, 1..=128)?.unwrap_or(1);
        parameter::number("temperature", members.temperature, 0.0..=2.0)?;
        let prompt = Prompt { bytes: text.len(), text };
        Ok(CompletionRequest { model, prompt, choices: usize::try_from(choices).unwrap_or(1) })
    }

    /// Appends the answer to `out` as JSON.
    pub(crate) fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) -> serde_json::Result<Tokens> {
        let answer = answer_to(&self.prompt.text);
        let output = Tokens::estimate(answer.len()) * self.choices as u64;
        let tokens = Tokens { input: Tokens::estimate(self.prompt.bytes), output };
        let choices = (0..self.choices).map(|index| Choice {
            text: if self.choices > 1 { format!("{answer} (choice {index})") } else { answer.clone() },
            index,
            logprobs: None,
            finish_reason: "stop",
        });
        let completion = Completion {
            id: format!("cmpl-{}", context.hash),
            object: "text_completion",
            created: context.created,
            model: context.snapshot(&self.model),
            choices: choices.collect(),
            usage: tokens.into(),
            system_fingerprint: "fp_simulator",
        };
        serde_json::to_writer(out, &completion)?;
        Ok(tokens)
    }
}
