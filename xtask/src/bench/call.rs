//! Single calls to the servers on the stage.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// Reads a document; the body comes back, whatever the status is.
pub fn get(address: &str, path: &str) -> Result<Vec<u8>, String> {
    exchange(address, &format!("GET {path}"), "")
}

/// Posts a document.
pub fn post(address: &str, path: &str, body: &str) -> Result<Vec<u8>, String> {
    exchange(address, &format!("POST {path}"), body)
}

fn exchange(address: &str, what: &str, body: &str) -> Result<Vec<u8>, String> {
    let fault = |error: std::io::Error| format!("{what} at {address}: {error}");
    let mut stream = TcpStream::connect(address).map_err(fault)?;
    // With HTTP/1.0 nothing comes in chunks, and the body ends with the connection.
    let request = format!(
        "{what} HTTP/1.0\r\nHost: bench\r\nAuthorization: Bearer simulated\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).map_err(fault)?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response).map_err(fault)?;
    let end = response.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| format!("{what} at {address}: no response"))?;
    let ok = response.get(9..10) == Some(b"2");
    if !ok {
        let head = String::from_utf8_lossy(response.get(..end).unwrap_or_default()).into_owned();
        return Err(format!("{what} at {address}: {}", head.lines().next().unwrap_or_default()));
    }
    response.drain(..end + 4);
    Ok(response)
}
