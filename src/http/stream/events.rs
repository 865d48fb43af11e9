//! The text of an event stream.

use super::json::Json;

/// Most bytes of a text in one event. Some clients read lines of 64 KiB at most, and an escape may take six bytes for
/// one.
const PIECE: usize = 8 << 10;

/// Events, one after the other.
#[derive(Debug, Default)]
pub(super) struct Events(Vec<u8>);

impl Events {
    /// An event without a name.
    pub(super) fn data(&mut self, data: &Json<'_>) {
        self.0.extend_from_slice(b"data: ");
        data.write(&mut self.0);
        self.0.extend_from_slice(b"\n\n");
    }

    /// An event with a name.
    pub(super) fn named(&mut self, name: &str, data: &Json<'_>) {
        self.0.extend_from_slice(b"event: ");
        self.0.extend_from_slice(name.as_bytes());
        self.0.push(b'\n');
        self.data(data);
    }

    /// The word that ends a stream of chunks (contract, section 5.3).
    pub(super) fn done(&mut self) {
        self.0.extend_from_slice(b"data: [DONE]\n\n");
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// A text in pieces that a line can hold, each of whole characters. An empty text has none.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, later) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = later;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_characters_and_make_up_the_text() {
        let text = "x".to_owned() + &"\u{1f600}\u{e9}".repeat(10_000);
        let pieces: Vec<&str> = pieces(&text).collect();
        assert_eq!(pieces.concat(), text);
        assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() <= PIECE));
        assert_eq!(super::pieces("").count(), 0);
    }
}
