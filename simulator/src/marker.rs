//! What a prompt asks of the simulator.

use crate::line_fault::LineFault;

/// One request in double brackets in a text, so that a rehearsal can provoke a failure or a form of answer
/// without reconfiguring the simulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) demand: Demand,
    /// How many executions of the same body it concerns; none: all.
    pub(crate) times: Option<u64>,
}

/// The kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// `[[poison]]`: the whole batch fails, and no line is named.
    Poison,
    /// `[[poison:line]]`: the whole batch fails, and the line is named.
    PoisonedLine,
    /// `[[status:N]]` with N from 400 to 599, or 0 for the pathological line: an error line with that status.
    Status(u16),
    /// `[[timeout]]`: an error line without a response.
    Timeout,
    /// `[[line:KIND]]`: the line's result is spoilt.
    Line(LineFault),
    /// `[[tools]]`: the answer calls functions, if any are offered.
    Tools,
    /// `[[refusal]]`: the answer is a refusal.
    Refusal,
    /// `[[length]]`: half of the answer is missing, as if it had grown too long.
    Length,
    /// `[[filter]]`: the answer was held back by a filter.
    Filter,
}

impl Marker {
    /// The requests in `text`, in their order; brackets that hold anything else are text.
    pub(crate) fn all_in(text: &str) -> impl Iterator<Item = Marker> + '_ {
        text.split("[[").skip(1).filter_map(|rest| Marker::read(rest.split_once("]]")?.0))
    }

    fn read(text: &str) -> Option<Marker> {
        let mut words = text.split(':');
        let demand = match words.next()? {
            "poison" => match words.next() {
                None => Demand::Poison,
                Some("line") => Demand::PoisonedLine,
                Some(_) => return None,
            },
            "status" => Demand::Status(words.next()?.parse().ok().filter(|status| is_failure(*status))?),
            "timeout" => Demand::Timeout,
            "line" => Demand::Line(LineFault::named(words.next()?)?),
            "tools" => Demand::Tools,
            "refusal" => Demand::Refusal,
            "length" => Demand::Length,
            "filter" => Demand::Filter,
            _ => return None,
        };
        let times = words.next().map(str::parse).transpose().ok()?;
        words.next().is_none().then_some(Marker { demand, times })
    }
}

fn is_failure(status: u16) -> bool {
    status == 0 || (400..=599).contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_markers_of_a_text_are_found_and_everything_else_is_text() {
        let text =
            "a [[status:429:2]] b [[line:missing]] [[status:200]] [[unheard]] [[ [[poison]] [[timeout:x]]";
        let found: Vec<Marker> = Marker::all_in(text).collect();
        let expected = [
            Marker { demand: Demand::Status(429), times: Some(2) },
            Marker { demand: Demand::Line(LineFault::Missing), times: None },
            Marker { demand: Demand::Poison, times: None },
        ];
        assert_eq!(found, expected);
    }
}
