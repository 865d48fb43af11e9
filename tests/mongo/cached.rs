//! Responses of inherited batches, where the original batch-gpt would look for them.

use batch_gpt_actors::{ports::CachedResponse, rules::time::Timestamp};
use mongodb::bson::{Bson, DateTime, doc};
use serde_json::value::RawValue;

use crate::original::Place;

#[tokio::test]
async fn responses_are_kept_as_the_original_kept_them() {
    let Some(place) = Place::new().await else { return };
    let store = place.open().await;
    let request = r#"{"model":"m","max_tokens":5,"temperature":0.5,"logit_bias":{"a_b":1},
        "messages":[{"role":"user","content":"hi"},
            {"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]},
            {"role":"tool","content":"x","tool_call_id":"t"}],
        "tools":[{"type":"function","function":{"name":"f","parameters":{"top_level":{"max_items":3000000000}}}}],
        "metadata":{"my_key":"v","\u0000":"no key of a document"}}"#;
    let response = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1737600000,"model":"m",
        "choices":[{"index":0,"message":{"role":"assistant","content":"ho"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3},"system_fingerprint":"fp"}"#;
    let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap().into();
    let first = CachedResponse {
        hash: "0123".into(),
        request: raw(request),
        response: raw(response),
        at: Timestamp(1_737_600_060_000),
    };
    let later = CachedResponse { response: raw(r#"{"id":"another"}"#), ..first.clone() };
    let huge = CachedResponse {
        hash: "too long for a document".into(),
        response: raw(&format!(r#"{{"id":"{}"}}"#, "x".repeat(17 << 20))),
        ..first.clone()
    };
    store.cache_responses(&[huge, first.clone()]).await.unwrap();
    store.cache_responses(&[first, later]).await.unwrap();
    store.close().await;
    let cached = place.collection("cached_responses");
    assert_eq!(cached.count_documents(doc! {}).await.unwrap(), 1);
    let mut document = cached.find_one(doc! { "hash": "0123" }).await.unwrap().unwrap();
    document.remove("_id");
    let expected = doc! {
        "hash": "0123",
        "request": {
            "model": "m",
            "maxtokens": 5,
            "temperature": 0.5,
            "logitbias": { "a_b": 1 },
            "messages": [
                { "role": "user", "content": "hi" },
                {
                    "role": "user",
                    "content": "",
                    "multicontent": [{ "type": "image_url", "imageurl": { "url": "u" } }],
                },
                { "role": "tool", "content": "x", "toolcallid": "t" },
            ],
            "tools": [{
                "type": "function",
                "function": { "name": "f", "parameters": { "top_level": { "max_items": 3_000_000_000_i64 } } },
            }],
            "metadata": { "my_key": "v" },
        },
        "response": {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_737_600_000,
            "model": "m",
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": "ho" },
                "finishreason": "stop",
            }],
            "usage": { "prompttokens": 1, "completiontokens": 2, "totaltokens": 3 },
            "systemfingerprint": "fp",
        },
        "timestamp": DateTime::from_millis(1_737_600_060_000),
    };
    // Members are compared by name: JSON objects arrive sorted.
    assert_eq!(sorted(document.into()), sorted(expected.into()));
}

fn sorted(value: Bson) -> Bson {
    match value {
        Bson::Document(document) => {
            let mut members: Vec<_> = document.into_iter().collect();
            members.sort_by(|one, other| one.0.cmp(&other.0));
            let members = members.into_iter().map(|(name, value)| (name, sorted(value)));
            Bson::Document(members.collect())
        }
        Bson::Array(values) => values.into_iter().map(sorted).collect(),
        other => other,
    }
}
