//! The endpoints a batch can be made for.

/// One of the paths a batch's lines may name (contract, section 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Responses,
    ChatCompletions,
    Embeddings,
    Completions,
    Moderations,
    ImageGenerations,
    ImageEdits,
    Videos,
}

/// All endpoints in the order the upstream lists them.
pub(crate) const ENDPOINTS: [Endpoint; 8] = [
    Endpoint::Responses,
    Endpoint::ChatCompletions,
    Endpoint::Embeddings,
    Endpoint::Completions,
    Endpoint::Moderations,
    Endpoint::ImageGenerations,
    Endpoint::ImageEdits,
    Endpoint::Videos,
];

impl Endpoint {
    /// The endpoint with exactly this path.
    pub(crate) fn from_path(path: &str) -> Option<Endpoint> {
        ENDPOINTS.into_iter().find(|endpoint| endpoint.path() == path)
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Endpoint::Responses => "/v1/responses",
            Endpoint::ChatCompletions => "/v1/chat/completions",
            Endpoint::Embeddings => "/v1/embeddings",
            Endpoint::Completions => "/v1/completions",
            Endpoint::Moderations => "/v1/moderations",
            Endpoint::ImageGenerations => "/v1/images/generations",
            Endpoint::ImageEdits => "/v1/images/edits",
            Endpoint::Videos => "/v1/videos",
        }
    }

    /// The name used in messages to people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Endpoint::Responses => "Responses",
            Endpoint::ChatCompletions => "Chat Completions",
            Endpoint::Embeddings => "Embeddings",
            Endpoint::Completions => "Completions",
            Endpoint::Moderations => "Moderations",
            Endpoint::ImageGenerations => "Image Generations",
            Endpoint::ImageEdits => "Image Edits",
            Endpoint::Videos => "Videos",
        }
    }
}
