//! The first byte of a response whose answer is far away.

use batch_gpt_rig::running::Running;

use super::with_upstream;
use crate::{
    acceptance::{gateway_behind, log, temporary, upstream},
    node::Node,
    process::show,
    repository::Repository,
};

/// The script moves the upstream's clock on once it has the first byte.
pub fn run(repository: &Repository, node: &Node) -> Result<(), String> {
    let folder = temporary()?;
    let upstream = upstream(repository, "3600000")?;
    let mut serve = gateway_behind(repository, &folder, &upstream);
    serve.env("BATCH_GPT_HEARTBEAT_SECONDS", "1").env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "100");
    let gateway = Running::start(&mut serve, &log(repository, "first-byte"))?;
    let mut script = node.script("first_byte.mjs");
    show(with_upstream(script.args(["--base-url", &gateway.base_url]), &upstream), 0)?;
    gateway.stop()?;
    upstream.stop()
}
