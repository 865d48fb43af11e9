use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use crate::process::{Gateway, WIDE_WINDOW};

/// The lines of the only file that was uploaded.
async fn uploaded(gateway: &Gateway) -> String {
    let page = gateway.get_json("/v1/batches").await;
    let file = page["data"][0]["input_file_id"].as_str().unwrap().to_owned();
    let call = gateway.client.get(format!("{}/files/{file}/content", gateway.simulator.base_url()));
    call.bearer_auth("any").send().await.unwrap().text().await.unwrap()
}

async fn line_of(body: &str) -> String {
    let gateway = Gateway::start().await;
    let call = gateway.client.post(format!("{}/chat/completions", gateway.url)).bearer_auth("any");
    let response = call.header("content-type", "application/json; charset=utf-8").body(body.to_owned());
    assert_eq!(response.send().await.unwrap().status(), 200);
    let file = uploaded(&gateway).await;
    assert_eq!(file.matches('\n').count(), 1, "{file}");
    let (head, rest) = file.split_once(r#","method":"POST","url":"/v1/chat/completions","body":"#).unwrap();
    let id = head.strip_prefix(r#"{"custom_id":""#).unwrap().strip_suffix('"').unwrap();
    assert!(
        id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'),
        "{id}"
    );
    rest.strip_suffix("}\n").unwrap().to_owned()
}

const STRANGE: &str = r#"{"zeta":1,"messages":[{"role":"user","content":"h\u00e9llo \/ 😀 \ud83d\ude00"}],"x":9007199254740993,"big":123456789012345678901234567890,"f":1.0,"e":1E2,"model":"gpt-4o-mini","n":null,"alpha":{"b":[],"a":{}}}"#;

#[tokio::test]
async fn case_05_unknown_members_numbers_escapes_and_order_reach_the_line_untouched() {
    assert_eq!(line_of(STRANGE).await, STRANGE);
}

#[tokio::test]
async fn case_06_a_pretty_body_becomes_one_line_and_only_the_stream_members_go() {
    let pretty = "{\r\n  \"stream\": false,\n  \"model\": \"m\",\n  \"stream_options\": {\"include_usage\": true},\n  \
                  \"messages\": [\n    {\"role\": \"user\", \"content\": \"x\"}\n  ]\n}\n";
    let line = line_of(pretty).await;
    assert_eq!(
        serde_json::from_str::<Value>(&line).unwrap(),
        serde_json::json!({ "model": "m", "messages": [{ "role": "user", "content": "x" }] })
    );
}

#[tokio::test]
async fn the_answer_is_the_lines_own_bytes() {
    let gateway = Gateway::start().await;
    let response = gateway.chat("m", "bytes").send().await.unwrap();
    let id = response.headers()["x-batch-gpt-request-id"].to_str().unwrap().to_owned();
    let answer = response.text().await.unwrap();
    let page = gateway.get_json("/v1/batches").await;
    let file = page["data"][0]["output_file_id"].as_str().unwrap();
    let call = gateway.client.get(format!("{}/files/{file}/content", gateway.simulator.base_url()));
    let output = call.bearer_auth("any").send().await.unwrap().text().await.unwrap();
    assert!(output.contains(&answer), "{answer} is not in {output}");
    assert!(output.contains(&id));
}

/// More than is held in memory: it waits on the disk, and comes back from there.
#[tokio::test]
async fn answers_of_megabytes_are_the_lines_own_bytes() {
    let gateway = Gateway::with(Duration::from_millis(200), &[WIDE_WINDOW]).await;
    let files = || std::fs::read_dir(gateway.data()).unwrap().count();
    let before = files();
    let prompts = ('a'..='l').map(|letter| String::from(letter).repeat(500_000));
    let answers = join_all(prompts.map(|prompt| {
        let call = gateway.chat("m", &prompt).send();
        async move { (prompt, call.await.unwrap().text().await.unwrap()) }
    }));
    let answers = answers.await;
    let page = gateway.get_json("/v1/batches").await;
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    let file = page["data"][0]["output_file_id"].as_str().unwrap();
    let call = gateway.client.get(format!("{}/files/{file}/content", gateway.simulator.base_url()));
    let output = call.bearer_auth("any").send().await.unwrap().text().await.unwrap();
    assert!(output.len() > 6_000_000);
    for (prompt, answer) in answers {
        assert!(answer.contains(&prompt), "another's answer");
        assert!(output.contains(&answer));
    }
    assert_eq!(files(), before, "a file was left");
}
