//! From a schedule that breaks a promise to the shortest one that still does.

use crate::op::Op;

/// Leaves out what can be left out, large pieces first.
pub fn shrink(mut ops: Vec<Op>, breaks: impl Fn(&[Op]) -> bool) -> Vec<Op> {
    let mut piece = ops.len().div_ceil(2).max(1);
    loop {
        let (mut at, mut shorter) = (0, false);
        while at < ops.len() {
            let end = (at + piece).min(ops.len());
            let without = [&ops[..at], &ops[end..]].concat();
            if breaks(&without) {
                ops = without;
                shorter = true;
            } else {
                at = end;
            }
        }
        match (piece, shorter) {
            (1, false) => return ops,
            (1, true) => {}
            _ => piece = piece.div_ceil(2),
        }
    }
}
