//! Legacy completions.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::answer;
use crate::error::ApiError;
use crate::inference::Context;
use crate::input::Input;
use crate::logprob::LegacyLogprobs;
use crate::parameter::{self, Member};
use crate::prompt::Prompt;
use crate::usage::{CompletionUsage, Tokens};

/// A checked request for completions.
pub(crate) struct CompletionRequest<'a> {
    pub(crate) model: Cow<'a, str>,
    pub(crate) prompts: Vec<Input<'a>>,
    /// Answers to each prompt.
    choices: usize,
    /// Alternatives of each token, if tokens are wanted.
    logprobs: Option<usize>,
    /// Whether the answer repeats the prompt.
    echo: bool,
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
    #[serde(borrow)]
    logprobs: Member<'a>,
    #[serde(borrow)]
    echo: Member<'a>,
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
    logprobs: Option<LegacyLogprobs>,
    finish_reason: &'static str,
}

impl<'a> CompletionRequest<'a> {
    pub(crate) fn read(body: &'a RawValue) -> Result<CompletionRequest<'a>, ApiError> {
        let members: Members<'a> = parameter::object("body", body)?;
        let model = parameter::required_text("model", members.model)?;
        let prompt = members.prompt.ok_or_else(|| ApiError::missing("prompt"))?;
        let prompts = Input::list("prompt", prompt)?;
        let choices = parameter::integer("n", members.n, 1..=128)?.unwrap_or(1);
        parameter::number("temperature", members.temperature, 0.0..=2.0)?;
        let logprobs = parameter::integer("logprobs", members.logprobs, 0..=5)?;
        Ok(CompletionRequest {
            model,
            prompts,
            choices: usize::try_from(choices).unwrap_or(1),
            logprobs: logprobs.map(|top| usize::try_from(top).unwrap_or(0)),
            echo: parameter::flag("echo", members.echo)?,
        })
    }

    /// Prompt tokens of all prompts together.
    pub(crate) fn tokens(&self) -> u64 {
        self.prompts.iter().map(|prompt| prompt.tokens).sum()
    }

    /// Appends the answer to `out` as JSON.
    pub(crate) fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) -> serde_json::Result<Tokens> {
        let mut output = 0;
        let mut choices = Vec::new();
        for prompt in &self.prompts {
            for number in 0..self.choices {
                let choice = self.choice(prompt, number, choices.len());
                output += Tokens::estimate(choice.text.len());
                choices.push(choice);
            }
        }
        let tokens = Tokens { input: self.tokens(), output };
        let completion = Completion {
            id: format!("cmpl-{}", context.hash),
            object: "text_completion",
            created: context.created,
            model: context.snapshot(&self.model),
            choices,
            usage: tokens.into(),
            system_fingerprint: "fp_simulator",
        };
        serde_json::to_writer(out, &completion)?;
        Ok(tokens)
    }

    /// The answer of this number to `input`, at its place among all of the request.
    fn choice(&self, input: &Input<'_>, number: usize, index: usize) -> Choice {
        let prompt = Prompt::of(Cow::Borrowed(&input.text));
        let mut said = answer::quote(&prompt.text);
        if self.choices > 1 {
            said.push_str(&format!(" (choice {number})"));
        }
        let (mut text, end) = answer::end(&prompt, said);
        if self.echo {
            text.insert_str(0, &prompt.text);
        }
        let logprobs = self.logprobs.map(|top| LegacyLogprobs::of(&text, top));
        Choice { text, index, logprobs, finish_reason: end.finish_reason() }
    }
}
