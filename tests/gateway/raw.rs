//! A connection of which every byte is seen.

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::process::{Gateway, PATIENCE};

pub struct Connection {
    socket: TcpStream,
    /// What has come so far.
    pub seen: Vec<u8>,
}

/// A response as its bytes say.
#[derive(Debug)]
pub struct Response {
    pub head: String,
    pub body: Vec<u8>,
    /// Whether its end was told, rather than cut off.
    pub finished: bool,
}

/// A body for chat completions.
pub fn chat(prompt: &str) -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": prompt }] })
}

impl Connection {
    /// Sends a body to an endpoint; the connection is closed behind the response.
    pub async fn post(gateway: &Gateway, body: &Value, headers: &str) -> Self {
        let body = body.to_string();
        let address = gateway.root().strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer any\r\nconnection: \
             close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        Self { socket, seen: Vec::new() }
    }

    /// Reads on until these words have come.
    pub async fn until(&mut self, words: &str) {
        let come = async {
            while !self.text().contains(words) {
                assert!(self.read().await, "{words:?} did not come in {:?}", self.text());
            }
        };
        let came = timeout(PATIENCE, come).await;
        came.unwrap_or_else(|_| panic!("{words:?} did not come in {:?}", self.text()));
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Reads to the end of the connection, however that comes.
    pub async fn end(mut self) -> Response {
        // While it is held, there is always something to read.
        let all = timeout(PATIENCE, async { while self.read().await {} }).await;
        all.unwrap_or_else(|_| panic!("no end after {:?}", self.text()));
        Response::read(&self.seen)
    }

    async fn read(&mut self) -> bool {
        let read = timeout(PATIENCE, self.socket.read_buf(&mut self.seen)).await;
        read.unwrap_or_else(|_| panic!("nothing more came after {:?}", self.text()))
            .is_ok_and(|count| count > 0)
    }
}

impl Response {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head") + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_ascii_lowercase();
        let rest = &bytes[end..];
        if head.contains("transfer-encoding: chunked") {
            let (body, finished) = chunked(rest);
            return Self { head, body, finished };
        }
        let length =
            head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        Self { head, body: rest.to_vec(), finished: length == Some(rest.len()) }
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn chunked(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(line) = bytes.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        let Some(piece) = bytes.get(line + 2..line + 2 + size) else { break };
        body.extend_from_slice(piece);
        bytes = bytes.get(line + 4 + size..).unwrap_or_default();
    }
    (body, false)
}
