//! How times, numbers and foreign texts are put on a terminal.

use jiff::Timestamp;

use crate::client::Overview;

/// What stands for something that is not there.
pub const NOTHING: &str = "-";

/// A text without what would steer a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A time as a date, from seconds since 1970.
pub fn date(at: u64) -> String {
    spell(at, "%Y-%m-%d %H:%M:%S UTC")
}

/// A time of day, from seconds since 1970.
pub fn clock(at: u64) -> String {
    spell(at, "%H:%M:%S UTC")
}

fn spell(at: u64, form: &str) -> String {
    let moment = i64::try_from(at).ok().and_then(|at| Timestamp::from_second(at).ok());
    moment.map_or_else(|| NOTHING.into(), |moment| moment.strftime(form).to_string())
}

/// A duration in its two largest units, from seconds.
pub fn brief(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{minutes}m {:02}s", seconds % 60),
        3_600..86_400 => format!("{hours}h {:02}m", minutes % 60),
        _ => format!("{days}d {:02}h", hours % 24),
    }
}

/// [`brief`], or the sign for nothing.
pub fn brief_or_nothing(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| NOTHING.into(), brief)
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Money, from billionths of a dollar. What is less than a cent is spelt to the millionth.
pub fn dollars(nano: u64) -> String {
    let dollars = nano as f64 / 1e9;
    if (1..10_000_000).contains(&nano) { format!("${dollars:.6}") } else { format!("${dollars:.2}") }
}

/// What the gateway tells of its requests, in one line.
pub fn at_a_glance(overview: &Overview) -> String {
    let states = overview.requests.iter().map(|(state, count)| format!("{state} {}", grouped(*count)));
    let saved = overview.saved.map(|saved| format!("saved {}", dollars(saved)));
    let turnaround = overview.turnaround.map(|half| format!("median {}", brief(half)));
    let window = overview.window_left.map(|left| format!("next batch in {}", brief(left)));
    let words: Vec<_> = states.chain(saved).chain(window).chain(turnaround).collect();
    words.join("   ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units() {
        let spelt = [0, 59, 60, 3_599, 3_600, 86_399, 86_400, 8_640_000].map(brief);
        assert_eq!(spelt, ["0s", "59s", "1m 00s", "59m 59s", "1h 00m", "23h 59m", "1d 00h", "100d 00h"]);
    }

    #[test]
    fn money_is_seen_even_if_it_is_little() {
        assert_eq!(
            [0, 1_500, 9_999_999, 10_000_000, 31_770_000_000].map(dollars),
            ["$0.00", "$0.000002", "$0.010000", "$0.01", "$31.77"]
        );
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn times_are_spelt_in_utc() {
        assert_eq!(date(1_700_000_000), "2023-11-14 22:13:20 UTC");
        assert_eq!(clock(1_700_000_000), "22:13:20 UTC");
        assert_eq!(date(u64::MAX), "-");
    }
}
