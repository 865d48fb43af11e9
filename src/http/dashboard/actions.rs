//! What can be done on the pages: cancelling a batch or a request.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::LOCATION,
    web::{Data, Path},
};

use super::{
    access,
    document::secured,
    elements::{batch_path, request_path},
    fault::Fault,
};
use crate::http::{batches, error::HttpError, gateway::Gateway, requests};

/// `POST /ui/batches/{id}/cancel`
pub async fn cancel_batch(
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    cancel(&request, &gateway, batches::end(&gateway, None, &id), &batch_path(&id)).await
}

/// `POST /ui/requests/{id}/cancel`
pub async fn cancel_request(
    request: HttpRequest,
    id: Path<String>,
    gateway: Data<Gateway>,
) -> Result<HttpResponse, Fault> {
    cancel(&request, &gateway, requests::end(&gateway, None, &id), &request_path(&id)).await
}

/// Ends what is on a page, if that may be, and shows the page again.
async fn cancel<T>(
    request: &HttpRequest,
    gateway: &Gateway,
    end: impl Future<Output = Result<T, HttpError>>,
    page: &str,
) -> Result<HttpResponse, Fault> {
    access::allow(request, gateway)?;
    access::own_click(request)?;
    end.await?;
    Ok(see(page))
}

/// Sends the browser to a page, so that loading it anew does not do again what was done.
pub fn see(path: &str) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    secured(&mut response).insert_header((LOCATION, path)).finish()
}
