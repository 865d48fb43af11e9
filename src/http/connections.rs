//! How many connections each address has. One address must not take them all, so one that has its fill is cut off.

use std::{
    any::Any,
    collections::HashMap,
    net::{IpAddr, Shutdown},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::{dev::Extensions, rt::net::TcpStream};
use socket2::SockRef;

/// Counts of connections by address. There is an entry only for an address that has one.
#[derive(Debug, Clone)]
pub struct Connections {
    limit: usize,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One of the connections, for as long as it lasts.
#[derive(Debug)]
struct Place {
    connections: Connections,
    peer: IpAddr,
}

impl Connections {
    /// So many connections are allowed to an address.
    pub fn new(limit: usize) -> Self {
        Self { limit, open: Arc::default() }
    }

    /// A connection has come: it is counted until it ends, or cut off at once.
    pub fn came(&self, connection: &dyn Any, extensions: &mut Extensions) {
        let Some(socket) = socket(connection) else { return };
        let Ok(peer) = socket.peer_addr() else { return };
        match self.take(peer.ip().to_canonical()) {
            Some(place) => {
                extensions.insert(place);
            }
            // The server finds it closed as soon as it reads. A peer that is gone already is no trouble.
            None => drop(SockRef::from(socket).shutdown(Shutdown::Both)),
        }
    }

    fn take(&self, peer: IpAddr) -> Option<Place> {
        let mut open = self.open();
        let count = open.get(&peer).copied().unwrap_or_default();
        if count >= self.limit {
            return None;
        }
        open.insert(peer, count + 1);
        Some(Place { connections: self.clone(), peer })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        match open.get_mut(&self.peer) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.peer)),
        }
    }
}

/// The socket of a connection, whether it is encrypted or not.
fn socket(connection: &dyn Any) -> Option<&TcpStream> {
    let encrypted = || connection.downcast_ref::<TlsStream<TcpStream>>().map(|stream| stream.get_ref().0);
    connection.downcast_ref::<TcpStream>().or_else(encrypted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_has_its_fill_gets_another_when_one_ends() {
        let connections = Connections::new(2);
        let peer = |last| IpAddr::from([127, 0, 0, last]);
        let held: Vec<_> = (0..2).map(|_| connections.take(peer(1)).unwrap()).collect();
        assert!(connections.take(peer(1)).is_none());
        assert!(connections.take(peer(2)).is_some());
        drop(held);
        assert!(connections.open().is_empty(), "nothing is kept of those that are gone");
        assert!(connections.take(peer(1)).is_some());
    }
}
