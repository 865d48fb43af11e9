//! When to try again to remove a file upstream.

use super::{fault::Fault, retry, time::Millis};

/// Pause after a removal that was refused: somebody may give the gateway's key the right to it.
const REFUSED: Millis = Millis::from_secs(3600);

/// What to do after a removal that went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The file is not there: that is what was wanted.
    Gone,
    /// Try again after a pause.
    Again(Millis),
    /// Leave it to expire.
    Leave,
}

/// Decides after the `failures`-th failure in a row (from 1), `elapsed` after the first of them. A removal may be done
/// twice, so one that may have happened is simply tried again.
pub fn next(fault: &Fault, failures: u32, elapsed: Millis, seed: u64) -> Next {
    let softened = match fault {
        Fault::Permanent { status: 404 | 410, .. } => return Next::Gone,
        Fault::Permanent { error, .. } => {
            Fault::Limited { retry_after: Some(REFUSED), why: error.message.clone() }
        }
        Fault::Ambiguous(why) => Fault::Transient(why.clone()),
        other => other.clone(),
    };
    match retry::next(&softened, failures, elapsed, seed) {
        retry::Next::Again(pause) | retry::Next::Look(pause) => Next::Again(pause),
        retry::Next::GiveUp => Next::Leave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::outcome::ApiError;

    fn permanent(status: u16) -> Fault {
        Fault::Permanent { status, error: ApiError::new("invalid_request_error", None, "No.") }
    }

    #[test]
    fn what_is_not_there_is_gone_and_everything_else_is_tried_for_a_day() {
        assert_eq!(next(&permanent(404), 1, Millis(0), 7), Next::Gone);
        let limited = Fault::Limited { retry_after: Some(Millis(90_000)), why: "429".into() };
        let faults = [
            permanent(401),
            permanent(400),
            Fault::Transient("cut".into()),
            Fault::Ambiguous("cut".into()),
            limited,
        ];
        for fault in faults {
            assert!(
                matches!(next(&fault, 1, Millis(0), 7), Next::Again(pause) if pause > Millis(0)),
                "{fault}"
            );
            assert_eq!(next(&fault, 9, retry::PATIENCE, 7), Next::Leave, "{fault}");
        }
        assert!(matches!(next(&permanent(403), 1, Millis(0), 7), Next::Again(pause) if pause >= REFUSED));
    }
}
