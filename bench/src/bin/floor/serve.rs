//! Bare actix-web servers.

use std::{
    io::Result,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    body::SizedStream,
    http::header::CONTENT_LENGTH,
    web::{self, Data, Payload},
};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use tokio::{fs::File, sync::oneshot};

use crate::file::{blocks, length};

/// The requests that wait.
#[derive(Default)]
struct Parked(Mutex<Vec<oneshot::Sender<()>>>);

/// The file that is sent.
struct Source(Option<PathBuf>);

/// Serves until it is killed.
pub async fn run(source: Option<PathBuf>) -> Result<()> {
    let parked = Data::new(Parked::default());
    let sent = Data::new(Source(source));
    let app = move || {
        App::new()
            .app_data(parked.clone())
            .app_data(sent.clone())
            .route("/accept", web::post().to(accept))
            .route("/park", web::post().to(park))
            .route("/parked", web::get().to(count))
            .route("/release", web::post().to(release))
            .route("/sink", web::post().to(sink))
            .route("/source", web::get().to(self::source))
    };
    let server = HttpServer::new(app)
        .keep_alive(Duration::from_secs(75))
        .backlog(4096)
        .max_connections(100_000)
        .bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        eprintln!("the floor serves http://{address}/v1");
    }
    server.run().await
}

/// Takes a request as cheaply as it can be taken.
async fn accept(body: Bytes) -> HttpResponse {
    HttpResponse::Accepted().json(json!({ "bytes": body.len() }))
}

/// Lets a request wait.
async fn park(parked: Data<Parked>, body: Bytes) -> HttpResponse {
    drop(body);
    let (sender, receiver) = oneshot::channel();
    parked.0.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
    match receiver.await {
        Ok(()) => HttpResponse::Ok().body("released"),
        Err(_) => HttpResponse::ServiceUnavailable().finish(),
    }
}

async fn count(parked: Data<Parked>) -> HttpResponse {
    let count = parked.0.lock().unwrap_or_else(PoisonError::into_inner).len();
    HttpResponse::Ok().json(json!({ "parked": count }))
}

async fn release(parked: Data<Parked>) -> HttpResponse {
    let waiting = std::mem::take(&mut *parked.0.lock().unwrap_or_else(PoisonError::into_inner));
    for waiting in waiting {
        // Who left needs no answer.
        let _ = waiting.send(());
    }
    HttpResponse::Ok().finish()
}

/// Takes bytes and has them in memory in the end, as an upstream does.
async fn sink(request: HttpRequest, mut payload: Payload) -> HttpResponse {
    let declared = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut bytes = Vec::with_capacity(declared.unwrap_or(0));
    while let Some(Ok(piece)) = payload.next().await {
        bytes.extend_from_slice(&piece);
    }
    HttpResponse::Ok().json(json!({ "bytes": bytes.len() }))
}

/// Sends the file.
async fn source(source: Data<Source>) -> actix_web::Result<HttpResponse> {
    let Some(file) = &source.0 else { return Ok(HttpResponse::NotFound().finish()) };
    let bytes = length(file).await?;
    Ok(HttpResponse::Ok().body(SizedStream::new(bytes, blocks(File::open(file).await?))))
}
