//! Bare actix-web servers.

use std::{
    convert::Infallible,
    io::Result,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use actix_web::{
    App, HttpResponse, HttpServer,
    body::SizedStream,
    web::{self, Data, Payload},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::sync::oneshot;

/// Bytes of a piece that is sent.
pub const PIECE: usize = 256 << 10;

/// The requests that wait.
#[derive(Default)]
struct Parked(Mutex<Vec<oneshot::Sender<()>>>);

/// Serves until it is killed.
pub async fn run() -> Result<()> {
    let parked = Data::new(Parked::default());
    let app = move || {
        App::new()
            .app_data(parked.clone())
            .route("/accept", web::post().to(accept))
            .route("/park", web::post().to(park))
            .route("/parked", web::get().to(count))
            .route("/release", web::post().to(release))
            .route("/sink", web::post().to(sink))
            .route("/source/{bytes}", web::get().to(source))
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

/// Takes bytes and drops them.
async fn sink(mut payload: Payload) -> HttpResponse {
    let mut bytes = 0;
    while let Some(Ok(piece)) = payload.next().await {
        bytes += piece.len();
    }
    HttpResponse::Ok().json(json!({ "bytes": bytes }))
}

/// Sends so many bytes.
async fn source(bytes: web::Path<u64>) -> HttpResponse {
    HttpResponse::Ok().body(SizedStream::new(*bytes, pieces(*bytes).map(Ok::<_, Infallible>)))
}

/// So many bytes in pieces.
pub fn pieces(bytes: u64) -> impl stream::Stream<Item = Bytes> {
    let piece = Bytes::from(vec![b'x'; PIECE]);
    stream::unfold(bytes, move |left| {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
        let piece = piece.slice(..size);
        async move { (size > 0).then_some((piece, left - size as u64)) }
    })
}
