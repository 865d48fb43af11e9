//! Completions as a stream.

use super::{
    chunks::{Chunks, choices},
    events::pieces,
    json::{Json, Members},
};

/// The events of an answer; nothing if it is none.
pub(super) fn events(answer: &[u8], include_usage: bool) -> Option<Vec<u8>> {
    let answer = Members::read(answer)?;
    let choices = choices(&answer)?;
    let mut chunks = Chunks::of(&answer, "text_completion", include_usage);
    for (index, choice) in &choices {
        tell(&mut chunks, *index, choice)?;
    }
    Some(chunks.finish())
}

/// The text in pieces, the first of which says all that is known besides, and then why it ended.
fn tell(chunks: &mut Chunks<'_>, index: u64, choice: &Members<'_>) -> Option<()> {
    let text = choice.text("text")?;
    let mut pieces = pieces(&text);
    let first = Json::Text(pieces.next().unwrap_or_default());
    let mut members = vec![("index", Json::Number(index)), ("text", first)];
    let others = choice.iter().filter(|(key, _)| !["index", "text", "finish_reason"].contains(key));
    members.extend(others.map(|(key, value)| (key, Json::Raw(value))));
    members.push(("finish_reason", Json::Null));
    chunks.choice(members);
    for piece in pieces {
        chunks.choice(later(index, choice, piece, Json::Null));
    }
    chunks.choice(later(index, choice, "", Json::or_null(choice.get("finish_reason"))));
    Some(())
}

fn later<'a>(
    index: u64,
    choice: &Members<'_>,
    text: &'a str,
    finish_reason: Json<'a>,
) -> Vec<(&'a str, Json<'a>)> {
    let mut members = vec![("index", Json::Number(index)), ("text", Json::Text(text))];
    if choice.get("logprobs").is_some() {
        members.push(("logprobs", Json::Null));
    }
    members.push(("finish_reason", finish_reason));
    members
}
