//! The Sweeper: what has been kept long enough leaves the store, step by step.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::{
    alarm::Alarm,
    cell::{Behaviour, Letter, Mail, Receive},
    clock::Clock,
    ledger::Ledger,
    ports::{Store, StoreFault, Swept},
    rules::{
        retention::{Due, Retention},
        time::Millis,
    },
};

/// From a start to the first sweep: whoever comes back after it comes first.
const FIRST: Millis = Millis::from_secs(60);
/// From one sweep to the next.
const EVERY: Millis = Millis::from_secs(3600);
/// From one step to the next, so that records find the store free in between.
const STEP: Millis = Millis(50);

/// The gateway has taken up what was unfinished: sweep soon, and then from time to time.
pub struct Begin;

impl Letter for Begin {
    const NAME: &'static str = "Begin";
    type Reply = ();
}

/// Something was purged: sweep now.
pub struct Sweep;

impl Letter for Sweep {
    const NAME: &'static str = "Sweep";
    type Reply = ();
}

/// It is time for a step.
struct SweepDue;

impl Letter for SweepDue {
    const NAME: &'static str = "SweepDue";
    type Reply = ();
}

/// A step has ended.
struct Stepped(Result<Swept, StoreFault>);

impl Letter for Stepped {
    const NAME: &'static str = "Stepped";
    type Reply = ();
}

/// See the module.
pub struct Sweeper {
    store: Arc<dyn Store>,
    clock: Clock,
    retention: Retention,
    ledger: Arc<Ledger>,
    /// What goes in the sweep under way.
    due: Option<Due>,
    /// What that sweep has removed.
    sum: Swept,
    stepping: bool,
    /// Another sweep is wanted when this one has ended.
    again: bool,
    alarm: Alarm,
}

impl Sweeper {
    /// A Sweeper that sleeps until it is told to [`Begin`] or to [`Sweep`].
    pub fn new(store: Arc<dyn Store>, clock: Clock, retention: Retention, ledger: Arc<Ledger>) -> Self {
        Self {
            store,
            clock,
            retention,
            ledger,
            due: None,
            sum: Swept::default(),
            stepping: false,
            again: false,
            alarm: Alarm::default(),
        }
    }

    fn step(&mut self, me: &Mail<Self>) {
        if self.stepping {
            return;
        }
        self.stepping = true;
        let due = *self.due.get_or_insert_with(|| self.retention.due(self.clock.now()));
        let (store, me) = (self.store.clone(), me.clone());
        tokio::spawn(async move {
            let step = AssertUnwindSafe(store.sweep(&due)).catch_unwind().await;
            let panicked = |_| Err(StoreFault::Unavailable("its code panicked".into()));
            me.tell(Stepped(step.unwrap_or_else(panicked)));
        });
    }

    /// The sweep has come to its end, or is given up until the next one.
    fn rest(&mut self, me: &Mail<Self>) {
        let Swept { bodies, answers, requests, batches, waits, .. } = std::mem::take(&mut self.sum);
        if bodies + answers + requests + batches > 0 {
            log::info!("swept {bodies} bodies, {answers} answers, {requests} requests, {batches} batches");
        }
        self.due = None;
        if std::mem::take(&mut self.again) {
            self.alarm.set(self.clock.now() + STEP, &self.clock, me, SweepDue);
        } else if waits || self.retention.is_limited() {
            self.alarm.set(self.clock.now() + EVERY, &self.clock, me, SweepDue);
        }
    }
}

impl Behaviour for Sweeper {
    const KIND: &'static str = "Sweeper";

    fn snapshot(&self) -> Value {
        let Swept { bodies, answers, requests, batches, .. } = self.sum;
        json!({
            "sweeping": self.due.is_some(),
            "swept": { "bodies": bodies, "answers": answers, "requests": requests, "batches": batches },
        })
    }
}

impl Receive<Begin> for Sweeper {
    fn receive(&mut self, _: Begin, me: &Mail<Self>) {
        self.alarm.set(self.clock.now() + FIRST, &self.clock, me, SweepDue);
    }
}

impl Receive<Sweep> for Sweeper {
    fn receive(&mut self, _: Sweep, me: &Mail<Self>) {
        if self.due.is_some() {
            self.again = true;
        } else {
            self.step(me);
        }
    }
}

impl Receive<SweepDue> for Sweeper {
    fn receive(&mut self, _: SweepDue, me: &Mail<Self>) {
        self.step(me);
    }
}

impl Receive<Stepped> for Sweeper {
    fn receive(&mut self, Stepped(step): Stepped, me: &Mail<Self>) {
        self.stepping = false;
        match step {
            Ok(swept) => {
                self.ledger.counters.swept(&swept);
                self.sum.bodies += swept.bodies;
                self.sum.answers += swept.answers;
                self.sum.requests += swept.requests;
                self.sum.batches += swept.batches;
                self.sum.waits |= swept.waits;
                if swept.more {
                    return self.alarm.set(self.clock.now() + STEP, &self.clock, me, SweepDue);
                }
            }
            Err(fault) => log::warn!("the store was not swept: {fault}"),
        }
        self.rest(me);
    }
}
