//! Lines that fail (contract, section 7A, cases 45 to 48).

mod support;

use batch_gpt_simulator::Knobs;
use serde_json::{Value, json};
use support::*;

#[tokio::test]
async fn case_45_inference_error_400() {
    let bench = Bench::frozen().await;
    let mut hot = chat_body("too hot");
    hot["temperature"] = json!(9);
    let mut word = chat_body("not a number");
    word["temperature"] = json!("warm");
    let mut listless = chat_body("");
    listless["messages"] = json!("hello");
    let lines = [
        chat_line("steered", "[[status:400]]"),
        line_to(CHAT, "hot", hot),
        line_to(CHAT, "word", word),
        line_to(CHAT, "listless", listless),
    ];
    let batch = bench.run(&lines).await;
    let error = by_custom_id(&bench.results(&batch, "error_file_id").await);
    assert_eq!(error.len(), 4);
    for line in error.values() {
        assert_eq!(line.get("error"), Some(&Value::Null));
        assert_eq!(line["response"]["status_code"], 400);
        assert!(text(&line["response"]["request_id"]).starts_with("req_"));
        let members: Vec<&String> =
            line["response"]["body"]["error"].as_object().expect("an object").keys().collect();
        assert_eq!(members, ["code", "message", "param", "type"]);
    }
    let body = |id: &str| error[id]["response"]["body"]["error"].clone();
    assert_eq!(body("hot")["param"], "temperature");
    assert_eq!(body("word")["code"], "invalid_type");
    assert_eq!(body("listless")["param"], "messages");
}

#[tokio::test]
async fn case_46_inference_error_429_and_500() {
    let bench = Bench::frozen().await;
    let batch = bench.run(&[chat_line("429", "[[status:429]]"), chat_line("500", "[[status:500]]")]).await;
    let error = by_custom_id(&bench.results(&batch, "error_file_id").await);
    assert_eq!(error["429"]["response"]["status_code"], 429);
    assert_eq!(error["429"]["response"]["body"]["error"]["code"], "rate_limit_exceeded");
    assert_eq!(error["500"]["response"]["status_code"], 500);
    assert_eq!(error["500"]["response"]["body"]["error"]["type"], "server_error");
}

#[tokio::test]
async fn case_47_status_code_zero() {
    let expected = json!({ "status_code": 0, "request_id": "", "body": {} });
    let bench = Bench::turned(Knobs { status_zero_rate: 1.0, ..Knobs::default() }).await;
    let batch = bench.run(&[chat_line("drawn", "fine")]).await;
    let error = bench.results(&batch, "error_file_id").await;
    assert_eq!(error[0]["response"], expected);
    assert_eq!(error[0]["error"], Value::Null);

    let bench = Bench::frozen().await;
    let batch = bench.run(&[chat_line("steered", "[[status:0]]")]).await;
    assert_eq!(bench.results(&batch, "error_file_id").await[0]["response"], expected);
}

#[tokio::test]
async fn case_48_request_timeout() {
    let bench = Bench::turned(Knobs { request_timeout_rate: 1.0, ..Knobs::default() }).await;
    let drawn = bench.run(&[chat_line("drawn", "fine")]).await;
    bench.patch(json!({ "knobs": { "request_timeout_rate": 0.0 } })).await;
    let steered = bench.run(&[chat_line("steered", "[[timeout]]")]).await;
    for batch in [drawn, steered] {
        let error = bench.results(&batch, "error_file_id").await;
        assert_eq!(error[0].get("response"), Some(&Value::Null));
        assert_eq!(error[0]["error"]["code"], "request_timeout");
    }
}
