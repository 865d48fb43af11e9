//! Responses.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::inference::{Context, answer_to};
use crate::parameter::{self, Member};
use crate::prompt::Prompt;
use crate::usage::{ResponseUsage, Tokens};

/// A checked request for a response.
pub(crate) struct ResponseRequest<'a> {
    pub(crate) model: Cow<'a, str>,
    pub(crate) prompt: Prompt<'a>,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    model: Member<'a>,
    #[serde(borrow)]
    input: Member<'a>,
    #[serde(borrow)]
    temperature: Member<'a>,
    #[serde(borrow)]
    max_output_tokens: Member<'a>,
}

#[derive(Serialize)]
struct Response<'a> {
    id: String,
    object: &'a str,
    created_at: u64,
    status: &'a str,
    error: Option<()>,
    incomplete_details: Option<()>,
    instructions: Option<()>,
    max_output_tokens: Option<()>,
    model: String,
    output: [OutputMessage<'a>; 1],
    parallel_tool_calls: bool,
    previous_response_id: Option<()>,
    store: bool,
    temperature: f64,
    text: TextSettings<'a>,
    tool_choice: &'a str,
    tools: [(); 0],
    top_p: f64,
    truncation: &'a str,
    usage: ResponseUsage,
    user: Option<()>,
    metadata: Empty,
}

#[derive(Serialize)]
struct OutputMessage<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'a str,
    status: &'a str,
    role: &'a str,
    content: [OutputText<'a>; 1],
}

#[derive(Serialize)]
struct OutputText<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    text: String,
    annotations: [(); 0],
    logprobs: [(); 0],
}

#[derive(Serialize)]
struct TextSettings<'a> {
    format: TextFormat<'a>,
}

#[derive(Serialize)]
struct TextFormat<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Serialize)]
struct Empty {}

impl<'a> ResponseRequest<'a> {
    pub(crate) fn read(body: &'a RawValue) -> Result<ResponseRequest<'a>, ApiError> {
        let members: Members<'a> = parameter::object("body", body)?;
        let model = parameter::required_text("model", members.model)?;
        let input = members.input.ok_or_else(|| ApiError::missing("input"))?;
        let prompt = Prompt::from_input("input", input)?;
        parameter::number("temperature", members.temperature, 0.0..=2.0)?;
        parameter::integer("max_output_tokens", members.max_output_tokens, 1..=i64::MAX)?;
        Ok(ResponseRequest { model, prompt })
    }

    /// Appends the answer to `out` as JSON.
    pub(crate) fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) -> serde_json::Result<Tokens> {
        let answer = answer_to(&self.prompt.text);
        let tokens =
            Tokens { input: Tokens::estimate(self.prompt.bytes), output: Tokens::estimate(answer.len()) };
        let message = OutputMessage {
            id: format!("msg_{}", context.hash),
            kind: "message",
            status: "completed",
            role: "assistant",
            content: [OutputText { kind: "output_text", text: answer, annotations: [], logprobs: [] }],
        };
        let response = Response {
            id: format!("resp_{}", context.hash),
            object: "response",
            created_at: context.created,
            status: "completed",
            error: None,
            incomplete_details: None,
            instructions: None,
            max_output_tokens: None,
            model: context.snapshot(&self.model),
            output: [message],
            parallel_tool_calls: true,
            previous_response_id: None,
            store: false,
            temperature: 1.0,
            text: TextSettings { format: TextFormat { kind: "text" } },
            tool_choice: "auto",
            tools: [],
            top_p: 1.0,
            truncation: "disabled",
            usage: tokens.into(),
            user: None,
            metadata: Empty {},
        };
        serde_json::to_writer(out, &response)?;
        Ok(tokens)
    }
}
