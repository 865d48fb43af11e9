//! What a client goes on sending when its answer is there already.
//!
//! The server would read a chunked body that nobody wants to its end, however long that takes, and so a client could
//! keep a connection for ever that it was refused at once. Where somebody still holds the body when the answer has
//! ended, the server closes the connection instead.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use actix_web::{
    HttpMessage,
    body::{BodySize, MessageBody},
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    http::header,
};
use bytes::Bytes;
use futures_util::Stream;

/// A body that is held until the answer has ended, by whoever reads it and by the answer.
#[derive(Clone)]
pub struct Unread(Rc<RefCell<Payload>>);

/// The body of an answer, and that of its request.
pub struct Answer<B> {
    body: B,
    _unread: Option<Unread>,
}

impl Unread {
    /// Holds the body of this request, if the server would read it to its end.
    pub fn of(request: &mut ServiceRequest) -> Option<Self> {
        request.headers().get(header::TRANSFER_ENCODING)?;
        let unread = Self(Rc::new(RefCell::new(request.take_payload())));
        request.set_payload(Payload::Stream { payload: Box::pin(unread.clone()) });
        Some(unread)
    }
}

impl Stream for Unread {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(context)
    }
}

impl<B> Answer<B> {
    /// An answer that holds the body of its request.
    pub fn new(body: B, unread: Option<Unread>) -> Self {
        Self { body, _unread: unread }
    }
}

impl<B: MessageBody + Unpin> MessageBody for Answer<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(context)
    }
}
