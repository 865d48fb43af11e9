//! Chunks put together as the official clients do it, with the peculiarities of each.

use serde_json::{Map, Value, json};

/// As openai-python's `ChatCompletionStreamState` does it.
pub fn like_python(chunks: &[Value]) -> Value {
    let mut answer = chunks[0].clone();
    answer["object"] = json!("chat.completion");
    for choice in answer["choices"].as_array_mut().unwrap() {
        *choice = snapshot(choice);
    }
    for chunk in &chunks[1..] {
        for choice in chunk["choices"].as_array().unwrap() {
            let index = choice["index"].as_u64().unwrap() as usize;
            let known = answer["choices"].as_array_mut().unwrap();
            if index < known.len() {
                accumulate(known[index]["message"].as_object_mut().unwrap(), &choice["delta"]);
            } else {
                assert_eq!(index, known.len(), "a choice is begun out of turn");
                known.push(snapshot(choice));
            }
            if !choice["finish_reason"].is_null() {
                known[index]["finish_reason"] = choice["finish_reason"].clone();
            }
            // A choice that was begun by this very chunk counts these twice, like the original.
            add_logprobs(&mut known[index], &choice["logprobs"]);
        }
        answer["usage"] = chunk["usage"].clone();
        answer["system_fingerprint"] = chunk["system_fingerprint"].clone();
    }
    answer
}

fn snapshot(choice: &Value) -> Value {
    let mut snapshot = choice.as_object().unwrap().clone();
    let delta = snapshot.remove("delta").unwrap();
    snapshot.insert("message".into(), delta);
    Value::Object(snapshot)
}

fn add_logprobs(choice: &mut Value, logprobs: &Value) {
    if logprobs.is_null() {
        return;
    }
    if choice["logprobs"].is_null() {
        choice["logprobs"] = logprobs.clone();
        return;
    }
    for name in ["content", "refusal"] {
        if let Some(tokens) = logprobs[name].as_array() {
            if choice["logprobs"][name].is_null() {
                choice["logprobs"][name] = json!([]);
            }
            choice["logprobs"][name].as_array_mut().unwrap().extend(tokens.iter().cloned());
        }
    }
}

fn accumulate(known: &mut Map<String, Value>, delta: &Value) {
    for (key, news) in delta.as_object().unwrap() {
        let Some(old) = known.get_mut(key).filter(|old| !old.is_null()) else {
            known.insert(key.clone(), news.clone());
            continue;
        };
        match (old, news) {
            (old, news) if key == "index" || key == "type" => *old = news.clone(),
            (Value::String(old), Value::String(news)) => old.push_str(news),
            (Value::Object(old), news @ Value::Object(_)) => accumulate(old, news),
            (Value::Array(old), Value::Array(news)) => {
                for entry in news {
                    let index = entry["index"].as_u64().expect("an index in a list that goes on") as usize;
                    match old.get_mut(index) {
                        Some(old) => accumulate(old.as_object_mut().unwrap(), entry),
                        None => old.insert(index, entry.clone()),
                    }
                }
            }
            (old, news) => panic!("{old} cannot take {news} in {key}"),
        }
    }
}

/// As openai-node's `ChatCompletionStream` does it.
pub fn like_node(chunks: &[Value]) -> Value {
    let mut answer = json!({});
    let mut choices: Vec<Value> = Vec::new();
    for chunk in chunks {
        assign(&mut answer, chunk, &["choices"]);
        for part in chunk["choices"].as_array().unwrap() {
            let index = part["index"].as_u64().unwrap() as usize;
            if index == choices.len() {
                choices.push(json!({
                    "index": index, "finish_reason": part["finish_reason"], "message": {}, "logprobs": null,
                }));
            }
            let choice = &mut choices[index];
            add_logprobs(choice, &part["logprobs"]);
            if !part["finish_reason"].is_null() {
                choice["finish_reason"] = part["finish_reason"].clone();
            }
            assign(choice, part, &["delta", "finish_reason", "index", "logprobs"]);
            join_message(&mut choice["message"], &part["delta"]);
        }
    }
    answer["object"] = json!("chat.completion");
    answer["choices"] = Value::Array(choices);
    answer
}

fn assign(known: &mut Value, news: &Value, except: &[&str]) {
    for (key, value) in news.as_object().unwrap() {
        if !except.contains(&key.as_str()) {
            known[key] = value.clone();
        }
    }
}

fn join_message(message: &mut Value, delta: &Value) {
    assign(message, delta, &["content", "refusal", "role", "tool_calls"]);
    for name in ["content", "refusal"] {
        match (delta.get(name), message[name].as_str().unwrap_or_default()) {
            (Some(Value::String(news)), old) => message[name] = json!(format!("{old}{news}")),
            (Some(other), "") => message[name] = other.clone(),
            _ => {}
        }
    }
    if let Some(role) = delta.get("role") {
        message["role"] = role.clone();
    }
    for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        if message["tool_calls"].is_null() {
            message["tool_calls"] = json!([]);
        }
        let calls = message["tool_calls"].as_array_mut().unwrap();
        let index = call["index"].as_u64().unwrap() as usize;
        if index == calls.len() {
            calls.push(json!({}));
        }
        assign(&mut calls[index], call, &["function"]);
        if let Some(function) = call.get("function") {
            let old = calls[index]["function"]["arguments"].as_str().unwrap_or_default().to_owned();
            let function = function.as_object().unwrap();
            for (key, value) in function {
                calls[index]["function"][key] = value.clone();
            }
            let news = function.get("arguments").and_then(Value::as_str).unwrap_or_default();
            calls[index]["function"]["arguments"] = json!(old + news);
        }
    }
}

/// An answer without the places of its tool calls, which only chunks have.
pub fn without_places(mut answer: Value) -> Value {
    for choice in answer["choices"].as_array_mut().unwrap() {
        let calls = choice["message"].get_mut("tool_calls").and_then(Value::as_array_mut);
        for call in calls.into_iter().flatten() {
            call.as_object_mut().unwrap().remove("index");
        }
    }
    answer
}
