//! Responses as a stream: the sequence of events in which one grows.

use super::{
    events::{Events, pieces},
    json::{Json, Members},
};

type Object<'a> = Vec<(&'a str, Json<'a>)>;

/// Members of a response that are not known before its end.
const KNOWN_LATER: [&str; 4] = ["usage", "error", "incomplete_details", "completed_at"];

/// The events of an answer; nothing if it is none.
pub(super) fn events(answer: &[u8]) -> Option<Vec<u8>> {
    let response = Members::read(answer)?;
    let output = response.list("output")?;
    let mut sequence = Sequence::default();
    for kind in ["response.created", "response.in_progress"] {
        let begun = response.with(|name| match name {
            "status" => Some(Json::Text("in_progress")),
            "output" => Some(Json::List(Vec::new())),
            name => KNOWN_LATER.contains(&name).then_some(Json::Null),
        });
        sequence.say(kind, vec![("response", begun)]);
    }
    for (item, index) in output.into_iter().zip(0..) {
        let members = Members::of(item)?;
        let id = members.get("id").map_or(Json::Text(""), Json::Raw);
        let place = vec![("item_id", id), ("output_index", Json::Number(index))];
        let begun = vec![("output_index", Json::Number(index)), ("item", item_begun(&members))];
        sequence.say("response.output_item.added", begun);
        tell_item(&mut sequence, &members, &place)?;
        let done = vec![("output_index", Json::Number(index)), ("item", Json::Raw(item))];
        sequence.say("response.output_item.done", done);
    }
    let end = match response.text("status").as_deref() {
        Some("incomplete") => "response.incomplete",
        Some("failed") => "response.failed",
        _ => "response.completed",
    };
    sequence.say(end, vec![("response", response.with(|_| None))]);
    Some(sequence.events.into_bytes())
}

/// Events that carry their name and their number.
#[derive(Default)]
struct Sequence {
    number: u64,
    events: Events,
}

impl Sequence {
    fn say(&mut self, kind: &str, members: Object<'_>) {
        let mut event = vec![("type", Json::Text(kind)), ("sequence_number", Json::Number(self.number))];
        event.extend(members);
        self.events.named(kind, &Json::Object(event));
        self.number += 1;
    }

    /// A text in pieces, and then as a whole under the name `whole`.
    fn text(&mut self, family: &str, place: &Object<'_>, text: &str, whole: &str, extra: &Object<'_>) {
        for piece in pieces(text) {
            let members = place.iter().chain(extra).cloned().chain([("delta", Json::Text(piece))]);
            self.say(&format!("{family}.delta"), members.collect());
        }
        let members = place.iter().chain(extra).cloned().chain([(whole, Json::Text(text))]);
        self.say(&format!("{family}.done"), members.collect());
    }
}

/// The member of an item that grows as a text, and the family of its events.
fn growing_text(kind: Option<&str>) -> Option<(&'static str, &'static str)> {
    match kind? {
        "function_call" => Some(("arguments", "response.function_call_arguments")),
        "mcp_call" => Some(("arguments", "response.mcp_call_arguments")),
        "custom_tool_call" => Some(("input", "response.custom_tool_call_input")),
        _ => None,
    }
}

/// Lists of parts that an item may have: their member, the name of a part's place, and the family of their events.
const PARTS: [(&str, &str, &str); 2] = [
    ("summary", "summary_index", "response.reasoning_summary_part"),
    ("content", "content_index", "response.content_part"),
];

/// An item before anything is known of it but what it is.
fn item_begun<'a>(item: &'a Members<'a>) -> Json<'a> {
    let growing = growing_text(item.text("type").as_deref());
    item.with(|name| match name {
        "status" => Some(Json::Text("in_progress")),
        name if growing.is_some_and(|(text, _)| text == name) => Some(Json::Text("")),
        name if PARTS.iter().any(|(parts, ..)| *parts == name) && item.list(name).is_some() => {
            Some(Json::List(Vec::new()))
        }
        _ => None,
    })
}

fn tell_item(sequence: &mut Sequence, item: &Members<'_>, place: &Object<'_>) -> Option<()> {
    if let Some((member, family)) = growing_text(item.text("type").as_deref())
        && let Some(text) = item.text(member)
    {
        sequence.text(family, place, &text, member, &Vec::new());
    }
    for (member, index_name, family) in PARTS {
        for (part, index) in item.list(member).unwrap_or_default().into_iter().zip(0..) {
            let place: Object<'_> =
                place.iter().cloned().chain([(index_name, Json::Number(index))]).collect();
            tell_part(sequence, &Members::of(part)?, &place, family);
        }
    }
    Some(())
}

/// What a part's text is called, and the family of its events.
fn part_text(kind: Option<&str>) -> Option<(&'static str, &'static str)> {
    match kind? {
        "output_text" => Some(("text", "response.output_text")),
        "refusal" => Some(("refusal", "response.refusal")),
        "reasoning_text" => Some(("text", "response.reasoning_text")),
        "summary_text" => Some(("text", "response.reasoning_summary_text")),
        _ => None,
    }
}

fn tell_part(sequence: &mut Sequence, part: &Members<'_>, place: &Object<'_>, family: &str) {
    let kind = part.text("type");
    let text =
        part_text(kind.as_deref()).and_then(|(member, family)| Some((member, family, part.text(member)?)));
    let begun = part.with(|name| match (&text, name) {
        (Some((member, ..)), name) if *member == name => Some(Json::Text("")),
        (Some(_), "annotations" | "logprobs") => Some(Json::List(Vec::new())),
        _ => None,
    });
    sequence.say(&format!("{family}.added"), place.iter().cloned().chain([("part", begun)]).collect());
    if let Some((member, text_family, text)) = &text {
        let logprobs = part.get("logprobs").map_or(Json::List(Vec::new()), Json::Raw);
        let extra = match kind.as_deref() {
            Some("output_text") => vec![("logprobs", logprobs)],
            _ => Vec::new(),
        };
        sequence.text(text_family, place, text, member, &extra);
    }
    let whole = part.with(|_| None);
    sequence.say(&format!("{family}.done"), place.iter().cloned().chain([("part", whole)]).collect());
}
