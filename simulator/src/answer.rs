//! What an answer says, whichever endpoint gives it.

use crate::format::Format;
use crate::marker::Demand;
use crate::prompt::Prompt;
use crate::tool::{Call, Toolbox};

/// The words of every refusal.
const REFUSAL: &str = "I am sorry, I cannot help with that.";

/// An answer before it is put in the form of its endpoint. It has a text, a refusal or calls.
pub(crate) struct Answer {
    pub(crate) text: Option<String>,
    pub(crate) refusal: Option<String>,
    pub(crate) calls: Vec<Call>,
    pub(crate) end: End,
}

/// Why an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is complete.
    Stop,
    /// It grew too long, and half of it is left.
    Length,
    /// A filter held it back.
    Filter,
    /// It waits for the results of its calls.
    Calls,
}

impl Answer {
    /// The answer to a prompt, with `suffix` to tell the choices of one request apart.
    pub(crate) fn new(prompt: &Prompt<'_>, toolbox: &Toolbox, format: &Format, suffix: &str) -> Answer {
        let said = quote(&prompt.text) + suffix;
        let mut answer = Answer { text: None, refusal: None, calls: Vec::new(), end: End::Stop };
        if prompt.asks_for(Demand::Refusal) {
            answer.refusal = Some(REFUSAL.to_owned());
            return answer;
        }
        // A prompt that asked for calls has its answer once their results are there.
        answer.calls = toolbox.calls(prompt.asks_for(Demand::Tools) && !prompt.has_results, &said);
        if answer.calls.is_empty() {
            let (text, end) = end(prompt, format.render(said));
            answer.text = Some(text);
            answer.end = end;
        } else {
            answer.end = End::Calls;
        }
        answer
    }

    /// Bytes that count as output.
    pub(crate) fn size(&self) -> usize {
        let calls: usize = self.calls.iter().map(|call| call.arguments.len()).sum();
        calls + self.text.as_ref().or(self.refusal.as_ref()).map_or(0, String::len)
    }
}

/// The text of every generated answer: it quotes the prompt, so an answer to somebody else shows.
pub(crate) fn quote(prompt: &str) -> String {
    format!("Answer to: {prompt}")
}

/// The text as far as the prompt lets it come.
pub(crate) fn end(prompt: &Prompt<'_>, mut text: String) -> (String, End) {
    if prompt.asks_for(Demand::Length) {
        let half = text.floor_char_boundary(text.len() / 2);
        text.truncate(half);
        (text, End::Length)
    } else if prompt.asks_for(Demand::Filter) {
        (String::new(), End::Filter)
    } else {
        (text, End::Stop)
    }
}

impl End {
    /// The `finish_reason` of a choice.
    pub(crate) fn finish_reason(self) -> &'static str {
        match self {
            End::Stop => "stop",
            End::Length => "length",
            End::Filter => "content_filter",
            End::Calls => "tool_calls",
        }
    }
}
