//! What can happen to bytes that were valid.

use crate::dice::Dice;

/// Pieces that readers of JSON, lines, headers and lists stumble over.
const SPLINTERS: &[&[u8]] = &[
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"0",
    b"-0",
    b"1e999",
    b"-1e-999",
    b"1E+2",
    b"0.1000000000000000055511151231257827",
    b"9007199254740993",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"1.0",
    b"\\u0000",
    b"\\ud800",
    b"\\udfff\\ud800",
    b"\\ud83d\\ude00",
    b"\\u007b",
    b"\\/",
    b"\\",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b" ",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xe2\x80\xa8",
    b"\xf0\x9f\x98\x80",
    b"\x7f",
    b"/",
    b"..",
    b"%2e",
    b"%2F",
    b"%5c",
    b"?",
    b"#",
    b"\"model\":\"m\"",
    b"\"stream\":true",
    b"\"stream\":null",
    b"\"stream_options\":{\"include_usage\":true}",
    b"\"custom_id\":\"req_00000000000000000000000000000001\"",
    b"\"response\":null",
    b"\"error\":null",
    b"\"status_code\":200",
    b"\"line\":-1",
    b"\"line\":4294967296",
    b"data: ",
    b"[DONE]",
];

/// Deepest nesting that is made; readers here stop at 128.
const DEPTH: usize = 300;
/// Longest input.
const LONGEST: usize = 64 << 10;

/// Damages `bytes` a few times; `others` are inputs that parts may come from.
pub fn damage(bytes: &mut Vec<u8>, others: &[&[u8]], dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        once(bytes, others, dice);
        bytes.truncate(LONGEST);
    }
}

fn once(bytes: &mut Vec<u8>, others: &[&[u8]], dice: &mut Dice) {
    let at = dice.below(bytes.len() + 1);
    match dice.below(12) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(..at)),
        2 => {
            let end = at + dice.below(bytes.len() - at + 1);
            drop(bytes.drain(at..end));
        }
        // A part comes twice: a key, a line, a bracket.
        3 => {
            let part = part(bytes, dice).to_vec();
            insert(bytes, at, &part);
        }
        4 => {
            let part = part(dice.pick(others), dice).to_vec();
            insert(bytes, at, &part);
        }
        5 | 6 => insert(bytes, at, dice.pick(SPLINTERS)),
        7 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = dice.below(256) as u8;
            }
        }
        8 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        // A value becomes another one.
        9 => {
            let end = (at + 1 + dice.below(12)).min(bytes.len());
            bytes.splice(at..end, dice.pick(SPLINTERS).iter().copied());
        }
        10 => {
            let (open, close) =
                if dice.below(2) == 0 { (&b"["[..], &b"]"[..]) } else { (&b"{\"a\":"[..], &b"}"[..]) };
            let deep = dice.below(DEPTH);
            let nest = [open.repeat(deep), b"1".to_vec(), close.repeat(deep)].concat();
            insert(bytes, at, &nest);
        }
        // A text becomes a long one.
        _ => {
            let byte = dice.pick(&[b"x", b"\n", b"\"", b"\xc3", b"0"])[0];
            insert(bytes, at, &vec![byte; dice.below(5_000)]);
        }
    }
}

fn part<'a>(bytes: &'a [u8], dice: &mut Dice) -> &'a [u8] {
    let from = dice.below(bytes.len() + 1);
    &bytes[from..from + dice.below(bytes.len() - from + 1)]
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    bytes.splice(at..at, part.iter().copied());
}
