//! Prompts for the demo, built in or read from a JSONL file.

use std::{fs, path::Path};

use serde_json::{Value, json};

/// One prompt, ready to send.
pub struct Prompt {
    /// What its answer must repeat.
    pub text: String,
    /// The chat call.
    pub body: Value,
}

/// The model of a prompt that names none.
const MODEL: &str = "gpt-4o-mini";

const BUILT_IN: [&str; 12] = [
    "Why is the sky blue at noon and red at dusk?",
    "Translate \"good morning\" into Finnish, Swahili and Portuguese.",
    "Name three uses for a brick that have nothing to do with walls.",
    "Summarise the plot of Hamlet in one sentence.",
    "Is 2^31 - 1 a prime number?",
    "Write a haiku about a queue.",
    "Classify the mood: \"The parcel came late, but what a parcel!\"",
    "What does the Latin word \"collatio\" mean?",
    "Give a regular expression for a date such as 2026-11-22.",
    "Which weighs more: a pound of feathers or a pound of lead?",
    "How many bits are needed to count to one million?",
    "Explain a mutex to a six-year-old.",
];

/// A small set for a first try.
pub fn built_in() -> Vec<Prompt> {
    BUILT_IN.iter().map(|text| from_text(text)).collect()
}

/// Reads a file with one prompt a line.
pub fn read(path: &Path) -> Result<Vec<Prompt>, String> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let prompts: Vec<Prompt> = lines
        .map(|(line, number)| {
            parse(line).ok_or_else(|| {
                let forms = r#"a chat body, {"prompt": …}, {"question": …} or a string"#;
                format!("{}, line {number}: expected {forms}", path.display())
            })
        })
        .collect::<Result<_, _>>()?;
    if prompts.is_empty() { Err(format!("{} holds no prompts", path.display())) } else { Ok(prompts) }
}

fn parse(line: &str) -> Option<Prompt> {
    let value: Value = serde_json::from_str(line).ok()?;
    if let Some(text) = value.as_str() {
        return Some(from_text(text));
    }
    if value.get("messages").is_some() {
        return from_body(value);
    }
    let text = value.get("prompt").or_else(|| value.get("question"))?.as_str()?;
    Some(from_text(text))
}

fn from_text(text: &str) -> Prompt {
    let body = json!({ "model": MODEL, "messages": [{ "role": "user", "content": text }] });
    Prompt { text: text.into(), body }
}

fn from_body(mut body: Value) -> Option<Prompt> {
    let messages = body.get("messages")?.as_array()?;
    let asked = messages.iter().rev().find(|message| message["role"] == "user")?;
    let text = asked["content"].as_str()?.to_owned();
    body.as_object_mut()?.entry("model").or_insert_with(|| MODEL.into());
    Some(Prompt { text, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_line_is_a_prompt() {
        for line in [
            r#""why?""#,
            r#"{"prompt":"why?"}"#,
            r#"{"question":"why?","answer":"42"}"#,
            r#"{"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"why?"}]}"#,
        ] {
            let prompt = parse(line).unwrap();
            assert_eq!(prompt.text, "why?");
            assert_eq!(prompt.body["model"], MODEL);
        }
    }

    #[test]
    fn other_lines_are_not() {
        for line in ["why?", "[]", "{}", r#"{"prompt":7}"#, r#"{"messages":[]}"#] {
            assert!(parse(line).is_none(), "{line}");
        }
    }
}
