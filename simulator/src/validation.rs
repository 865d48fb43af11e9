//! The verdict on an input file.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::batch_error::BatchError;
use crate::endpoint::Endpoint;
use crate::inference::Inference;
use crate::line::{InputLine, line_ranges};
use crate::marker::Demand;
use crate::mishap::Odds;
use crate::parameter::{self, Member};
use crate::plan::{Plan, PlannedLine};
use crate::settings::Limits;
use crate::transition::Candidate;
use crate::tries::Tries;

/// Judges one input file. Validation does not stop at the first error, and one bad line fails the whole batch.
pub(crate) struct Validation<'a> {
    endpoint: Endpoint,
    limits: &'a Limits,
    odds: Odds<'a>,
    /// Whether a prompt asked for a batch that fails for no reason in its lines.
    poisoned: bool,
    errors: Vec<BatchError>,
    custom_ids: HashSet<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    lines: Vec<PlannedLine>,
    prompt_tokens: u64,
    embedding_inputs: usize,
}

/// The members of a body whose absence or value fails the batch rather than the line.
#[derive(Deserialize)]
struct BodyEssentials<'a> {
    #[serde(borrow)]
    model: Member<'a>,
    #[serde(borrow)]
    messages: Member<'a>,
    #[serde(borrow)]
    stream: Member<'a>,
}

