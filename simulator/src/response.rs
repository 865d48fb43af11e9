//! Responses.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::answer::{Answer, End};
use crate::error::ApiError;
use crate::format::Format;
use crate::inference::Context;
use crate::logprob::TokenLogprob;
use crate::parameter::{self, Member};
use crate::prompt::Prompt;
use crate::tool::{Call, Toolbox};
use crate::usage::{ResponseUsage, Tokens};

/// What a request names in `include` if it wants the tokens of the text.
const LOGPROBS: &str = "message.output_text.logprobs";

/// A checked request for a response.
pub(crate) struct ResponseRequest<'a> {
    pub(crate) model: Cow<'a, str>,
    pub(crate) prompt: Prompt<'a>,
    members: Members<'a>,
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
    input: Member<'a>,
    #[serde(borrow)]
    include: Member<'a>,
    #[serde(borrow)]
    instructions: Member<'a>,
    #[serde(borrow)]
    max_output_tokens: Member<'a>,
    #[serde(borrow)]
    metadata: Member<'a>,
    #[serde(borrow)]
    parallel_tool_calls: Member<'a>,
    #[serde(borrow)]
    temperature: Member<'a>,
    #[serde(borrow)]
    text: Member<'a>,
    #[serde(borrow)]
    tool_choice: Member<'a>,
    #[serde(borrow)]
    tools: Member<'a>,
    #[serde(borrow)]
    top_logprobs: Member<'a>,
    #[serde(borrow)]
    top_p: Member<'a>,
}

#[derive(Deserialize)]
struct TextMembers<'a> {
    #[serde(borrow)]
    format: Member<'a>,
}

/// A response, which repeats most members of its request.
#[derive(Serialize)]
struct Response<'a> {
    id: String,
    object: &'a str,
    created_at: u64,
    status: &'a str,
    error: Option<()>,
    incomplete_details: Option<Incomplete<'a>>,
    instructions: Member<'a>,
    max_output_tokens: Member<'a>,
    model: String,
    output: Vec<Item>,
    parallel_tool_calls: bool,
    previous_response_id: Option<()>,
    store: bool,
    temperature: Given<'a, f64>,
    text: Given<'a, TextSettings<'a>>,
    tool_choice: Given<'a, &'a str>,
    tools: Given<'a, [(); 0]>,
    top_p: Given<'a, f64>,
    truncation: &'a str,
    usage: ResponseUsage,
    user: Option<()>,
    metadata: Given<'a, Empty>,
}

/// A member of the request as it stands there, or what stands for it.
#[derive(Serialize)]
#[serde(untagged)]
enum Given<'a, T> {
    Raw(&'a RawValue),
    Usual(T),
}

#[derive(Serialize)]
struct Incomplete<'a> {
    reason: &'a str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Item {
    Message { id: String, status: &'static str, role: &'static str, content: [Part; 1] },
    FunctionCall { id: String, call_id: String, name: String, arguments: String, status: &'static str },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    OutputText { text: String, annotations: [(); 0], logprobs: Vec<TokenLogprob> },
    Refusal { refusal: String },
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
        parameter::number("top_p", members.top_p, 0.0..=1.0)?;
        parameter::integer("max_output_tokens", members.max_output_tokens, 1..=i64::MAX)?;
        let top = parameter::integer("top_logprobs", members.top_logprobs, 0..=20)?.unwrap_or(0);
        let included = members.include.map(|raw| parameter::elements("include", raw)).transpose()?;
        let wanted =
            included.into_iter().flatten().filter_map(parameter::as_text).any(|name| name == LOGPROBS);
        let text = members.text.map(|raw| parameter::object::<TextMembers<'a>>("text", raw)).transpose()?;
        Ok(ResponseRequest {
            model,
            prompt,
            logprobs: wanted.then(|| usize::try_from(top).unwrap_or(0)),
            toolbox: Toolbox::read(members.tools, members.tool_choice, members.parallel_tool_calls)?,
            format: Format::read("text.format", "schema", text.and_then(|text| text.format))?,
            members,
        })
    }

    /// Appends the answer to `out` as JSON.
    pub(crate) fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) -> serde_json::Result<Tokens> {
        let answer = Answer::new(&self.prompt, &self.toolbox, &self.format, "");
        let tokens =
            Tokens { input: Tokens::estimate(self.prompt.bytes), output: Tokens::estimate(answer.size()) };
        let members = &self.members;
        let reason = match answer.end {
            End::Stop | End::Calls => None,
            End::Length => Some("max_output_tokens"),
            End::Filter => Some("content_filter"),
        };
        let status = if reason.is_some() { "incomplete" } else { "completed" };
        let usual_text = TextSettings { format: TextFormat { kind: "text" } };
        let response = Response {
            id: format!("resp_{}", context.hash),
            object: "response",
            created_at: context.created,
            status,
            error: None,
            incomplete_details: reason.map(|reason| Incomplete { reason }),
            instructions: members.instructions,
            max_output_tokens: members.max_output_tokens,
            model: context.snapshot(&self.model),
            output: self.items(context, answer, status),
            parallel_tool_calls: members.parallel_tool_calls.is_none_or(|raw| raw.get() == "true"),
            previous_response_id: None,
            store: false,
            temperature: Given::or(members.temperature, 1.0),
            text: Given::or(members.text, usual_text),
            tool_choice: Given::or(members.tool_choice, "auto"),
            tools: Given::or(members.tools, []),
            top_p: Given::or(members.top_p, 1.0),
            truncation: "disabled",
            usage: ResponseUsage::of_response(tokens),
            user: None,
            metadata: Given::or(members.metadata, Empty {}),
        };
        serde_json::to_writer(out, &response)?;
        Ok(tokens)
    }

    /// A message, or the calls that stand in its place.
    fn items(&self, context: &Context<'_>, answer: Answer, status: &'static str) -> Vec<Item> {
        let part = match (answer.text, answer.refusal) {
            (_, Some(refusal)) => Part::Refusal { refusal },
            (Some(text), None) => {
                let logprobs = self.logprobs.map(|top| TokenLogprob::list(&text, top)).unwrap_or_default();
                Part::OutputText { text, annotations: [], logprobs }
            }
            (None, None) => {
                let calls = answer.calls.into_iter().enumerate();
                return calls.map(|(n, call)| Item::call(&context.hash, n, call)).collect();
            }
        };
        let id = format!("msg_{}", context.hash);
        vec![Item::Message { id, status, role: "assistant", content: [part] }]
    }
}

impl Item {
    fn call(hash: &str, number: usize, call: Call) -> Item {
        Item::FunctionCall {
            id: format!("fc_{hash}_{number}"),
            call_id: format!("call_{hash}_{number}"),
            name: call.name,
            arguments: call.arguments,
            status: "completed",
        }
    }
}

impl<'a, T> Given<'a, T> {
    fn or(member: Member<'a>, usual: T) -> Given<'a, T> {
        member.map_or(Given::Usual(usual), Given::Raw)
    }
}
