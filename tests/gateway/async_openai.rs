//! The gateway under `async-openai`, as its users have it: with its own retries and nothing set but the address.

use std::{collections::BTreeMap, time::Duration};

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    types::chat::{
        ChatCompletionMessageToolCalls, CreateChatCompletionRequest, CreateChatCompletionResponse,
        FinishReason,
    },
};
use futures_util::{StreamExt, future::join_all};
use serde_json::{Value, json};

use crate::process::Gateway;

/// Calls at a time; the client itself sets no bound.
const CROWD: usize = 36;

fn client(gateway: &Gateway) -> Client<OpenAIConfig> {
    Client::with_config(OpenAIConfig::new().with_api_base(&gateway.url).with_api_key("any"))
}

/// A question with these members beside it.
fn asking(prompt: &str, members: Value) -> CreateChatCompletionRequest {
    let mut body = json!({ "model": "m", "messages": [{ "role": "user", "content": prompt }] });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    serde_json::from_value(body).unwrap()
}

async fn ask(
    client: &Client<OpenAIConfig>,
    prompt: &str,
) -> Result<CreateChatCompletionResponse, OpenAIError> {
    client.chat().create(asking(prompt, json!({}))).await
}

fn said(answer: Result<CreateChatCompletionResponse, OpenAIError>) -> String {
    answer.unwrap().choices[0].message.content.clone().unwrap()
}

/// What two functions and a form of answer have in common.
fn place() -> Value {
    json!({
        "type": "object",
        "properties": { "place": { "type": "string" } },
        "required": ["place"],
        "additionalProperties": false,
    })
}

fn tools() -> Value {
    let function = |name| json!({ "type": "function", "function": { "name": name, "parameters": place() } });
    json!({ "tools": [function("forecast"), function("history")] })
}

#[tokio::test]
async fn each_call_of_a_crowd_of_async_openai_gets_its_own_answer() {
    let gateway = Gateway::start().await;
    let client = client(&gateway);
    let mut prompts: Vec<_> = (0..CROWD).map(|n| format!("question {n}")).collect();
    prompts.push("limited once [[status:429:1]]".into());
    let answers = join_all(prompts.iter().map(|prompt| ask(&client, prompt))).await;
    for (prompt, answer) in prompts.iter().zip(answers) {
        assert_eq!(said(answer), format!("Answer to: {prompt}"));
    }
}

#[tokio::test]
async fn async_openai_reads_streams_calls_of_tools_structured_answers_and_errors() {
    let gateway = Gateway::start().await;
    let client = client(&gateway);
    let form = json!({ "response_format": {
        "type": "json_schema",
        "json_schema": { "name": "place", "strict": true, "schema": place() },
    }});
    let chat = client.chat();
    let (streamed, called, formed, refused) = tokio::join!(
        stream(&client, asking("streamed", json!({ "stream": true }))),
        chat.create(asking("called [[tools]]", tools())),
        chat.create(asking("formed", form)),
        ask(&client, "refused [[status:400]]"),
    );
    assert_eq!(streamed, ("Answer to: streamed".into(), Some(FinishReason::Stop)));
    let calls: Vec<_> = called.unwrap().choices[0].message.tool_calls.iter().flatten().map(call).collect();
    let quoted = || json!({ "place": "Answer to: called [[tools]]" });
    assert_eq!(calls, [("forecast".into(), quoted()), ("history".into(), quoted())]);
    assert_eq!(
        serde_json::from_str::<Value>(&said(formed)).unwrap(),
        json!({ "place": "Answer to: formed" })
    );
    let Err(OpenAIError::ApiError(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.status_code, 400);
}

async fn stream(
    client: &Client<OpenAIConfig>,
    request: CreateChatCompletionRequest,
) -> (String, Option<FinishReason>) {
    let mut chunks = client.chat().create_stream(request).await.unwrap();
    let (mut text, mut end) = (String::new(), None);
    while let Some(chunk) = chunks.next().await {
        for choice in chunk.unwrap().choices {
            text.push_str(choice.delta.content.as_deref().unwrap_or_default());
            end = choice.finish_reason.or(end);
        }
    }
    (text, end)
}

fn call(call: &ChatCompletionMessageToolCalls) -> (String, Value) {
    let ChatCompletionMessageToolCalls::Function(call) = call else { panic!("{call:?}") };
    (call.function.name.clone(), serde_json::from_str(&call.function.arguments).unwrap())
}

/// The calls go out together, and would share a batch if the second were not turned away at first.
#[tokio::test]
async fn async_openai_comes_back_when_too_many_wait() {
    let gateway = Gateway::with(Duration::from_millis(200), &[("BATCH_GPT_MAX_OPEN_REQUESTS", "1")]).await;
    let client = client(&gateway);
    let (one, two) = tokio::join!(ask(&client, "one"), ask(&client, "two"));
    assert_eq!((said(one), said(two)), ("Answer to: one".into(), "Answer to: two".into()));
    let lines: BTreeMap<_, _> =
        gateway.ledger().batches.iter().map(|batch| (batch.id.clone(), batch.lines)).collect();
    assert_eq!(lines.values().copied().collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test]
async fn case_49_async_openai_reads_an_answer_behind_white_space() {
    let settings = [("BATCH_GPT_HOLD", "heartbeat"), ("BATCH_GPT_HEARTBEAT_SECONDS", "1")];
    let gateway = Gateway::with(Duration::from_millis(1500), &settings).await;
    assert_eq!(said(ask(&client(&gateway), "patient").await), "Answer to: patient");
}
