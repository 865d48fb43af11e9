//! `/v1/models`: passed through.

use actix_web::{HttpRequest, HttpResponse, web::Data};
use reqwest::Method;

use super::{
    error::HttpError,
    gateway::Gateway,
    pass_through::{along, ask, place, response},
};
use crate::upstream::forward::Errand;

/// `GET /v1/models` and `GET /v1/models/{id}`. Ids hold colons, and slashes too, encoded or not.
pub async fn get(request: HttpRequest, gateway: Data<Gateway>) -> Result<HttpResponse, HttpError> {
    gateway.scope(&request)?;
    let mut errand = Errand::new(Method::GET, place(&request));
    along(&request, &mut errand);
    ask(&gateway, errand).await.map(response)
}
