//! What is fuzzed: a function of bytes that panics if an oracle is contradicted.

mod batch_objects;
mod bodies;
mod keys;
mod paths;
mod result_files;
mod settings;
mod streams;

pub use self::{
    batch_objects::batch_objects, bodies::bodies, keys::keys, paths::paths, result_files::result_files,
    settings::settings, streams::streams,
};
