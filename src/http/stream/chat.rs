//! Chat completions as a stream.
//!
//! For each choice: what it says besides its texts, its texts in pieces, its tool calls, and why it ended. The
//! clients' own ways of putting chunks together decide what may stand where: log probabilities in a choice's first
//! chunk would be counted twice, and unknown members in any later one forgotten.

use super::{
    chunks::{Chunks, choices},
    events::pieces,
    json::{Json, Members},
};

type Object<'a> = Vec<(&'a str, Json<'a>)>;

/// Members of a message that come in pieces.
const TEXTS: [&str; 2] = ["content", "refusal"];

/// The events of an answer; nothing if it is none.
pub(super) fn events(answer: &[u8], include_usage: bool) -> Option<Vec<u8>> {
    let answer = Members::read(answer)?;
    let choices = choices(&answer)?;
    let mut chunks = Chunks::of(&answer, "chat.completion.chunk", include_usage);
    for (index, choice) in &choices {
        Choice { index: *index, members: choice }.tell(&mut chunks)?;
    }
    Some(chunks.finish())
}

struct Choice<'a> {
    index: u64,
    members: &'a Members<'a>,
}

impl Choice<'_> {
    fn tell(&self, chunks: &mut Chunks<'_>) -> Option<()> {
        let message = Members::of(self.members.get("message")?)?;
        let texts = TEXTS.map(|name| message.text(name).unwrap_or_default());
        let calls = message.list("tool_calls").unwrap_or_default();
        let calls: Vec<Call<'_>> = calls.into_iter().zip(0..).map(Call::read).collect::<Option<_>>()?;

        let known = ["index", "message", "logprobs", "finish_reason"];
        let unknown = self.members.iter().filter(|(key, _)| !known.contains(key));
        let mut first = self.chunk(opening(&message, !calls.is_empty()), Json::Null, Json::Null);
        first.extend(unknown.map(|(key, value)| (key, Json::Raw(value))));
        chunks.choice(first);

        let texts = TEXTS.iter().zip(&texts);
        let mut deltas: Vec<Object<'_>> = texts
            .flat_map(|(name, text)| pieces(text).map(|piece| vec![(*name, Json::Text(piece))]))
            .chain(calls.iter().flat_map(Call::deltas))
            .collect();
        let mut logprobs = self.members.get("logprobs").filter(|logprobs| logprobs.get() != "null");
        if deltas.is_empty() && logprobs.is_some() {
            deltas.push(Vec::new());
        }
        for delta in deltas {
            chunks.choice(self.chunk(delta, Json::or_null(logprobs.take()), Json::Null));
        }
        let finish_reason = Json::or_null(self.members.get("finish_reason"));
        chunks.choice(self.chunk(Vec::new(), Json::Null, finish_reason));
        Some(())
    }

    fn chunk<'a>(&self, delta: Object<'a>, logprobs: Json<'a>, finish_reason: Json<'a>) -> Object<'a> {
        let mut members = vec![("index", Json::Number(self.index)), ("delta", Json::Object(delta))];
        if self.members.get("logprobs").is_some() {
            members.push(("logprobs", logprobs));
        }
        members.push(("finish_reason", finish_reason));
        members
    }
}

/// The first delta: the role, and every member that does not come later.
fn opening<'a>(message: &'a Members<'a>, calls_follow: bool) -> Object<'a> {
    let role = message.get("role").map(|role| ("role", Json::Raw(role)));
    let others = message.iter().filter(|(key, _)| *key != "role" && !(*key == "tool_calls" && calls_follow));
    let others = others.map(|(key, value)| {
        let comes_later = TEXTS.contains(&key) && message.text(key).is_some();
        (key, if comes_later { Json::Text("") } else { Json::Raw(value) })
    });
    role.into_iter().chain(others).collect()
}

/// A tool call; calls of a function bring their arguments in pieces.
struct Call<'a> {
    index: u64,
    members: Members<'a>,
    function: Option<Members<'a>>,
    arguments: String,
}

impl<'a> Call<'a> {
    fn read((call, index): (&'a serde_json::value::RawValue, u64)) -> Option<Self> {
        let members = Members::of(call)?;
        let function = members.get("function").and_then(Members::of);
        let arguments = function.as_ref().and_then(|function| function.text("arguments"));
        Some(Self { index, members, function, arguments: arguments.unwrap_or_default() })
    }

    fn deltas(&self) -> impl Iterator<Item = Object<'_>> {
        let later = pieces(&self.arguments).map(|piece| {
            self.delta(vec![("function", Json::Object(vec![("arguments", Json::Text(piece))]))])
        });
        std::iter::once(self.delta(self.opening())).chain(later)
    }

    fn delta<'b>(&self, mut members: Object<'b>) -> Object<'b> {
        members.insert(0, ("index", Json::Number(self.index)));
        vec![("tool_calls", Json::List(vec![Json::Object(members)]))]
    }

    /// Everything but the arguments.
    fn opening(&self) -> Object<'_> {
        let others = self.members.iter().filter(|(key, _)| *key != "index");
        let others = others.map(|(key, value)| match &self.function {
            Some(function) if key == "function" && !self.arguments.is_empty() => {
                (key, function.with(|name| (name == "arguments").then_some(Json::Text(""))))
            }
            _ => (key, Json::Raw(value)),
        });
        others.collect()
    }
}
