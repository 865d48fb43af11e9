//! Clients that mean no good: slow ones, oversized and malformed bodies, wrong keys.
//!
//! They come from addresses of their own (127.0.0.2 and on), which Linux lets any program take.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

/// Longest time that an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where bad clients come from, and whom they visit.
#[derive(Debug, Clone, Copy)]
pub struct Abuser {
    /// The gateway.
    pub target: SocketAddr,
    /// Their own address.
    pub from: Ipv4Addr,
}

/// What drips.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drip {
    /// The head of a request.
    Head,
    /// A body of an announced length.
    Body,
    /// A body in chunks.
    Chunks,
    /// A form of an announced length, which is passed on.
    Form,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// All bytes that came.
    pub bytes: Vec<u8>,
}

impl Abuser {
    /// Sends a byte every `pause` until it is cut off, or until `limit` is over: then there is no end.
    pub async fn drip(self, drip: Drip, key: Option<&str>, pause: Duration, limit: Duration) -> Option<End> {
        timeout(limit, self.drip_on(drip, key, pause)).await.ok()
    }

    async fn drip_on(self, drip: Drip, key: Option<&str>, pause: Duration) -> End {
        let Ok(mut socket) = self.connect().await else {
            return End { status: None, bytes: Vec::new() };
        };
        let head = self.head(key);
        let (whole, slow): (String, &[u8]) = match drip {
            Drip::Head => (String::new(), head.as_bytes()),
            Drip::Body => (format!("{head}content-length: 60000\r\n\r\n"), b"x"),
            Drip::Form => {
                let head = self.head_to("/v1/files", "multipart/form-data; boundary=b", key);
                (format!("{head}content-length: 60000\r\n\r\n"), b"x")
            }
            Drip::Chunks => (format!("{head}transfer-encoding: chunked\r\n\r\n"), b"1\r\nx\r\n"),
        };
        let mut seen = Vec::new();
        if socket.write_all(whole.as_bytes()).await.is_ok() {
            for byte in slow.iter().cycle() {
                // An answer does not stop it: it drips on until the connection is closed.
                if socket.write_all(&[*byte]).await.is_err()
                    || closes_within(&mut socket, &mut seen, pause).await
                {
                    break;
                }
            }
        }
        End::of(seen)
    }

    /// Sends one request with this body, and reads the answer.
    pub async fn post(self, key: Option<&str>, body: &[u8]) -> End {
        let head = format!("{}content-length: {}\r\nconnection: close\r\n\r\n", self.head(key), body.len());
        self.exchange(&[head.as_bytes(), body].concat()).await
    }

    /// Sends these very bytes, and reads until the connection is closed.
    pub async fn exchange(self, bytes: &[u8]) -> End {
        let mut seen = Vec::new();
        let talk = async {
            let mut socket = self.connect().await?;
            let (mut reader, mut writer) = socket.split();
            let write = async {
                let written = writer.write_all(bytes).await;
                // Whoever answers early does not read on.
                drop(written);
                io::Result::Ok(())
            };
            let (_, read) = tokio::join!(write, reader.read_to_end(&mut seen));
            read
        };
        // However it ends, what came before that is told.
        drop(timeout(PATIENCE, talk).await);
        End::of(seen)
    }

    fn head(self, key: Option<&str>) -> String {
        self.head_to("/v1/chat/completions", "application/json", key)
    }

    fn head_to(self, path: &str, media_type: &str, key: Option<&str>) -> String {
        let key = key.map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
        let host = self.target;
        format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: {media_type}\r\n{key}")
    }

    /// A connection on which nothing has been sent.
    pub async fn connect(self) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((self.from, 0)))?;
        socket.connect(self.target).await
    }
}

impl End {
    fn of(bytes: Vec<u8>) -> Self {
        let line = bytes.split(|byte| *byte == b' ').nth(1).and_then(|word| std::str::from_utf8(word).ok());
        let status = line.and_then(|word| word.parse().ok());
        Self { status, bytes }
    }
}

/// Whether the connection is closed within this time; what comes meanwhile is kept.
async fn closes_within(socket: &mut TcpStream, seen: &mut Vec<u8>, time: Duration) -> bool {
    tokio::select! {
        () = sleep(time) => false,
        closed = async {
            loop {
                match socket.read_buf(seen).await {
                    Ok(0) | Err(_) => return true,
                    Ok(_) => {}
                }
            }
        } => closed,
    }
}
