//! A fault on the way to or from a call.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody, to_bytes};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse, ResponseError};
use futures_util::StreamExt;
use tokio::time::sleep;

use crate::broken_body;
use crate::connection::Connection;
use crate::error::ApiError;
use crate::fault::Fault;
use crate::fault_book::Drawn;
use crate::faults::Faults;
use crate::order::FaultOrder;

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// One fault with all it needs to happen.
pub(crate) struct Injection {
    order: FaultOrder,
    chance: f64,
    limit: Duration,
}

impl Injection {
    /// Fills what the order leaves open with what the settings say.
    pub(crate) fn new(drawn: Drawn, faults: &Faults) -> Injection {
        let mut order = drawn.order;
        let ms = match order.fault {
            Fault::SlowHeaders => faults.slow_ms,
            Fault::Trickle => faults.trickle_ms,
            _ => faults.hang_ms,
        };
        order.ms = order.ms.or(Some(ms));
        if order.fault == Fault::Trickle {
            order.bytes = order.bytes.or(Some(faults.trickle_bytes));
        }
        Injection { order, chance: drawn.chance, limit: Duration::from_millis(faults.hang_ms) }
    }

    /// Handles the request as far as the fault lets it, and spoils the answer.
    pub(crate) async fn meet(
        self,
        mut request: ServiceRequest,
        next: Next<impl MessageBody + 'static>,
    ) -> Result<ServiceResponse<BoxBody>, Error> {
        let connection = request.conn_data::<Connection>().cloned();
        let works = self.order.committed || self.order.fault.lets_work();
        let answer = if works {
            next.call(request).await?.map_into_boxed_body()
        } else {
            if self.refusal().is_some() {
                // A client that is still sending would not see an answer that comes too early.
                let mut payload = request.take_payload();
                while payload.next().await.is_some_and(|chunk| chunk.is_ok()) {}
            }
            request.into_response(HttpResponse::Ok().finish())
        };
        let pause = Duration::from_millis(self.order.ms.unwrap_or_default());
        match self.order.fault {
            Fault::RequestLost | Fault::AnswerLost => Ok(close(connection.as_ref(), answer)),
            Fault::Hang => {
                sleep(pause).await;
                Ok(close(connection.as_ref(), answer))
            }
            Fault::SlowHeaders => {
                sleep(pause).await;
                Ok(answer)
            }
            Fault::Cut | Fault::CutChunked => {
                let chunked = self.order.fault == Fault::CutChunked;
                let (bytes, chance) = (self.order.bytes, self.chance);
                respoil(answer, |whole| broken_body::cut(whole, bytes, chance, chunked)).await
            }
            Fault::Short | Fault::ShortChunked => {
                let chunked = self.order.fault == Fault::ShortChunked;
                let (bytes, chance) = (self.order.bytes, self.chance);
                respoil(answer, |whole| broken_body::shorten(&whole, bytes, chance, chunked)).await
            }
            Fault::Trickle => {
                let bytes = self.order.bytes.unwrap_or(1);
                respoil(answer, |whole| broken_body::trickle(whole, bytes, pause, self.limit)).await
            }
            _ => match self.refusal() {
                Some(refusal) => Ok(answer.into_response(refusal)),
                None => Ok(answer),
            },
        }
    }

    /// The answer of a fault that has one of its own.
    fn refusal(&self) -> Option<HttpResponse> {
        let mut response = match self.order.fault {
            Fault::Status(status) => refusal(StatusCode::from_u16(status).ok()?),
            Fault::QuotaExhausted => {
                let message = "You exceeded your current quota, please check your plan and billing details.";
                ApiError::new(StatusCode::TOO_MANY_REQUESTS, message)
                    .kind("insufficient_quota")
                    .code("insufficient_quota")
                    .error_response()
            }
            Fault::BillingLimit => ApiError::invalid("Billing hard limit has been reached.")
                .code("billing_hard_limit_reached")
                .error_response(),
            _ => return None,
        };
        let order = &self.order;
        let retry = order.should_retry.map(|retry| retry.to_string());
        let seconds = order.retry_after.map(|seconds| seconds.to_string());
        let ms = order.retry_after_ms.map(|ms| ms.to_string());
        let headers = response.headers_mut();
        insert(headers, RETRY_AFTER, seconds);
        insert(headers, RETRY_AFTER_MS, ms);
        insert(headers, SHOULD_RETRY, retry);
        Some(response)
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<String>) {
    // Digits and lower case letters always make a valid value.
    if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
        headers.insert(name, value);
    }
}

fn close(connection: Option<&Connection>, answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    match connection {
        Some(connection) => connection.close(),
        None => log::error!("a fault could not close its connection"),
    }
    // What the server writes from now on reaches nobody, and makes it notice.
    answer.into_response(HttpResponse::ServiceUnavailable().finish())
}

/// Replaces the body of an answer by a spoilt one.
async fn respoil(
    answer: ServiceResponse<BoxBody>,
    spoil: impl FnOnce(bytes::Bytes) -> BoxBody,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (request, response) = answer.into_parts();
    let (head, body) = response.into_parts();
    let body = spoil(to_bytes(body).await?);
    Ok(ServiceResponse::new(request, head.set_body(body)))
}

/// An error status as the API itself or the edge in front of it would send it (contract, section 4).
pub(crate) fn refusal(status: StatusCode) -> HttpResponse {
    let error = |message: &str| ApiError::new(status, message);
    match status.as_u16() {
        401 => error("Incorrect API key provided.").code("invalid_api_key"),
        403 => error("You are not allowed to do this.").code("unsupported_country_region_territory"),
        404 => error("The requested object does not exist."),
        409 => error("The object is locked by another request."),
        429 => error("Rate limit reached for requests.").kind("requests").code("rate_limit_exceeded"),
        503 => error("The engine is currently overloaded, please try again later.").kind("server_error"),
        502 => {
            let page = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head>\
                        <body><h1>502 Bad Gateway</h1></body></html>\n";
            return HttpResponse::build(status).content_type("text/html").body(page);
        }
        504 => {
            return HttpResponse::build(status).content_type("text/plain").body("upstream request timeout\n");
        }
        500.. => error("The server had an error while processing your request.")
            .kind("server_error")
            .code("server_error"),
        _ => error("The request was refused."),
    }
    .error_response()
}
