//! Files (contract, section 7A, cases 1 to 16).

mod support;

use batch_gpt_simulator::{Limits, Settings};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use support::*;

const BAD_FORMAT: &str = "Invalid file format for Batch API. Must be .jsonl";

fn jsonl(content: &str) -> Part {
    Part::bytes(content.as_bytes().to_vec()).file_name("input.jsonl")
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().expect("a list").iter().map(id_of).collect()
}

#[tokio::test]
async fn case_01_upload_of_one_valid_line() {
    let bench = Bench::frozen().await;
    let content = chat_file(1);
    let file = bench.upload_as("x.jsonl", "batch", content.clone()).await.ok();
    assert_eq!(file["object"], "file");
    assert_eq!(file["purpose"], "batch");
    assert_eq!(file["filename"], "x.jsonl");
    assert_eq!(file["status"], "processed");
    assert_eq!(file["status_details"], Value::Null);
    assert_eq!(file["bytes"], content.len());
    assert_eq!(file["expires_at"], file["created_at"].as_u64().expect("a time") + 2_592_000);
}

#[tokio::test]
async fn case_02_name_that_is_not_jsonl() {
    let bench = Bench::frozen().await;
    let answer = bench.upload_as("notes.txt", "batch", chat_file(1)).await;
    assert_eq!(answer.error(400)["message"], BAD_FORMAT);
    assert_eq!(answer.json()["detail"], BAD_FORMAT);
    bench.patch(json!({ "knobs": { "upload_error_detail": false } })).await;
    let answer = bench.upload_as("notes.txt", "batch", chat_file(1)).await;
    assert_eq!(answer.error(400)["message"], BAD_FORMAT);
    assert_eq!(answer.json().get("detail"), None);
}

#[tokio::test]
async fn case_03_upload_of_zero_bytes() {
    let bench = Bench::frozen().await;
    assert_eq!(bench.upload_as("x.jsonl", "batch", "").await.error(400)["message"], BAD_FORMAT);
}

#[tokio::test]
async fn case_04_first_line_unparsable() {
    let bench = Bench::frozen().await;
    let content = format!("{{\"custom_id\":\n{}", chat_file(1));
    assert_eq!(bench.upload_as("x.jsonl", "batch", content).await.error(400)["message"], BAD_FORMAT);
}

#[tokio::test]
async fn case_05_second_line_broken() {
    let bench = Bench::frozen().await;
    bench.upload_as("x.jsonl", "batch", format!("{}{{broken\n", chat_file(1))).await.ok();
}

#[tokio::test]
async fn case_06_purpose_missing() {
    let bench = Bench::frozen().await;
    let error = bench.post_form(Form::new().part("file", jsonl(&chat_file(1)))).await.error(400);
    assert_eq!(error["code"], "missing_required_parameter");
    assert_eq!(error["param"], "purpose");
}

#[tokio::test]
async fn case_07_purpose_unknown() {
    let bench = Bench::frozen().await;
    let error = bench.upload_as("x.jsonl", "lunch", chat_file(1)).await.error(400);
    assert_eq!(error["code"], "invalid_value");
    assert_eq!(error["param"], "purpose");
}

#[tokio::test]
async fn case_08_file_part_missing() {
    let bench = Bench::frozen().await;
    let error = bench.post_form(Form::new().text("purpose", "batch")).await.error(400);
    assert_eq!(error["code"], "missing_required_parameter");
    assert_eq!(error["param"], "file");
}

#[tokio::test]
async fn case_09_json_instead_of_multipart() {
    let bench = Bench::frozen().await;
    bench.post("/files", json!({ "purpose": "batch", "file": "{}" })).await.error(400);
}

#[tokio::test]
async fn case_10_expires_after() {
    let bench = Bench::frozen().await;
    let form = |anchor: &'static str, seconds: &'static str| {
        let fields =
            Form::new().text("expires_after[anchor]", anchor).text("expires_after[seconds]", seconds);
        fields.text("purpose", "batch").part("file", jsonl(&chat_file(1)))
    };
    for seconds in ["3599", "2592001", "soon"] {
        let error = bench.post_form(form("created_at", seconds)).await.error(400);
        assert_eq!(error["param"], "expires_after.seconds");
    }
    assert_eq!(bench.post_form(form("now", "3600")).await.error(400)["param"], "expires_after.anchor");
    let file = bench.post_form(form("created_at", "3600")).await.ok();
    assert_eq!(file["expires_at"], file["created_at"].as_u64().expect("a time") + 3_600);
    bench.advance(3_601).await;
    bench.get(&format!("/files/{}", id_of(&file))).await.error(404);
}

