//! A batch that takes ten times as long as its clients wait.

use batch_gpt_rig::running::Running;

use super::with_upstream;
use crate::{
    acceptance::{gateway_behind, log, temporary, upstream},
    process::show,
    python::Python,
    repository::Repository,
};

/// Time of a batch; the clients give up after two seconds.
const PER_BATCH_MS: &str = "20000";
/// How clients can be held beyond their patience.
const HOLDS: [&str; 3] = ["auto", "retry", "silent"];

/// Three clients at once, each held in its own way, in front of one upstream.
pub fn run(repository: &Repository, python: &Python) -> Result<(), String> {
    let upstream = upstream(repository, PER_BATCH_MS)?;
    let mut script = python.command();
    with_upstream(script.arg(repository.script("patience.py")), &upstream);
    let mut gateways = Vec::new();
    for hold in HOLDS {
        let folder = temporary()?;
        let mut serve = gateway_behind(repository, &folder, &upstream);
        serve
            .env("BATCH_GPT_HOLD", hold)
            .env("BATCH_GPT_HEARTBEAT_SECONDS", "1")
            .env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "500");
        let gateway = Running::start(&mut serve, &log(repository, &format!("hold-{hold}")))?;
        script.arg(format!("--{hold}")).arg(&gateway.base_url);
        gateways.push((gateway, folder));
    }
    show(&mut script, 0)?;
    gateways.into_iter().try_for_each(|(gateway, _folder)| gateway.stop())?;
    upstream.stop()
}
