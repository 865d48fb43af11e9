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
use tokio::{
    sync::mpsc,
    time::{Instant, timeout},
};

use super::{
    error::{HttpError, Retry},
    limits::Limits,
};

/// Memory set aside on a client's mere word that so much will come.
const TRUSTED_LENGTH: usize = 64 << 10;

/// Longest body of a refused request that is read, so that its connection can be used again.
const SKIPPED_LENGTH: u64 = 64 << 10;

/// How long that may take.
const SKIPPED_WITHIN: Duration = Duration::from_secs(5);

/// Pieces of a body that wait for the upstream to take them.
const PIECES_AHEAD: usize = 4;

/// Bytes of a body that earn its client another second.
const RATE: u32 = 500;

/// A body as it comes. Whoever sends it too slowly is cut off: below [`RATE`], all bodies together could take all
/// connections for days.
struct Intake {
    payload: web::Payload,
    /// How long its client may still let us wait for it.
    left: Duration,
}

impl Intake {
    fn new(payload: web::Payload, limits: &Limits) -> Self {
        Self { payload, left: limits.body_time }
    }

    /// The next piece. Only the time that is spent waiting for it counts.
    async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        let began = Instant::now();
        let piece = timeout(self.left, self.payload.next()).await.map_err(|_| too_slow())?;
        let piece = piece.transpose().map_err(|error| unreadable(&error))?;
        let earned = Duration::from_secs(1) / RATE
            * u32::try_from(piece.as_ref().map_or(0, Bytes::len)).unwrap_or(u32::MAX);
        self.left = (self.left + earned).saturating_sub(began.elapsed());
        Ok(piece)
    }
}

/// Refuses what is not JSON by its own account.
pub fn json_only(request: &HttpRequest) -> Result<(), HttpError> {
    plain_only(request)?;
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

/// Refuses what is compressed: nobody here unpacks what may become a thousand times as large.
pub fn plain_only(request: &HttpRequest) -> Result<(), HttpError> {
    let codings = request.headers().get_all(header::CONTENT_ENCODING);
    if codings.into_iter().all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let message = "Unsupported content encoding: send the body as it is.";
    let error = ApiError::new("invalid_request_error", Some("unsupported_content_encoding"), message);
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
    payload: web::Payload,
    limits: &Limits,
) -> Result<BytesMut, HttpError> {
    let limit = limits.body_bytes;
    let announced = usize::try_from(announced(request).unwrap_or(0)).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::with_capacity(announced.min(limit).min(TRUSTED_LENGTH));
    let mut seen = 0usize;
    let mut intake = Intake::new(payload, limits);
    while let Some(piece) = intake.next().await? {
        seen += piece.len();
        if seen <= limit && announced <= limit {
            bytes.extend_from_slice(&piece);
        } else if seen > limit.saturating_mul(2) {
            break;
        } else {
            bytes = BytesMut::new();
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
    let _ = timeout(SKIPPED_WITHIN, skipped).await;
}

/// The length that the client announces, if it does.
pub fn announced(request: &HttpRequest) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Splits the passing on of a body into the stream that a call upstream reads, which may be on another thread, and
/// the work of filling it. The stream breaks off with a fault unless the body came whole: its reader must not take
/// a part for all of it.
pub fn passed_on(
    payload: web::Payload,
    limit: u64,
    limits: &Limits,
) -> (BoxStream<'static, io::Result<Bytes>>, impl Future<Output = Result<(), HttpError>>) {
    let (sender, receiver) = mpsc::channel::<Option<Bytes>>(PIECES_AHEAD);
    let mut intake = Intake::new(payload, limits);
    let fill = async move {
        let (mut seen, mut taken) = (0u64, true);
        while let Some(piece) = intake.next().await? {
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

fn too_slow() -> HttpError {
    let message = format!("The body came too slowly: less than {RATE} bytes a second.");
    let error = ApiError::new("invalid_request_error", Some("request_timeout"), message);
    HttpError { status: StatusCode::REQUEST_TIMEOUT, error, retry: Retry::After(5) }
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

    const LIMITS: Limits = Limits {
        body_bytes: 8,
        head_time: Duration::from_secs(1),
        body_time: Duration::from_secs(20),
        connections_per_address: 1,
        wrong_keys_per_minute: 1,
    };

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
        let (pieces, fill) = passed_on(payload, limit, &LIMITS);
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

    /// What became of a body of which a piece of so many bytes comes each second.
    async fn dripping(bytes: usize, pieces: usize) -> Result<usize, HttpError> {
        let drop = move |_| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, PayloadError>(Bytes::from(vec![b'x'; bytes]))
        };
        let pieces = stream::iter(0..pieces).then(drop).boxed_local();
        let request = TestRequest::default().to_http_request();
        let mut payload = dev::Payload::Stream { payload: pieces };
        let payload = web::Payload::from_request(&request, &mut payload).await.unwrap();
        let limits = Limits { body_bytes: 1 << 20, ..LIMITS };
        read(&request, payload, &limits).await.map(|body| body.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_read_and_one_that_drips_is_not() {
        assert_eq!(dripping(700, 100).await.unwrap(), 70_000);
        assert_eq!(dripping(1, 15).await.unwrap(), 15, "it is short enough");
        assert_eq!(dripping(1, 100).await.unwrap_err().status, StatusCode::REQUEST_TIMEOUT);
    }
}
