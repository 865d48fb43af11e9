//! The connection a request came over.

use std::any::Any;
use std::fmt;
use std::net::Shutdown;
use std::sync::Arc;

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use socket2::{SockRef, Socket};

/// A second handle on the socket of a connection, as the server keeps the first to itself and would always
/// answer.
#[derive(Clone)]
pub(crate) struct Connection(Arc<Socket>);

impl Connection {
    /// Remembers a new connection, so that its requests can find it.
    pub(crate) fn remember(stream: &dyn Any, data: &mut Extensions) {
        let Some(stream) = stream.downcast_ref::<TcpStream>() else {
            return;
        };
        match SockRef::from(stream).try_clone() {
            Ok(socket) => {
                data.insert(Connection(Arc::new(socket)));
            }
            Err(cause) => log::warn!("a connection cannot be made to fail: {cause}"),
        }
    }

    /// Ends the connection in both directions at once. The server notices when it writes next.
    pub(crate) fn close(&self) {
        // It fails only if the peer was faster.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}
