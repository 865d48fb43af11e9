//! A client: it waits, and sends its request again until it has been answered.

use std::sync::Arc;

use batch_gpt_actors::{
    collector::{Enqueue, Refused},
    rules::{
        body::{CheckedBody, check},
        ids::RequestId,
        lane::{Endpoint, Lane, Tenant},
        terms::Terms,
    },
    waiting_room::{Client as Way, Delivery},
};
use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::{books::Books, op::Arrival, world::World};

pub struct Client {
    pub number: u8,
    pub prompt: u8,
    pub lane: Arc<Lane>,
    /// It has gone away at least once.
    pub unsteady: bool,
    pub state: State,
    body: CheckedBody,
    detached: bool,
}

#[derive(Debug)]
pub enum State {
    Waiting(oneshot::Receiver<Delivery>),
    /// It will send its request again.
    Turned,
    /// It has gone away.
    Gone,
    Answered,
    /// It was told that it may ask for the end later.
    Promised(RequestId),
    /// Its request can be in no batch.
    TooLarge,
}

impl Client {
    pub fn new(arrival: &Arrival) -> Self {
        let Arrival { client, tenant, model, prompt, padding, detached } = *arrival;
        let padding = "\u{fc}x".repeat(usize::from(padding) / 3);
        let body = format!(
            "{{\"model\" : \"model-{model}\",\n \"messages\":[{{\"role\":\"user\",\
             \"content\":\"#{prompt} \\u00e9 {padding}\"}}],\"seed\":1.50e+3, \"stream\":false}}"
        );
        let body = check(Endpoint::ChatCompletions, body.as_bytes()).unwrap();
        let tenant = Tenant(format!("tenant-{tenant}").into());
        let lane = Lane { tenant, endpoint: Endpoint::ChatCompletions, model: body.model.clone() };
        Self {
            number: client,
            prompt,
            lane: Arc::new(lane),
            unsteady: false,
            state: State::Turned,
            body,
            detached,
        }
    }

    /// Its request, and the end at which it waits.
    pub fn request(&self, resent: bool) -> (Enqueue, oneshot::Receiver<Delivery>) {
        let (reply, receiver) = oneshot::channel();
        let enqueue = Enqueue {
            lane: self.lane.clone(),
            fingerprint: self.body.fingerprint(&self.lane.tenant, self.lane.endpoint),
            body: self.body.line.clone(),
            inputs: self.body.inputs,
            resent,
            terms: Terms::default(),
            client: if self.detached { Way::Detached(reply) } else { Way::Parked(reply) },
            word: None,
        };
        (enqueue, receiver)
    }

    /// What the gateway said to its request; nothing, if it ended over it.
    pub fn sent(&mut self, receiver: oneshot::Receiver<Delivery>, reply: Option<Result<(), Refused>>) {
        self.state = match reply {
            Some(Ok(())) => State::Waiting(receiver),
            Some(Err(Refused::TooLarge | Refused::TooManyInputs)) => State::TooLarge,
            Some(Err(Refused::Draining | Refused::Full)) | None => State::Turned,
        };
    }

    /// Takes what has come.
    pub fn listen(&mut self, books: &Books, world: &World) {
        let State::Waiting(receiver) = &mut self.state else { return };
        self.state = match receiver.try_recv() {
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Closed) | Ok(Delivery::Released | Delivery::NotRecorded | Delivery::Full) => {
                State::Turned
            }
            Ok(Delivery::Declined(decline)) => {
                world.broken(|| format!("client {} is declined: {decline:?}", self.number));
                State::Gone
            }
            Ok(Delivery::Accepted(id)) => {
                self.is_mine(id, books, world);
                world.expect(self.detached, || format!("client {} waits, and is told to", self.number));
                State::Promised(id)
            }
            Ok(Delivery::Answered { id, outcome, .. }) => {
                self.is_mine(id, books, world);
                world.expect(!self.detached, || format!("client {} does not wait for {id}", self.number));
                let stored = books.outcome(id).is_some_and(|(stored, _)| *stored == outcome);
                world.expect(stored, || format!("{id} is told an outcome that is not stored: {outcome:?}"));
                State::Answered
            }
        };
    }

    fn is_mine(&self, id: RequestId, books: &Books, world: &World) {
        let mine = books
            .request(id)
            .is_some_and(|known| known.accepted.lane == self.lane && known.body == self.body.line);
        world.expect(mine, || format!("client {} is told of {id}, which is not its own", self.number));
    }
}
