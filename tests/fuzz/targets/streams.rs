use batch_gpt::http::stream::Emulation;
use serde_json::Value;

use crate::events;

/// How much longer a stream may be than the answer: each event of a piece repeats what surrounds it.
const LONGER: usize = 64;

/// The events made of an answer, read as strictly as any client does.
pub fn streams(data: &[u8]) {
    let Some((first, answer)) = data.split_first() else { return };
    let kind = first.wrapping_sub(b'0');
    let emulation = match kind / 2 % 3 {
        0 => Emulation::Chat,
        1 => Emulation::Completion,
        _ => Emulation::Response,
    };
    let stream = emulation.events(answer, kind % 2 == 1);
    assert!(
        stream.len() <= LONGER * (answer.len() + 1_000),
        "{} bytes became {}",
        answer.len(),
        stream.len()
    );
    let events = events::read(&stream);
    // Half of a character may stand in an answer as an escape. It goes on as it is, and some readers refuse it.
    if serde_json::from_slice::<Value>(answer).is_err() {
        return;
    }
    let Some((last, before)) = events.split_last() else { panic!("a stream of nothing") };
    for event in before {
        assert!(event.json().is_object());
    }
    if last.data != "[DONE]" {
        let last: Value = last.json();
        let ends = emulation == Emulation::Response || last["error"].is_object();
        assert!(ends, "the end is missing: {last}");
    }
}
