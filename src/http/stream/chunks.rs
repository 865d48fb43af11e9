//! The chunks of a chat completion or a completion: what is the same in all of them, the usage, and the end.

use serde_json::value::RawValue;

use super::{
    events::Events,
    json::{Json, Members},
};

/// Members that stand in every chunk (contract, section 5.3). Others that no one here has heard of are told once.
const CONSTANT: [&str; 5] = ["id", "created", "model", "service_tier", "system_fingerprint"];

/// The choices of an answer by their index, whatever their order in it; nothing if one is no object.
pub(super) fn choices<'a>(answer: &Members<'a>) -> Option<Vec<(u64, Members<'a>)>> {
    let choices = answer.list("choices")?.into_iter().zip(0..).map(|(choice, place)| {
        let choice = Members::of(choice)?;
        let index = choice.get("index").and_then(|index| index.get().parse().ok());
        Some((index.unwrap_or(place), choice))
    });
    let mut choices: Vec<_> = choices.collect::<Option<_>>()?;
    choices.sort_by_key(|(index, _)| *index);
    Some(choices)
}

/// A stream of chunks that is being written.
pub(super) struct Chunks<'a> {
    constant: Vec<(&'a str, Json<'a>)>,
    /// What the first chunk says besides.
    once: Vec<(&'a str, Json<'a>)>,
    /// If it is asked for.
    usage: Option<Option<&'a RawValue>>,
    events: Events,
}

impl<'a> Chunks<'a> {
    /// Chunks of this answer, which call themselves `object`.
    pub(super) fn of(answer: &'a Members<'a>, object: &'a str, include_usage: bool) -> Self {
        let others = answer.iter().filter(|(key, _)| !["choices", "object", "usage"].contains(key));
        let raw = others.map(|(key, value)| (key, Json::Raw(value)));
        let (mut constant, once): (Vec<_>, Vec<_>) = raw.partition(|(key, _)| CONSTANT.contains(key));
        constant.push(("object", Json::Text(object)));
        let usage = include_usage.then(|| answer.get("usage"));
        Self { constant, once, usage, events: Events::default() }
    }

    /// A chunk about one choice.
    pub(super) fn choice(&mut self, choice: Vec<(&str, Json<'_>)>) {
        self.chunk(vec![Json::Object(choice)], None);
    }

    /// A chunk. While the usage is still to come, its place is kept with null.
    fn chunk(&mut self, choices: Vec<Json<'_>>, usage: Option<&RawValue>) {
        let once = std::mem::take(&mut self.once);
        let mut members: Vec<(&str, Json<'_>)> = self.constant.iter().cloned().chain(once).collect();
        members.push(("choices", Json::List(choices)));
        if self.usage.is_some() {
            members.push(("usage", Json::or_null(usage)));
        }
        self.events.data(&Json::Object(members));
    }

    /// The rest: what no choice has told, the usage, and the end.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if !self.once.is_empty() && self.usage.is_none() {
            self.chunk(Vec::new(), None);
        }
        if let Some(usage) = self.usage {
            self.chunk(Vec::new(), usage);
        }
        self.events.done();
        self.events.into_bytes()
    }
}
