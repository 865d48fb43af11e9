//! One connection to the server under load, with HTTP/1.1 written and read by hand: a client library would cost more
//! than the server that is measured.

use std::{
    io::{Error, ErrorKind, Result},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

const HEAD_END: &[u8] = b"\r\n\r\n";
const LAST_CHUNK: &[u8] = b"\r\n0\r\n\r\n";

/// Where to connect to, and from how many addresses.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// The server.
    pub target: SocketAddr,
    /// Addresses from 127.0.0.2 on to connect from, because each has ports for about 28,000 connections.
    pub sources: u8,
}

/// A response, as far as it matters here.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body, chunk sizes included.
    pub body: Vec<u8>,
}

/// A connection that is kept.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects the client with this number.
    pub async fn open(route: Route, number: usize) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // The remainder is below 256.
        let last = 2 + (number % usize::from(route.sources.max(1))) as u8;
        socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0))?;
        let stream = socket.connect(route.target).await?;
        stream.set_nodelay(true)?;
        // Ports that linger would be missing in the next run.
        stream.set_zero_linger()?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Writes a whole request.
    pub async fn send(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request).await
    }

    /// Reads the response to the end. Holds no buffer while nothing comes.
    pub async fn answer(&mut self) -> Result<Answer> {
        self.stream.readable().await?;
        let mut searched: usize = 0;
        let head = loop {
            if let Some(found) = find(&self.received, HEAD_END, searched) {
                break found + HEAD_END.len();
            }
            searched = self.received.len().saturating_sub(HEAD_END.len());
            self.more().await?;
        };
        let status = status(&self.received).ok_or_else(|| strange("no status"))?;
        let end = match length(self.received.get(..head).unwrap_or_default()) {
            Some(length) => {
                while self.received.len() < head + length {
                    self.more().await?;
                }
                head + length
            }
            None => loop {
                if let Some(found) = find(&self.received, LAST_CHUNK, head.saturating_sub(2)) {
                    break found + LAST_CHUNK.len();
                }
                self.more().await?;
            },
        };
        let mut body: Vec<u8> = self.received.drain(..end).collect();
        body.drain(..head.min(body.len()));
        Ok(Answer { status, body })
    }

    /// Whether the server has closed it. A server need not read the body of what it refuses, and then cannot go on.
    pub fn is_closed(&self) -> bool {
        let mut byte = [0];
        !matches!(self.stream.try_read(&mut byte), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Sends a `GET` and reads what comes.
    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: load\r\n\r\n").as_bytes()).await?;
        self.answer().await
    }

    async fn more(&mut self) -> Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(Error::new(ErrorKind::UnexpectedEof, "the connection was closed")),
            _ => Ok(()),
        }
    }
}

fn find(text: &[u8], what: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    rest.windows(what.len()).position(|window| window == what).map(|found| from + found)
}

fn status(head: &[u8]) -> Option<u16> {
    std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()
}

/// The length of the body; none if it comes in chunks.
fn length(head: &[u8]) -> Option<usize> {
    let lines = head.split(|byte| *byte == b'\n');
    let mut value = lines.filter_map(|line| {
        let (name, value) = line.split_at_checked("content-length:".len())?;
        name.eq_ignore_ascii_case(b"content-length:").then_some(value)
    });
    std::str::from_utf8(value.next_back()?).ok()?.trim().parse().ok()
}

fn strange(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_gives_its_status_and_length() {
        let head = b"HTTP/1.1 202 Accepted\r\nContent-Length: 17\r\ndate: now\r\n\r\n";
        assert_eq!((status(head), length(head)), (Some(202), Some(17)));
        assert_eq!(length(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), None);
    }
}
