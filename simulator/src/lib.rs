//! A stand-in for the upstream Files and Batch API.
//!
//! The simulator speaks the subset of the upstream's HTTP interface that a batch client needs: files can be
//! uploaded, listed, read and deleted, batches can be created, polled, listed and cancelled. It is strict where
//! the upstream is strict, and every point on which the upstream is known to vary is a switch in [`Knobs`].
//!
//! Two properties make it useful in tests. Answers are a function of the prompt, so an answer delivered to the
//! wrong caller is visible; and a [`LedgerReport`] counts what was executed, so paying twice is visible too.
//! Time is virtual: [`Simulator::advance`] moves it without waiting.
//!
//! Things go wrong on order ([`FaultOrder`], call by call) and by chance ([`Faults`], a function of the seed).
//! The ledger counts every fault that happened, so a test can tell a client that survived from one that was
//! spared.
//!
//! All state is in memory. A simulator that is started again knows no file, batch or order of its former life
//! (contract, case 77).

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod adjustable;
mod agenda;
mod answer;
mod args;
mod batch;
mod batch_error;
mod batch_routes;
mod broken_body;
mod chat;
mod clock;
mod completion;
mod connection;
mod control;
mod courier;
mod create;
mod embedding;
mod endpoint;
mod error;
mod execution;
mod expiry;
mod fate;
mod fault;
mod fault_book;
mod fault_routes;
mod faults;
mod file;
mod file_routes;
mod format;
mod gate;
mod identifier;
mod inference;
mod injection;
mod input;
mod knobs;
mod ledger;
mod line;
mod line_fault;
mod logprob;
mod marker;
mod mishap;
mod model_routes;
mod moderation;
mod operation;
mod order;
mod page;
mod parameter;
mod plan;
mod prompt;
mod publication;
mod random;
mod response;
mod result_line;
mod schema;
mod server;
mod settings;
mod stale;
mod switch;
mod tool;
mod transition;
mod tries;
mod upload;
mod usage;
mod validation;
mod webhook;
mod world;

pub use args::SimulateArgs;
pub use fault::Fault;
pub use faults::Faults;
pub use knobs::{Knobs, NoErrorFile};
pub use ledger::{BatchEntry, BodyExecutions, LedgerReport, WebhookCounts};
pub use line_fault::LineFault;
pub use operation::Operation;
pub use order::FaultOrder;
pub use server::Simulator;
pub use settings::{Limits, Settings, Timing};
pub use switch::Switch;
pub use webhook::Webhooks;
