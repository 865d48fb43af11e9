//! The lines of an input file.

use std::io::BufRead;
use std::ops::Range;

use serde::Deserialize;

use crate::parameter::Member;

/// One request of an input file (contract, section 3.1); members it does not know are ignored.
#[derive(Deserialize)]
pub(crate) struct InputLine<'a> {
    #[serde(borrow)]
    pub(crate) custom_id: Member<'a>,
    #[serde(borrow)]
    pub(crate) method: Member<'a>,
    #[serde(borrow)]
    pub(crate) url: Member<'a>,
    #[serde(borrow)]
    pub(crate) body: Member<'a>,
}

impl<'a> InputLine<'a> {
    /// The line if it is one JSON object in UTF-8, which excludes one that begins with a byte order mark.
    pub(crate) fn parse(line: &'a [u8]) -> Option<InputLine<'a>> {
        // Members that are skipped are not checked for UTF-8 by the parser, and it would take an array for a
        // struct.
        let text = std::str::from_utf8(line).ok()?;
        if !text.trim_ascii_start().starts_with('{') {
            return None;
        }
        serde_json::from_str(text).ok()
    }
}

/// Where each line lies in `bytes`, without its line feed; a final line feed starts no further line.
pub(crate) fn line_ranges(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= bytes.len() {
            return None;
        }
        let mut rest = &bytes[start..];
        // The standard library's search takes many bytes at a time and is fast in debug builds too. Reading
        // from a slice cannot fail.
        let taken = rest.skip_until(b'\n').unwrap_or(rest.len());
        let line = &bytes[start..start + taken];
        let range = start..start + line.strip_suffix(b"\n").unwrap_or(line).len();
        start += taken;
        Some(range)
    })
}