#[tokio::test]
async fn case_11_retrieve_known_and_unknown() {
    let bench = Bench::frozen().await;
    let file = bench.upload_as("x.jsonl", "batch", chat_file(1)).await.ok();
    assert_eq!(bench.get(&format!("/files/{}", id_of(&file))).await.ok(), file);
    let error = bench.get("/files/file-none").await.error(404);
    assert_eq!(error["message"], "No such File object: file-none");
    assert_eq!(error["type"], "invalid_request_error");
    assert_eq!(error["param"], "id");
    assert_eq!(error["code"], Value::Null);
}

#[tokio::test]
async fn case_12_content_is_byte_identical() {
    let bench = Bench::frozen().await;
    let content = "{\"a\":\"\u{e4}\u{20ac}\u{1F980}\"}\r\n{\"b\": 1 }\r\n\u{4f60}".to_owned();
    let id = bench.upload(content.clone()).await;
    let answer = bench.get(&format!("/files/{id}/content")).await;
    assert_eq!(answer.bytes, content.as_bytes());
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("content-length"), content.len().to_string());
}

#[tokio::test]
async fn case_13_content_refused() {
    let bench = Bench::frozen().await;
    bench.get("/files/file-none/content").await.error(404);
    let id = id_of(&bench.upload_as("notes.txt", "user_data", "text").await.ok());
    let error = bench.get(&format!("/files/{id}/content")).await.error(400);
    assert_eq!(error["message"], "Not allowed to download files of purpose: user_data");
}

#[tokio::test]
async fn case_14_delete_once() {
    let bench = Bench::frozen().await;
    let path = format!("/files/{}", bench.upload(chat_file(1)).await);
    let deleted = bench.delete(&path).await.ok();
    assert_eq!(deleted["deleted"], true);
    assert_eq!(deleted["object"], "file");
    bench.delete(&path).await.error(404);
    bench.get(&path).await.error(404);
    bench.get(&format!("{path}/content")).await.error(404);
}

#[tokio::test]
async fn case_15_list() {
    let bench = Bench::frozen().await;
    let empty = bench.get("/files").await.ok();
    assert_eq!(
        empty,
        json!({ "object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false })
    );
    let mut uploaded = Vec::new();
    for _ in 0..4 {
        uploaded.push(bench.upload(chat_file(1)).await);
        bench.advance(1).await;
    }
    let other = id_of(&bench.upload_as("notes.txt", "user_data", "text").await.ok());
    let newest_first: Vec<String> = uploaded.iter().rev().cloned().collect();

    let all = bench.get("/files").await.ok();
    assert_eq!(ids(&all)[0], other);
    assert_eq!(ids(&all)[1..], newest_first);
    assert_eq!(all["has_more"], false);
    assert_eq!(ids(&bench.get("/files?purpose=batch").await.ok()), newest_first);
    assert_eq!(ids(&bench.get("/files?purpose=batch&order=asc").await.ok()), uploaded);

    let first = bench.get("/files?purpose=batch&limit=2").await.ok();
    assert_eq!(ids(&first), newest_first[..2]);
    assert_eq!(first["has_more"], true);
    assert_eq!(first["last_id"], newest_first[1]);
    let rest = bench.get(&format!("/files?purpose=batch&limit=2&after={}", newest_first[1])).await.ok();
    assert_eq!(ids(&rest), newest_first[2..]);
    assert_eq!(rest["has_more"], false);

    for limit in ["0", "10001", "-1", "many"] {
        assert_eq!(bench.get(&format!("/files?limit={limit}")).await.error(400)["param"], "limit");
    }
    assert_eq!(bench.get("/files?order=up").await.error(400)["param"], "order");
    bench.get("/files?after=file-none").await.error(404);
}

#[tokio::test]
async fn case_16_file_too_large_for_a_batch() {
    let content = chat_file(8);
    let size = content.len() as u64;
    let limits = Limits { max_bytes: size - 1, max_upload_bytes: size, ..Limits::default() };
    let bench = Bench::with(Settings { limits, ..frozen() }).await;
    let file = bench.upload(content.clone()).await;
    let error = bench.post("/batches", create_body(&file, CHAT)).await.error(400);
    assert_eq!(error["message"], "File is too large.");
    assert_eq!(bench.simulator.ledger().creates, 0);
    bench.upload_as("x.jsonl", "batch", content + "\n").await.error(413);
}
