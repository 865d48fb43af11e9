//! Streams made of finished answers, put together again as the official clients do it.

mod chat;
mod completion;
mod events;
mod reassembly;
mod response;
