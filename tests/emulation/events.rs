//! What a client reads from the text of an event stream.

use serde_json::Value;

#[derive(Debug)]
pub struct Event {
    pub name: Option<String>,
    pub data: String,
}

impl Event {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error} in {}", self.data))
    }
}

/// The events of a stream, strictly: every line belongs to an event, and none is empty.
pub fn read(stream: &[u8]) -> Vec<Event> {
    let text = std::str::from_utf8(stream).unwrap();
    assert!(!text.contains('\r'));
    let text = text.strip_suffix("\n\n").unwrap_or_else(|| panic!("an unfinished event in {text:?}"));
    text.split("\n\n").map(event).collect()
}

fn event(text: &str) -> Event {
    let (name, data) = match text.split_once('\n') {
        Some((name, data)) => (Some(name.strip_prefix("event: ").unwrap().to_owned()), data),
        None => (None, text),
    };
    let data = data.strip_prefix("data: ").unwrap_or_else(|| panic!("no data in {text:?}"));
    assert!(!data.is_empty() && !data.contains('\n'), "{text:?}");
    Event { name, data: data.to_owned() }
}

/// The JSON of nameless events that end with `[DONE]`.
pub fn chunks(stream: &[u8]) -> Vec<Value> {
    let mut events = read(stream);
    assert_eq!(events.pop().unwrap().data, "[DONE]");
    events.iter().inspect(|event| assert!(event.name.is_none())).map(Event::json).collect()
}
