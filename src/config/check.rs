//! Making sense of one value at a time, and remembering what was wrong with any.

use std::{fmt::Display, ops::RangeInclusive, str::FromStr};

/// An empty variable counts as unset.
pub(super) fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// The problems found so far. Each part of the settings has its own file, with the methods that check it.
#[derive(Default)]
pub(super) struct Check {
    /// A line for each.
    pub problems: Vec<String>,
}

impl Check {
    /// What is wrong with a variable, and what would be right. A secret is not repeated: its value is `…`.
    pub(super) fn problem(&mut self, name: &str, value: &str, allowed: impl Display) {
        self.problems.push(format!("{name}={value}: {allowed}"));
    }

    /// A whole number within bounds.
    pub(super) fn number<T>(
        &mut self,
        name: &str,
        value: &Option<String>,
        default: T,
        allowed: RangeInclusive<T>,
    ) -> T
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let Some(text) = given(value) else { return default };
        match text.parse().ok().filter(|number| allowed.contains(number)) {
            Some(number) => number,
            None => {
                let words =
                    format!("a whole number from {} to {} is allowed", allowed.start(), allowed.end());
                self.problem(name, text, words);
                default
            }
        }
    }

    /// One of a few words, each with its meaning.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &str,
        value: &Option<String>,
        default: T,
        words: &[(&str, T)],
    ) -> T {
        let Some(text) = given(value) else { return default };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => *meaning,
            None => {
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                self.problem(name, text, format!("{} is allowed", words.join(" or ")));
                default
            }
        }
    }
}
