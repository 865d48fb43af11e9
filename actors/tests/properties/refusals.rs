use std::collections::HashMap;

use batch_gpt_actors::rules::{
    outcome::ApiError,
    refusal::{Cause, Refusal, cause},
    upstream_batch::UpstreamBatch,
};
use serde_json::{Value, json};

fn failed(errors: &Value) -> UpstreamBatch {
    let batch =
        json!({ "id": "batch_1", "status": "failed", "errors": { "object": "list", "data": errors } });
    UpstreamBatch::parse(&batch.to_string()).unwrap()
}

fn error(code: &str, message: &str) -> ApiError {
    ApiError::new("invalid_request_error", Some(code), message)
}

#[test]
fn only_the_named_lines_are_to_blame() {
    let batch = failed(&json!([
        { "code": "invalid_value", "message": "no", "param": "body.n", "line": 2 },
        { "code": "later", "message": "also", "param": null, "line": 2 },
        { "code": "nowhere", "message": "no such line", "param": null, "line": 9 },
    ]));
    let blamed = HashMap::from([(2, error("invalid_value", "no").param("body.n"))]);
    assert_eq!(Refusal::of(&batch, 3), Refusal::Lines(blamed));
}

#[test]
fn a_model_that_is_unknown_is_so_for_every_line() {
    let entry =
        json!({ "code": "model_not_found", "message": "no such model", "param": "body.model", "line": 1 });
    let wanted = Refusal::All(error("model_not_found", "no such model").param("body.model"));
    assert_eq!(Refusal::of(&failed(&json!([entry])), 3), wanted);
}

#[test]
fn a_limit_is_read_out_of_the_words() {
    let message = "Enqueued token limit reached for gpt-4o in organization org-x. Limit: 1,350,000 enqueued tokens. \
                   Please try again once some in_progress batches have been completed.";
    assert_eq!(cause(&error("token_limit_exceeded", message)), Cause::Enqueued(Some(1_350_000)));
    let requests = error("request_limit", "Enqueued request limit reached.");
    assert_eq!(cause(&requests), Cause::Enqueued(None));
    let batch = failed(&json!([{ "code": "token_limit_exceeded", "message": message, "line": null }]));
    let wanted = Refusal::Enqueued(Some(1_350_000), error("token_limit_exceeded", message));
    assert_eq!(Refusal::of(&batch, 3), wanted);
}

#[test]
fn what_passes_is_told_from_what_nobody_explains() {
    let message = "Cannot find file file-1, or organization org-x does not have access to it.";
    let lost =
        failed(&json!([{ "code": "invalid_request", "message": message, "param": "file_id", "line": null }]));
    assert!(matches!(Refusal::of(&lost, 3), Refusal::Passing(_)));
    let odd = failed(&json!([{ "code": "odd", "message": "something", "line": null }]));
    assert_eq!(Refusal::of(&odd, 3), Refusal::Unexplained(error("odd", "something")));
    let silent = UpstreamBatch::parse(r#"{"id":"batch_1","status":"failed"}"#).unwrap();
    assert!(matches!(Refusal::of(&silent, 3), Refusal::Unexplained(_)));
}
