//! Streams made of finished answers.
//!
//! A batch's answer comes whole. A client that asked for a stream gets the events that would have led to it, so that
//! putting them together gives the answer again, member for member (contract, section 5.3). All of this is text to
//! text, without a clock or a connection.

mod chat;
mod chunks;
mod completion;
mod events;
mod json;
mod response;

use batch_gpt_actors::rules::{lane::Endpoint, outcome::ApiError};
use serde_json::value::RawValue;

use self::{
    events::Events,
    json::{Json, Members},
};

/// How the answers of an endpoint become a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emulation {
    /// Chunks with deltas of messages.
    Chat,
    /// Chunks with pieces of a text.
    Completion,
    /// Events with names and numbers.
    Response,
}

impl Emulation {
    /// The endpoint's own; none where answers only come whole.
    pub fn of(endpoint: Endpoint) -> Option<Self> {
        match endpoint {
            Endpoint::ChatCompletions => Some(Emulation::Chat),
            Endpoint::Completions => Some(Emulation::Completion),
            Endpoint::Responses => Some(Emulation::Response),
            Endpoint::Embeddings | Endpoint::Moderations => None,
        }
    }

    /// The events that lead to a good answer, to the end of the stream. `include_usage` is the client's own word from
    /// `stream_options`. What is no answer of the endpoint becomes an error event.
    pub fn events(self, answer: &[u8], include_usage: bool) -> Vec<u8> {
        let events = match self {
            Emulation::Chat => chat::events(answer, include_usage),
            Emulation::Completion => completion::events(answer, include_usage),
            Emulation::Response => response::events(answer),
        };
        events.unwrap_or_else(|| failure(answer))
    }
}

/// The event that ends a stream without an answer. It has no name: one client takes `event: error` for nonsense
/// (contract, section 5.3).
pub fn failure(body: &[u8]) -> Vec<u8> {
    let envelope = Members::read(body);
    let error = envelope.as_ref().and_then(|body| body.get("error")).filter(|error| is_object(error));
    let unreadable =
        ApiError::new("server_error", Some("answer_unreadable"), "The upstream's answer could not be read.");
    let unreadable = unreadable.body();
    let mut events = Events::default();
    match (error, Members::read(&unreadable)) {
        (Some(error), _) => events.data(&Json::Object(vec![("error", Json::Raw(error))])),
        (None, Some(body)) => events.data(&body.with(|_| None)),
        (None, None) => {}
    }
    events.into_bytes()
}

fn is_object(value: &RawValue) -> bool {
    Members::of(value).is_some()
}
