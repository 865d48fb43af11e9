//! Uploads.

use actix_multipart::{Field, Multipart};
use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Payload;
use bytes::Bytes;
use futures_util::StreamExt;
use serde::de::IgnoredAny;

use crate::error::ApiError;
use crate::expiry::ExpiresAfter;
use crate::file::UPLOAD_PURPOSES;

/// Bytes a field other than the file may have.
const MAX_FIELD_BYTES: usize = 4_096;

/// A checked upload.
pub(crate) struct Upload {
    pub(crate) purpose: String,
    pub(crate) filename: String,
    pub(crate) content: Bytes,
    pub(crate) expires_after: Option<ExpiresAfter>,
}

/// The parts of the form as they arrive, in any order.
#[derive(Default)]
struct Form {
    purpose: Option<String>,
    file: Option<(String, Bytes)>,
    anchor: Option<String>,
    seconds: Option<String>,
}

impl Upload {
    /// Reads the form. A file above `max_bytes` is read to its end and dropped, so that the refusal reaches a
    /// client that only reads after it has written.
    pub(crate) async fn read(
        request: &HttpRequest,
        payload: Payload,
        max_bytes: u64,
        error_detail: bool,
    ) -> Result<Upload, ApiError> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/form-data")) {
            return Err(ApiError::invalid("Unsupported content type: expected 'multipart/form-data'."));
        }
        let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let declared = declared.and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
        let capacity = usize::try_from(declared.min(max_bytes)).unwrap_or(0);
        let form = Form::read(Multipart::new(request.headers(), payload), max_bytes, capacity).await?;
        form.check(error_detail)
    }
}

impl Form {
    async fn read(mut parts: Multipart, max_bytes: u64, capacity: usize) -> Result<Form, ApiError> {
        let mut form = Form::default();
        while let Some(part) = parts.next().await {
            let mut part = part.map_err(|cause| unreadable(&cause))?;
            let name = part.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "file" => {
                    let filename =
                        part.content_disposition().and_then(|disposition| disposition.get_filename());
                    let filename = filename.unwrap_or("upload").to_owned();
                    form.file = Some((filename, read_content(&mut part, max_bytes, capacity).await?));
                }
                "purpose" => form.purpose = Some(read_text(&mut part, &name).await?),
                "expires_after[anchor]" => form.anchor = Some(read_text(&mut part, &name).await?),
                "expires_after[seconds]" => form.seconds = Some(read_text(&mut part, &name).await?),
                _ => while part.next().await.transpose().map_err(|cause| unreadable(&cause))?.is_some() {},
            }
        }
        Ok(form)
    }

    fn check(self, error_detail: bool) -> Result<Upload, ApiError> {
        let (filename, content) = self.file.ok_or_else(|| ApiError::missing("file"))?;
        let purpose = self.purpose.ok_or_else(|| ApiError::missing("purpose"))?;
        if !UPLOAD_PURPOSES.contains(&purpose.as_str()) {
            return Err(ApiError::unsupported_value("purpose", &purpose, &UPLOAD_PURPOSES));
        }
        let expires_after = match (self.anchor, self.seconds) {
            (None, None) => None,
            (anchor, seconds) => {
                let anchor = anchor.ok_or_else(|| ApiError::missing("expires_after.anchor"))?;
                let seconds = seconds.ok_or_else(|| ApiError::missing("expires_after.seconds"))?;
                let seconds = seconds
                    .parse()
                    .map_err(|_| ApiError::wrong_type("expires_after.seconds", "an integer", "a string"))?;
                Some(ExpiresAfter::checked("expires_after", &anchor, seconds)?)
            }
        };
        if purpose == "batch" && !(filename.ends_with(".jsonl") && begins_with_json(&content)) {
            return Err(ApiError::invalid("Invalid file format for Batch API. Must be .jsonl")
                .with_detail(error_detail));
        }
        Ok(Upload { purpose, filename, content, expires_after })
    }
}

async fn read_content(part: &mut Field, max_bytes: u64, capacity: usize) -> Result<Bytes, ApiError> {
    let mut content = Vec::with_capacity(capacity);
    let mut too_large = false;
    while let Some(chunk) = part.next().await {
        let chunk = chunk.map_err(|cause| unreadable(&cause))?;
        too_large |= (content.len() + chunk.len()) as u64 > max_bytes;
        if too_large {
            content = Vec::new();
        } else {
            content.extend_from_slice(&chunk);
        }
    }
    if too_large {
        let message = format!("The file is larger than {max_bytes} bytes.");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message).param("file"));
    }
    Ok(content.into())
}

async fn read_text(part: &mut Field, name: &str) -> Result<String, ApiError> {
    let mut content = Vec::new();
    while let Some(chunk) = part.next().await {
        let chunk = chunk.map_err(|cause| unreadable(&cause))?;
        if content.len() + chunk.len() > MAX_FIELD_BYTES {
            return Err(ApiError::invalid(format!("The value of '{name}' is too long.")).param(name));
        }
        content.extend_from_slice(&chunk);
    }
    String::from_utf8(content)
        .map_err(|_| ApiError::invalid(format!("The value of '{name}' is not valid UTF-8.")).param(name))
}

/// The only look an upload takes at the content: whether its first line is JSON. Everything else, a byte order
/// mark included, is left to validation (contract, section 1.1).
fn begins_with_json(content: &[u8]) -> bool {
    let content = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    let first = content.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    first.is_some_and(|line| serde_json::from_slice::<IgnoredAny>(line).is_ok())
}

fn unreadable(cause: &dyn std::fmt::Display) -> ApiError {
    ApiError::invalid(format!("The multipart form could not be read: {cause}."))
}
