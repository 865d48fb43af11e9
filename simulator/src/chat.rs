//! Chat completions.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::inference::{Context, answer_to};
use crate::parameter::{self, Member};
use crate::prompt::Prompt;
use crate::schema;
use crate::usage::{CompletionUsage, Tokens};

/// A checked request for chat completions.
pub(crate) struct ChatRequest<'a> {
    pub(crate) model: Cow<'a, str>,
    pub(crate) prompt: Prompt<'a>,
    choices: usize,
    logprobs: bool,
    shape: Shape,
}

/// What the message of each choice holds.
enum Shape {
    Text,
    JsonObject,
    Json(Value),
    ToolCall { name: String, parameters: Value },
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
    response_format: Member<'a>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(borrow)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    parameters: Value,
}

#[derive(Deserialize)]
struct Format<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    json_schema: Option<JsonSchema>,
}

#[derive(Deserialize)]
struct JsonSchema {
    #[serde(default)]
    schema: Value,
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
    content: Vec<TokenLogprob>,
    refusal: Option<String>,
}

#[derive(Serialize)]
struct TokenLogprob {
    token: String,
    logprob: f64,
    bytes: Vec<u8>,
    top_logprobs: [(); 0],
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
        parameter::integer("top_logprobs", members.top_logprobs, 0..=20)?;
        let logprobs = parameter::flag("logprobs", members.logprobs)?;
        let shape = match forced_tool(members.tools, members.tool_choice)? {
            Some(call) => call,
            None => formatted(members.response_format)?,
        };
        Ok(ChatRequest { model, prompt, choices: usize::try_from(choices).unwrap_or(1), logprobs, shape })
    }

    /// Appends the answer to `out` as JSON.
    pub(crate) fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) -> serde_json::Result<Tokens> {
        let choices: Vec<Choice> = (0..self.choices).map(|index| self.choice(context, index)).collect();
        let output = choices.iter().map(|choice| Tokens::estimate(choice.message.size())).sum();
        let tokens = Tokens { input: Tokens::estimate(self.prompt.bytes), output };
        let completion = ChatCompletion {
            id: format!("chatcmpl-{}", context.hash),
            object: "chat.completion",
            created: context.created,
            model: context.snapshot(&self.model),
            choices,
            usage: tokens.into(),
            service_tier: "default",
            system_fingerprint: "fp_simulator",
        };
        serde_json::to_writer(out, &completion)?;
        Ok(tokens)
    }

    fn choice(&self, context: &Context<'_>, index: usize) -> Choice {
        let mut answer = answer_to(&self.prompt.text);
        if self.choices > 1 {
            answer.push_str(&format!(" (choice {index})"));
        }
        let mut message = Message {
            role: "assistant",
            content: None,
            refusal: None,
            annotations: [],
            tool_calls: Vec::new(),
        };
        let mut finish_reason = "stop";
        match &self.shape {
            Shape::Text => message.content = Some(answer),
            Shape::JsonObject => message.content = Some(serde_json::json!({ "answer": answer }).to_string()),
            Shape::Json(schema) => message.content = Some(schema::sample(schema, &answer).to_string()),
            Shape::ToolCall { name, parameters } => {
                let arguments = schema::sample(parameters, &answer).to_string();
                message.tool_calls.push(ToolCall {
                    id: format!("call_{}_{index}", context.hash),
                    kind: "function",
                    function: FunctionCall { name: name.clone(), arguments },
                });
                finish_reason = "tool_calls";
            }
        }
        let logprobs = message.content.as_deref().filter(|_| self.logprobs).map(Logprobs::of);
        Choice { index, message, logprobs, finish_reason }
    }
}

impl Message {
    fn size(&self) -> usize {
        let calls: usize = self.tool_calls.iter().map(|call| call.function.arguments.len()).sum();
        calls + self.content.as_ref().map_or(0, String::len)
    }
}

impl Logprobs {
    /// Takes each word for a token.
    fn of(content: &str) -> Logprobs {
        let tokens = content.split_inclusive(' ').map(|word| TokenLogprob {
            token: word.to_owned(),
            logprob: -0.25,
            bytes: word.as_bytes().to_vec(),
            top_logprobs: [],
        });
        Logprobs { content: tokens.collect(), refusal: None }
    }
}

/// The call a request leaves no choice about: a named tool, or the first one if any is required.
fn forced_tool(tools: Member<'_>, choice: Member<'_>) -> Result<Option<Shape>, ApiError> {
    let Some(tools) = tools else { return Ok(None) };
    let mut offered = Vec::new();
    for (index, element) in parameter::elements("tools", tools)?.into_iter().enumerate() {
        offered.push(parameter::object::<Tool<'_>>(&format!("tools[{index}]"), element)?);
    }
    let Some(choice) = choice else { return Ok(None) };
    let mut functions = offered.into_iter().filter_map(|tool| tool.function);
    let called = match parameter::as_text(choice) {
        Some(word) if word == "required" => functions.next(),
        Some(_) => return Ok(None),
        None => {
            let named: Tool<'_> = parameter::object("tool_choice", choice)?;
            let wanted = named.function.ok_or_else(|| ApiError::missing("tool_choice.function"))?;
            let found = functions.find(|function| function.name == wanted.name);
            Some(found.ok_or_else(|| {
                ApiError::invalid(format!(
                    "Invalid value for 'tool_choice': no tool named '{}'.",
                    wanted.name
                ))
                .param("tool_choice")
                .code("invalid_value")
            })?)
        }
    };
    Ok(called.map(|function| Shape::ToolCall {
        name: function.name.into_owned(),
        parameters: function.parameters,
    }))
}

fn formatted(format: Member<'_>) -> Result<Shape, ApiError> {
    let Some(raw) = format else { return Ok(Shape::Text) };
    let format: Format<'_> = parameter::object("response_format", raw)?;
    match format.kind.as_ref() {
        "text" => Ok(Shape::Text),
        "json_object" => Ok(Shape::JsonObject),
        "json_schema" => match format.json_schema {
            Some(json_schema) => Ok(Shape::Json(json_schema.schema)),
            None => Err(ApiError::missing("response_format.json_schema")),
        },
        other => Err(ApiError::unsupported_value(
            "response_format.type",
            other,
            &["json_object", "json_schema", "text"],
        )),
    }
}