impl<'a> Validation<'a> {
    pub(crate) fn new(candidate: &'a Candidate, tries: &'a Tries, seed: u64, batch: usize) -> Validation<'a> {
        Validation {
            endpoint: candidate.endpoint,
            limits: &candidate.limits,
            odds: Odds { seed, batch, knobs: &candidate.knobs, faults: &candidate.faults, tries },
            poisoned: false,
            errors: Vec::new(),
            custom_ids: HashSet::new(),
            model: None,
            lines: Vec::new(),
            prompt_tokens: 0,
            embedding_inputs: 0,
        }
    }

    /// The plan for executing `input`, not yet shuffled, or why it cannot be executed.
    pub(crate) fn judge(mut self, input: &'a Bytes) -> Result<Plan, Vec<BatchError>> {
        let count = line_ranges(input).take(self.limits.max_requests.saturating_add(1)).count();
        if count == 0 {
            return Err(vec![BatchError::whole("empty_file", "The input file holds no requests.", None)]);
        }
        if count > self.limits.max_requests {
            let message = format!("The input file holds more than {} requests.", self.limits.max_requests);
            return Err(vec![BatchError::whole("too_many_requests", message, None)]);
        }
        for (index, range) in line_ranges(input).enumerate() {
            if self.errors.len() >= self.limits.max_listed_errors {
                break;
            }
            self.judge_line(index + 1, input.get(range.clone()).unwrap_or_default(), range);
        }
        if self.embedding_inputs > self.limits.max_embedding_inputs {
            let message = format!(
                "The input file holds {} embedding inputs, more than {}.",
                self.embedding_inputs, self.limits.max_embedding_inputs
            );
            self.errors.push(BatchError::whole("too_many_requests", message, None));
        }
        if self.poisoned {
            let message = "The batch could not be processed because of one of its requests.";
            self.errors.push(BatchError::whole("poisoned", message, None));
        }
        if !self.errors.is_empty() {
            self.errors.truncate(self.limits.max_listed_errors.max(1));
            return Err(self.errors);
        }
        Ok(Plan {
            input: input.clone(),
            endpoint: self.endpoint,
            model: self.model.map(Cow::into_owned).unwrap_or_default(),
            lines: self.lines,
            prompt_tokens: self.prompt_tokens,
            order: Vec::new(),
            failing: Vec::new(),
        })
    }

    fn judge_line(&mut self, number: usize, text: &'a [u8], range: Range<usize>) {
        let Some(line) = InputLine::parse(text) else {
            return self.report(
                number,
                "invalid_json_line",
                "This line is not parseable as valid JSON.",
                None,
            );
        };
        let custom_id = self.text_member(number, "custom_id", line.custom_id);
        if let Some(custom_id) = &custom_id
            && !self.custom_ids.insert(custom_id.clone())
        {
            let message = format!("The custom_id '{custom_id}' is not unique within the file.");
            self.report(number, "duplicate_custom_id", message, Some("custom_id"));
        }
        if let Some(method) = self.text_member(number, "method", line.method)
            && method != "POST"
        {
            let message = format!("Invalid method '{method}': the method must be POST.");
            self.report(number, "invalid_method", message, Some("method"));
        }
        if let Some(url) = self.text_member(number, "url", line.url)
            && url != self.endpoint.path()
        {
            let message = "The URL provided for this request does not match the batch endpoint.";
            self.report(number, "invalid_url", message, Some("url"));
        }
        let Some(body) = line.body else {
            return self.report_missing(number, "body");
        };
        if !parameter::is_object(body) {
            return self.report_type(number, "body", "an object", body);
        }
        self.judge_body(number, body);
        let inference = Inference::read(self.endpoint, body);
        let fails = match &inference {
            Ok(request) => {
                self.prompt_tokens = self.prompt_tokens.saturating_add(request.prompt_tokens());
                self.embedding_inputs = self.embedding_inputs.saturating_add(request.embedding_inputs());
                let custom_id = custom_id.as_deref().unwrap_or_default();
                self.judge_markers(number, request);
                self.odds.foresee(request, custom_id, body).is_some_and(|mishap| mishap.fails())
            }
            Err(_) => true,
        };
        self.lines.push(PlannedLine { range, fails });
    }

    /// Fails the batch if the prompt asks for it.
    fn judge_markers(&mut self, number: usize, request: &Inference<'_>) {
        for marker in request.markers() {
            match marker.demand {
                Demand::Poison => self.poisoned = true,
                Demand::PoisonedLine => {
                    let message = "The prompt of this line asked for an invalid batch.";
                    self.report(number, "invalid_value", message, Some("body"));
                }
                _ => {}
            }
        }
    }

    fn judge_body(&mut self, number: usize, body: &'a RawValue) {
        let Ok(essentials) = parameter::object::<BodyEssentials<'a>>("body", body) else {
            // Only a repeated member is left as a cause.
            return self.report(
                number,
                "invalid_json_line",
                "This line is not parseable as valid JSON.",
                None,
            );
        };
        match essentials.model.map(|raw| (raw, parameter::as_text(raw))) {
            Some((_, Some(model))) => self.judge_model(number, model),
            Some((raw, None)) => self.report_type(number, "body.model", "a string", raw),
            None if self.endpoint == Endpoint::Moderations => {}
            None => {
                self.report(number, "invalid_request", "Model parameter is required.", Some("body.model"))
            }
        }
        if self.endpoint == Endpoint::ChatCompletions && essentials.messages.is_none() {
            let message = "Messages parameter is required.";
            self.report(number, "invalid_request", message, Some("body.messages"));
        }
        if essentials.stream.is_some_and(|stream| stream.get() == "true") {
            let message = format!("{}: Streaming is not supported in the Batch API.", self.endpoint.title());
            self.report(number, "streaming_unsupported", message, Some("body.stream"));
        }
    }

    fn judge_model(&mut self, number: usize, model: Cow<'a, str>) {
        if !self.odds.knobs.supports(&model) {
            let message = format!("The provided model '{model}' is not supported by the Batch API.");
            return self.report(number, "model_not_found", message, Some("body.model"));
        }
        match &self.model {
            None => self.model = Some(model),
            Some(first) if *first == model => {}
            Some(first) => {
                let message =
                    format!("All requests of a batch must use one model: expected '{first}', got '{model}'.");
                self.report(number, "mismatched_model", message, Some("body.model"));
            }
        }
    }

    fn text_member(&mut self, number: usize, name: &str, member: Member<'a>) -> Option<Cow<'a, str>> {
        let Some(raw) = member else {
            self.report_missing(number, name);
            return None;
        };
        let text = parameter::as_text(raw);
        if text.is_none() {
            self.report_type(number, name, "a string", raw);
        }
        text
    }

    fn report_missing(&mut self, number: usize, name: &str) {
        let message = format!("Missing required parameter: '{name}'.");
        self.report(number, "missing_required_parameter", message, Some(name));
    }

    fn report_type(&mut self, number: usize, name: &str, expected: &str, raw: &RawValue) {
        let got = parameter::kind(raw);
        let message = format!("Invalid type for '{name}': expected {expected}, but got {got} instead.");
        self.report(number, "invalid_type", message, Some(name));
    }

    fn report(&mut self, line: usize, code: &'static str, message: impl Into<String>, param: Option<&str>) {
        let param = param.map(str::to_owned);
        self.errors.push(BatchError { code: code.into(), message: message.into(), param, line: Some(line) });
    }
}
