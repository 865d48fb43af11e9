//! The requests that are sent: all of one length, each with a number of its own.

use std::io::Write as _;

use clap::Args;

const DIGITS: usize = 12;

/// What is asked, and where.
#[derive(Debug, Clone, Args)]
pub struct Questions {
    /// The path that is posted to.
    #[arg(long, default_value = "/v1/chat/completions")]
    pub path: String,
    /// A header of every request, such as "Prefer: respond-async".
    #[arg(long)]
    pub header: Vec<String>,
    /// Bytes of a body, if that is enough for the number.
    #[arg(long, default_value_t = 300)]
    pub body_bytes: usize,
    /// Models that are asked in turn.
    #[arg(long, default_value_t = 1)]
    pub models: u64,
    /// Number of the first question; equal numbers make equal bodies.
    #[arg(long, default_value_t = 0)]
    pub first: u64,
}

/// A request whose numbers can be changed in place.
#[derive(Debug, Clone)]
pub struct Question {
    request: Vec<u8>,
    model_at: usize,
    number_at: usize,
    models: u64,
    first: u64,
}

impl Question {
    /// The request without its numbers.
    pub fn new(questions: &Questions) -> Self {
        let zeros = "0".repeat(DIGITS);
        let (before, between, after) = (
            format!(r#"{{"model":"model-{zeros}"#),
            format!(r#"","messages":[{{"role":"user","content":"question {zeros} "#),
            r#""}]}"#,
        );
        let filled = before.len() + between.len() + after.len();
        let filler = "x".repeat(questions.body_bytes.saturating_sub(filled));
        let mut head = format!("POST {} HTTP/1.1\r\nHost: load\r\n", questions.path);
        head += "Content-Type: application/json\r\n";
        for header in &questions.header {
            head += &format!("{header}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", filled + filler.len());
        let model_at = head.len() + before.len() - DIGITS;
        let number_at = head.len() + before.len() + between.len() - DIGITS - 1;
        let request = [head.as_str(), &before, &between, &filler, after].concat().into_bytes();
        Self { request, model_at, number_at, models: questions.models.max(1), first: questions.first }
    }

    /// The request with this number, counted from the first.
    pub fn numbered(&mut self, number: u64) -> &[u8] {
        write_digits(&mut self.request, self.model_at, number % self.models);
        write_digits(&mut self.request, self.number_at, self.first + number);
        &self.request
    }
}

fn write_digits(request: &mut [u8], at: usize, number: u64) {
    if let Some(mut place) = request.get_mut(at..at + DIGITS) {
        // The place has the width of the digits.
        let _ = write!(place, "{number:0DIGITS$}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_request_has_the_length_it_declares() {
        let questions = Questions {
            path: "/p".into(),
            header: vec!["Prefer: respond-async".into()],
            body_bytes: 300,
            models: 7,
            first: 100,
        };
        let mut question = Question::new(&questions);
        let text = String::from_utf8(question.numbered(9).to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /p HTTP/1.1\r\n") && head.ends_with("Content-Length: 300"));
        let body_value: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((body.len(), body_value["model"].as_str()), (300, Some("model-000000000002")));
        let content = body_value["messages"][0]["content"].as_str().unwrap();
        assert!(content.starts_with("question 000000000109 x"));
    }
}
