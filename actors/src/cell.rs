//! The one shell around every actor.
//!
//! A [`Cell`] is the only type that actix sees. It meters each message, contains a panic in the handler to the
//! message that caused it, and hands the rest to a [`Behaviour`]. [`Mail`] is the only way to a cell, so that no
//! unmetered message can exist. Mailboxes are unbounded on purpose: actix's bound is none (`send` always queues), so
//! admission is bounded at the door instead.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::prelude::*;
use actix_rt::ArbiterHandle;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{
    board::Board,
    meter::{Meter, Ticket},
};

/// What an actor is besides its messages.
pub trait Behaviour: Send + Unpin + Sized + 'static {
    /// Its kind, as the board shows it.
    const KIND: &'static str;

    /// The actor's own numbers, for whoever debugs it.
    fn snapshot(&self) -> Value {
        Value::Null
    }
}

/// A message.
pub trait Letter: Send + 'static {
    /// Its name, as the board shows it.
    const NAME: &'static str;
    /// What the handler gives back at once. Answers that take longer travel in a sender inside the message.
    type Reply: Send + 'static;
}

/// How a behaviour handles a message: quickly, and without waiting for anything.
pub trait Receive<M: Letter>: Behaviour {
    /// Handles it. `me` is the actor's own mail, for tasks that report back.
    fn receive(&mut self, message: M, me: &Mail<Self>) -> M::Reply;
}

/// The actor is gone, or panicked over the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the actor did not answer")]
pub struct Gone;

/// The address of an actor.
pub struct Mail<B: Behaviour> {
    address: Addr<Cell<B>>,
    meter: Arc<Meter>,
}

impl<B: Behaviour> Clone for Mail<B> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone(), meter: self.meter.clone() }
    }
}

impl<B: Behaviour> Mail<B> {
    /// Sends a message that must arrive.
    pub fn tell<M: Letter>(&self, message: M)
    where
        B: Receive<M>,
    {
        self.address.do_send(Envelope { message, ticket: self.meter.post() });
    }

    /// Sends a message at once; the future waits for its reply. If that is dropped before the actor came to the
    /// message, the message is never handled.
    pub fn ask<M: Letter>(&self, message: M) -> impl Future<Output = Result<M::Reply, Gone>> + use<B, M>
    where
        B: Receive<M>,
    {
        let asked = self.address.send(Envelope { message, ticket: self.meter.post() });
        async { asked.await.ok().flatten().ok_or(Gone) }
    }

    /// Sends a message that carries the sender for its answer, and waits for the answer.
    pub async fn inquire<M: Letter, R>(
        &self,
        message: impl FnOnce(oneshot::Sender<R>) -> M,
    ) -> Result<R, Gone>
    where
        B: Receive<M>,
    {
        let (sender, receiver) = oneshot::channel();
        self.tell(message(sender));
        receiver.await.map_err(|_| Gone)
    }

    /// Stops the actor when it has handled what is in its mailbox now.
    pub fn stop(&self) {
        self.address.do_send(Stop);
    }

    /// The actor's counts.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }
}

/// Where an actor runs.
#[derive(Clone, Debug)]
pub enum Place {
    /// On the thread that starts it. Tests run everything here, on one clock.
    Here,
    /// On an arbiter.
    On(ArbiterHandle),
}

/// The actor that actix runs.
pub struct Cell<B: Behaviour> {
    behaviour: B,
    meter: Arc<Meter>,
    board: Arc<Board>,
    me: Option<Mail<B>>,
}

impl<B: Behaviour> Cell<B> {
    /// Starts an actor and puts it on the board.
    pub fn start(behaviour: B, label: String, place: &Place, board: &Arc<Board>) -> Mail<B> {
        let meter = Meter::new(B::KIND, label);
        let cell = Cell { behaviour, meter: meter.clone(), board: board.clone(), me: None };
        let address = match place {
            Place::Here => cell.start(),
            Place::On(arbiter) => Cell::start_in_arbiter(arbiter, move |_| cell),
        };
        let mail = Mail { address, meter: meter.clone() };
        let observed = mail.address.downgrade();
        board.register(meter, move || {
            let address = observed.upgrade();
            Box::pin(async move { address?.send(Observe).await.ok() })
        });
        mail
    }
}

impl<B: Behaviour> Actor for Cell<B> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(0);
        self.me = Some(Mail { address: context.address(), meter: self.meter.clone() });
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.meter.stop();
    }
}

struct Envelope<M> {
    message: M,
    ticket: Ticket,
}

impl<M: Letter> Message for Envelope<M> {
    type Result = Option<M::Reply>;
}

impl<M: Letter, B: Receive<M>> Handler<Envelope<M>> for Cell<B> {
    type Result = MessageResult<Envelope<M>>;

    fn handle(&mut self, envelope: Envelope<M>, _: &mut Self::Context) -> Self::Result {
        let Envelope { message, ticket } = envelope;
        let now = ticket.redeem();
        let Some(me) = &self.me else {
            return MessageResult(None);
        };
        self.meter.begin(M::NAME, now);
        let behaviour = &mut self.behaviour;
        let outcome = catch_unwind(AssertUnwindSafe(|| behaviour.receive(message, me)));
        self.meter.end(M::NAME, outcome.is_err());
        if outcome.is_err() {
            log::error!("{} panicked over {}; the message is lost, the actor goes on", B::KIND, M::NAME);
            self.board.panicked();
        }
        MessageResult(outcome.ok())
    }
}

/// Asks a cell for its behaviour's own numbers. It is not metered, because it is not work.
struct Observe;

impl Message for Observe {
    type Result = Value;
}

impl<B: Behaviour> Handler<Observe> for Cell<B> {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        let snapshot = catch_unwind(AssertUnwindSafe(|| self.behaviour.snapshot()));
        MessageResult(snapshot.unwrap_or_default())
    }
}

struct Stop;

impl Message for Stop {
    type Result = ();
}

impl<B: Behaviour> Handler<Stop> for Cell<B> {
    type Result = ();

    fn handle(&mut self, _: Stop, context: &mut Self::Context) {
        self.me = None;
        context.stop();
    }
}
