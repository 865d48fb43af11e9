//! The body of a request, on its way in: read whole, or passed on piece by piece.

use std::{io, time::Duration};

use actix_web::{
    HttpMessage, HttpRequest,
    http::{StatusCode, header},
    web,
};
use batch_gpt_actors::rules::outcome::ApiError;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream, stream::BoxStream};
use tokio::sync::mpsc;

use super::error::HttpError;

/// Memory set aside on a client's mere word that so much will come.
const TRUSTED_LENGTH: usize = 64 << 10;

/// Longest body of a refused request that is read, so that its connection can be used again.
const SKIPPED_LENGTH: u64 = 64 << 10;

/// How long that may take.
const SKIPPED_WITHIN: Duration = Duration::from_secs(5);

/// Pieces of a body that wait for the upstream to take them.
const PIECES_AHEAD: usize = 4;

/// Refuses what is not JSON by its own account.
pub fn json_only(request: &HttpRequest) -> Result<(), HttpError> {
    let given = request.content_type();
    if given.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let message = format!(
        "Unsupported content type: '{given}'. This API method only accepts 'application/json' requests."
    );
    let error = ApiError::new("invalid_request_error", Some("unsupported_content_type"), message);
    Err(HttpError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error))
}

/// What is larger than it may be.
pub fn too_large(message: String) -> HttpError {
    let error = ApiError::new("invalid_request_error", Some("request_too_large"), message);
    HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, error)
}

/// Reads the body up to the limit. What goes beyond is read and thrown away, up to twice the limit: a client that
/// is still sending would not see the answer.
pub async fn read(
    request: &HttpRequest,
    mut payload: web::Payload,
    limit: usize,
) -> Result<BytesMut, HttpError> {
    let announced = usize::try_from(announced(request).unwrap_or(0)).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::with_capacity(announced.min(limit).min(TRUSTED_LENGTH));
    let mut seen = 0usize;
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|error| unreadable(&error))?;
        seen += piece.len();
        if seen <= limit {
            bytes.extend_from_slice(&piece);
        } else if seen > limit.saturating_mul(2) {
            break;
        } else {
            bytes.clear();
        }
    }
    if seen > limit {
        return Err(too_large(format!("The body is larger than {limit} bytes.")));
    }
    Ok(bytes)
}

/// Reads and throws away the body of a request that is refused unread, if it is a small one: its connection can be used
/// again then. Behind the answer to a larger one the connection is closed, once its client has had time to read it.
pub async fn skip(request: &HttpRequest, mut payload: web::Payload) {
    // A length that is not announced is drained by the server itself.
    if announced(request).is_none_or(|length| length > SKIPPED_LENGTH) {
        return;
    }
    let skipped = async { while let Some(Ok(_)) = payload.next().await {} };
    // Who takes so long over so little is cut off.
    let _ = tokio::time::timeout(SKIPPED_WITHIN, skipped).await;
}

/// The length that the client announces, if it does.
pub fn announced(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Splits the passing on of a body into the stream that a call upstream reads, which may be on another thread, and
/// the work of filling it. The stream breaks off with a fault unless the body came whole: its reader must not take
/// a part for all of it.
pub fn passed_on(
    mut payload: web::Payload,
    limit: u64,
) -> (BoxStream<'static, io::Result<Bytes>>, impl Future<Output = Result<(), HttpError>>) {
    let (sender, receiver) = mpsc::channel::<Option<Bytes>>(PIECES_AHEAD);
    let fill = async move {
        let (mut seen, mut taken) = (0u64, true);
        while let Some(piece) = payload.next().await {
            let piece = piece.map_err(|error| unreadable(&error))?;
            seen += piece.len() as u64;
            if seen > limit {
                return Err(too_large(format!("The body is larger than {limit} bytes.")));
            }
            // An upstream that answered early takes no more. The rest is read and thrown away: a client that is still
            // sending would not see the answer.
            taken = taken && sender.send(Some(piece)).await.is_ok();
        }
        // See above.
        let _ = sender.send(None).await;
        Ok(())
    };
    let pieces = stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Some(piece)) => Some((Ok(piece), Some(receiver))),
            Some(None) => None,
            None => Some((Err(io::Error::other("the client's body broke off")), None)),
        }
    });
    (pieces.boxed(), fill)
}

fn unreadable(error: &dyn std::fmt::Display) -> HttpError {
    let message = format!("The body could not be read: {error}.");
    HttpError::bad_request(ApiError::new("invalid_request_error", None, message))
}

#[cfg(test)]
mod tests {
    use actix_web::{FromRequest, dev, error::PayloadError, test::TestRequest};
    use futures_util::future::join;

    use super::*;

    /// What the upstream's call would read of a body of these pieces, and what the client would be told.
    async fn passed(
        pieces: Vec<Result<&'static str, PayloadError>>,
        limit: u64,
    ) -> (Vec<io::Result<Bytes>>, Result<(), HttpError>) {
        let pieces = pieces.into_iter().map(|piece| piece.map(|text| Bytes::from_static(text.as_bytes())));
        let pieces: dev::Payload =
            dev::Payload::Stream { payload: stream::iter(pieces.collect::<Vec<_>>()).boxed_local() };
        let request = TestRequest::default().to_http_request();
        let payload = web::Payload::from_request(&request, &mut { pieces }).await.unwrap();
        let (pieces, fill) = passed_on(payload, limit);
        join(pieces.collect(), fill).await
    }

    #[actix_web::test]
    async fn a_body_is_passed_on_whole() {
        let (read, told) = passed(vec![Ok("ab"), Ok("c"), Ok("d"), Ok("e"), Ok("f"), Ok("g")], 7).await;
        assert_eq!(read.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat(), b"abcdefg");
        assert!(told.is_ok());
    }

    #[actix_web::test]
    async fn half_a_body_does_not_look_like_a_whole_one() {
        let (read, told) = passed(vec![Ok("ab"), Err(PayloadError::Incomplete(None))], 7).await;
        assert!(read.last().unwrap().is_err());
        assert_eq!(told.unwrap_err().status, StatusCode::BAD_REQUEST);
    }

    #[actix_web::test]
    async fn a_body_above_the_limit_breaks_off() {
        let (read, told) = passed(vec![Ok("abcd"), Ok("efgh"), Ok("i")], 7).await;
        assert!(read.last().unwrap().is_err());
        assert_eq!(told.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
