//! Chat completions.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::answer::Answer;
use crate::error::ApiError;
use crate::format::Format;
use crate::inference::Context;
use crate::logprob::TokenLogprob;
use crate::parameter::{self, Member};
use crate::prompt::Prompt;
use crate::tool::{Call, Toolbox};
use crate::usage::{CompletionUsage, Tokens};

/// A checked request for chat completions.
pub(crate) struct ChatRequest<'a> {
    pub(crate) model: Cow<'a, str>,
    pub(crate) prompt: Prompt<'a>,
    choices: usize,
    /// Alternatives of each token, if tokens are wanted.
    logprobs: Option<usize>,
    toolbox: Toolbox,
    format: Format,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    model: Member<'a>,
    #[serde(borrow)]
    messages: Member<'a>,
    #[serde(borrow)]
    n: Member<'a>,
    #[serde(borrow)]
    temperature: Member<'a>,
    #[serde(borrow)]
    top_p: Member<'a>,
    #[serde(borrow)]
    presence_penalty: Member<'a>,
    #[serde(borrow)]
    frequency_penalty: Member<'a>,
    #[serde(borrow)]
    max_tokens: Member<'a>,
    #[serde(borrow)]
    max_completion_tokens: Member<'a>,
    #[serde(borrow)]
    logprobs: Member<'a>,
    #[serde(borrow)]
    top_logprobs: Member<'a>,
    #[serde(borrow)]
    tools: Member<'a>,
    #[serde(borrow)]
    tool_choice: Member<'a>,
    #[serde(borrow)]
    parallel_tool_calls: Member<'a>,
    #[serde(borrow)]
    response_format: Member<'a>,
}

#[derive(Serialize)]
struct ChatCompletion<'a> {
    id: String,
    object: &'a str,
    created: u64,
    model: String,
    choices: Vec<Choice>,
    usage: CompletionUsage,
    service_tier: &'a str,
    system_fingerprint: &'a str,
}

#[derive(Serialize)]
struct Choice {
    index: usize,
    message: Message,
    logprobs: Option<Logprobs>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    content: Option<String>,
    refusal: Option<String>,
    annotations: [(); 0],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall>,
}

#[derive(Serialize)]
struct ToolCall {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionCall,
}

#[derive(Serialize)]
struct FunctionCall {
    name: String,
    arguments: String,
}

#[derive(Serialize)]
struct Logprobs {
    content: Option<Vec<TokenLogprob>>,
    refusal: Option<Vec<TokenLogprob>>,
}

impl<'a> ChatRequest<'a> {
    pub(crate) fn read(body: &'a RawValue) -> Result<ChatRequest<'a>, ApiError> {
        let members: Members<'a> = parameter::object("body", body)?;
        let model = parameter::required_text("model", members.model)?;
        let messages = members.messages.ok_or_else(|| ApiError::missing("messages"))?;
        let prompt = Prompt::from_messages("messages", messages)?;
        let choices = parameter::integer("n", members.n, 1..=128)?.unwrap_or(1);
        parameter::number("temperature", members.temperature, 0.0..=2.0)?;
        parameter::number("top_p", members.top_p, 0.0..=1.0)?;
        parameter::number("presence_penalty", members.presence_penalty, -2.0..=2.0)?;
        parameter::number("frequency_penalty", members.frequency_penalty, -2.0..=2.0)?;
        parameter::integer("max_tokens", members.max_tokens, 1..=i64::MAX)?;
        parameter::integer("max_completion_tokens", members.max_completion_tokens, 1..=i64::MAX)?;
        let top = parameter::integer("top_logprobs", members.top_logprobs, 0..=20)?.unwrap_or(0);
        let logprobs = parameter::flag("logprobs", members.logprobs)?;
        Ok(ChatRequest {
            model,
            prompt,
            choices: usize::try_from(choices).unwrap_or(1),
            logprobs: logprobs.then(|| usize::try_from(top).unwrap_or(0)),
            toolbox: Toolbox::read(members.tools, members.tool_choice, members.parallel_tool_calls)?,
            format: Format::read("response_format", "json_schema", members.response_format)?,
        })
    }

    /// Appends the answer to `out` as JSON.
    pub(crate) fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) -> serde_json::Result<Tokens> {
        let suffix = |index| if self.choices > 1 { format!(" (choice {index})") } else { String::new() };
        let answer = |index| Answer::new(&self.prompt, &self.toolbox, &self.format, &suffix(index));
        let answers: Vec<Answer> = (0..self.choices).map(answer).collect();
        let output = answers.iter().map(|answer| Tokens::estimate(answer.size())).sum();
        let tokens = Tokens { input: Tokens::estimate(self.prompt.bytes), output };
        let choices = answers.into_iter().enumerate();
        let completion = ChatCompletion {
            id: format!("chatcmpl-{}", context.hash),
            object: "chat.completion",
            created: context.created,
            model: context.snapshot(&self.model),
            choices: choices.map(|(index, answer)| self.choice(context, index, answer)).collect(),
            usage: tokens.into(),
            service_tier: "default",
            system_fingerprint: "fp_simulator",
        };
        serde_json::to_writer(out, &completion)?;
        Ok(tokens)
    }

    fn choice(&self, context: &Context<'_>, index: usize, answer: Answer) -> Choice {
        let listed = |text: &Option<String>, top| text.as_deref().map(|text| TokenLogprob::list(text, top));
        let spoken = |_: &usize| answer.text.is_some() || answer.refusal.is_some();
        let logprobs = self.logprobs.filter(spoken).map(|top| Logprobs {
            content: listed(&answer.text, top),
            refusal: listed(&answer.refusal, top),
        });
        let calls = answer.calls.into_iter().enumerate();
        let message = Message {
            role: "assistant",
            content: answer.text,
            refusal: answer.refusal,
            annotations: [],
            tool_calls: calls
                .map(|(n, call)| ToolCall::new(format!("call_{}_{index}_{n}", context.hash), call))
                .collect(),
        };
        Choice { index, message, logprobs, finish_reason: answer.end.finish_reason() }
    }
}

impl ToolCall {
    fn new(id: String, call: Call) -> ToolCall {
        let function = FunctionCall { name: call.name, arguments: call.arguments };
        ToolCall { id, kind: "function", function }
    }
}
