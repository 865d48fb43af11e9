//! Bytes of any length in documents that have a limit.
//!
//! What is short stands in its document. What is long stands in pieces of their own, named by whose they are and by what
//! they hold: a write that breaks off halfway and one that says something else later can never mix, and pieces go with
//! their document.

use mongodb::bson::{Binary, Bson, Document, doc, spec::BinarySubtype};
use sha2::{Digest, Sha256};

/// Most bytes of one document. The server's limit is 16 MiB for the document with all its fields.
const PIECE: usize = 12 << 20;

pub(super) fn binary(bytes: impl Into<Vec<u8>>) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.into() }
}

/// What stands in the document of `owner` for `bytes`. Pieces that it needs are added to `pieces`; they are to be
/// written before it.
pub(super) fn put(owner: &Binary, bytes: &[u8], pieces: &mut Vec<Document>) -> Bson {
    if bytes.len() <= PIECE {
        return binary(bytes).into();
    }
    let name: [u8; 32] = Sha256::new().chain_update(&owner.bytes).chain_update(bytes).finalize().into();
    let mut count = 0u32;
    for piece in bytes.chunks(PIECE) {
        pieces.push(doc! { "_id": piece_id(&name, count), "bytes": binary(piece) });
        count += 1;
    }
    // Those of an earlier version may be another document's as well, and do not say this.
    doc! { "sha256": binary(name), "pieces": i64::from(count), "own": true }.into()
}

/// What a document says of its bytes.
pub(super) enum Content {
    /// Here they are.
    Whole(Vec<u8>),
    /// They are in these pieces, in this order.
    Pieces(Vec<Binary>),
}

/// Reads what [`put`] made; `None` if it did not make it.
pub(super) fn get(value: Bson) -> Option<Content> {
    match value {
        Bson::Binary(binary) => Some(Content::Whole(binary.bytes)),
        Bson::Document(document) => {
            let name = document.get_binary_generic("sha256").ok()?;
            let count = u32::try_from(document.get_i64("pieces").ok()?).ok()?;
            let pieces = (0..count).map(|piece| piece_id(name, piece));
            Some(Content::Pieces(pieces.collect()))
        }
        _ => None,
    }
}

fn piece_id(name: &[u8], number: u32) -> Binary {
    binary([name, &number.to_be_bytes()].concat())
}
