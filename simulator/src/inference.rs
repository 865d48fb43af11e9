//! What the model would do with one line.

use serde_json::value::RawValue;

use crate::chat::ChatRequest;
use crate::completion::CompletionRequest;
use crate::embedding::EmbeddingRequest;
use crate::endpoint::Endpoint;
use crate::error::ApiError;
use crate::knobs::Knobs;
use crate::marker::Marker;
use crate::moderation::ModerationRequest;
use crate::response::ResponseRequest;
use crate::usage::Tokens;

/// A request whose body passed the checks of its endpoint.
pub(crate) enum Inference<'a> {
    Chat(ChatRequest<'a>),
    Completion(CompletionRequest<'a>),
    Embedding(EmbeddingRequest<'a>),
    Moderation(ModerationRequest<'a>),
    Response(ResponseRequest<'a>),
}

/// Why a line has no answer (contract, section 3.3).
pub(crate) enum Failure {
    /// An HTTP status and error object.
    Refused(ApiError),
    /// The pathological line with status 0 and an empty body.
    StatusZero,
    /// No response at all, code `request_timeout`.
    Timeout,
}

/// What an answer depends on besides the request.
pub(crate) struct Context<'a> {
    /// Seconds since the Unix epoch.
    pub(crate) created: u64,
    /// Distinguishes the ids of this answer from all others.
    pub(crate) hash: String,
    pub(crate) knobs: &'a Knobs,
}

impl Context<'_> {
    /// The name the requested model resolves to.
    pub(crate) fn snapshot(&self, model: &str) -> String {
        format!("{model}{}", self.knobs.snapshot_suffix)
    }
}

impl<'a> Inference<'a> {
    /// Checks a body as the endpoint would (contract, section 2.4, level 2).
    pub(crate) fn read(endpoint: Endpoint, body: &'a RawValue) -> Result<Inference<'a>, ApiError> {
        match endpoint {
            Endpoint::ChatCompletions => ChatRequest::read(body).map(Inference::Chat),
            Endpoint::Completions => CompletionRequest::read(body).map(Inference::Completion),
            Endpoint::Embeddings => EmbeddingRequest::read(body).map(Inference::Embedding),
            Endpoint::Moderations => ModerationRequest::read(body).map(Inference::Moderation),
            Endpoint::Responses => ResponseRequest::read(body).map(Inference::Response),
            Endpoint::ImageGenerations | Endpoint::ImageEdits | Endpoint::Videos => {
                Err(ApiError::invalid(format!("{} are not simulated.", endpoint.title())))
            }
        }
    }

    /// Prompt tokens, as the enqueued-token limit counts them.
    pub(crate) fn prompt_tokens(&self) -> u64 {
        match self {
            Inference::Chat(request) => Tokens::estimate(request.prompt.bytes),
            Inference::Response(request) => Tokens::estimate(request.prompt.bytes),
            Inference::Completion(request) => request.tokens(),
            Inference::Embedding(request) => request.tokens(),
            Inference::Moderation(_) => 0,
        }
    }

    /// Inputs, as the limit on embedding inputs counts them.
    pub(crate) fn embedding_inputs(&self) -> usize {
        match self {
            Inference::Embedding(request) => request.inputs.len(),
            _ => 0,
        }
    }

    /// What its texts ask of the simulator.
    pub(crate) fn markers(&self) -> impl Iterator<Item = Marker> + '_ {
        self.texts().into_iter().flat_map(Marker::all_in)
    }

    /// Appends the body of the answer to `out`.
    pub(crate) fn write(&self, context: &Context<'_>, out: &mut Vec<u8>) -> serde_json::Result<Tokens> {
        if let Some(canned) = &context.knobs.canned_body {
            // Between JSON tokens a blank means the same as a line break, and inside strings there are none.
            out.extend(canned.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
            return Ok(Tokens::reported_by(canned));
        }
        match self {
            Inference::Chat(request) => request.write(context, out),
            Inference::Completion(request) => request.write(context, out),
            Inference::Embedding(request) => request.write(context, out),
            Inference::Moderation(request) => request.write(context, out),
            Inference::Response(request) => request.write(context, out),
        }
    }

    /// The texts in which markers are looked for.
    fn texts(&self) -> Vec<&str> {
        match self {
            Inference::Chat(request) => vec![request.prompt.text.as_ref()],
            Inference::Response(request) => vec![request.prompt.text.as_ref()],
            Inference::Completion(request) => {
                request.prompts.iter().map(|input| input.text.as_ref()).collect()
            }
            Inference::Embedding(request) => request.inputs.iter().map(|input| input.text.as_ref()).collect(),
            Inference::Moderation(request) => request.inputs.iter().map(AsRef::as_ref).collect(),
        }
    }
}
