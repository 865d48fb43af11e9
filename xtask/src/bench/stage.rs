//! A gateway and its upstream, each a process of its own.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use batch_gpt_rig::{command::command, running::Running};
use tempfile::TempDir;

use super::{call, log_time::LogTime, programs::Programs, usage};

const LOOK: Duration = Duration::from_millis(50);

/// Both of them, with a store that goes away.
pub struct Stage {
    /// The simulated upstream.
    pub upstream: Running,
    /// The gateway.
    pub gateway: Running,
    /// What the gateway used when nothing had been asked of it, in KiB.
    pub idle: f64,
    upstream_idle: Duration,
    _folder: TempDir,
}

impl Stage {
    /// Starts both: the upstream with these flags, the gateway with these variables.
    pub fn start(programs: &Programs, flags: &[&str], variables: &[(&str, &str)]) -> Result<Self, String> {
        let folder = TempDir::new_in(&programs.folder).map_err(|error| error.to_string())?;
        Self::start_on(programs, flags, variables, folder)
    }

    /// The same, with what is in the folder's `data` as its past.
    pub fn start_on(
        programs: &Programs,
        flags: &[&str],
        variables: &[(&str, &str)],
        folder: TempDir,
    ) -> Result<Self, String> {
        let mut simulate = command(&programs.gateway);
        simulate
            .args(["simulate", "--bind", "127.0.0.1:0", "--set", "limits.creations_per_hour=1000000"])
            .args(flags);
        let upstream = Running::start(&mut simulate, &folder.path().join("upstream.log"))?;
        let mut serve = command(&programs.gateway);
        serve
            .arg("serve")
            .env("BATCH_GPT_BIND_ADDRESS", "127.0.0.1:0")
            .env("OPENAI_BASE_URL", &upstream.base_url)
            .env("OPENAI_API_KEY", "simulated")
            .env("BATCH_GPT_HOLD", "silent")
            .env("BATCH_GPT_POLLING_MIN_INTERVAL_MS", "100")
            .env("COLLECT_BATCH_STATS_POLLING_MAX_INTERVAL_SECONDS", "1")
            .env("BATCH_GPT_MAX_BATCHES_PER_HOUR", "1000000")
            // Floors read what the upstream gave.
            .env("BATCH_GPT_DELETE_UPSTREAM_FILES", "off")
            .env("BATCH_GPT_DATA_DIR", folder.path().join("data"))
            .envs(variables.iter().copied());
        let gateway = Running::start(&mut serve, &folder.path().join("gateway.log"))?;
        let (idle, upstream_idle) = (usage::memory(gateway.id())?, usage::cpu(upstream.id())?);
        Ok(Self { upstream, gateway, idle, upstream_idle, _folder: folder })
    }

    /// Where the gateway listens.
    pub fn address(&self) -> &str {
        address(&self.gateway)
    }

    /// What the upstream has used of the processors since both were started, in seconds.
    pub fn upstream_cpu(&self) -> Result<f64, String> {
        Ok((usage::cpu(self.upstream.id())? - self.upstream_idle).as_secs_f64())
    }

    /// Waits until the gateway's log has these words so many times.
    pub fn says(&self, words: &str, times: usize, limit: Duration) -> Result<(), String> {
        let began = Instant::now();
        let mut said = 0;
        while began.elapsed() < limit {
            said = self.gateway.said().matches(words).count();
            if said >= times {
                return Ok(());
            }
            sleep(LOOK);
        }
        Err(format!("the gateway said {words:?} {said} times instead of {times}"))
    }

    /// When the gateway last said these words.
    pub fn said_at(&self, words: &str) -> Result<LogTime, String> {
        LogTime::of(&self.gateway.said(), words)
    }

    /// Moves the upstream's clock on, so that what it works on is finished.
    pub fn finish_batches(&self) -> Result<(), String> {
        call::post(address(&self.upstream), "/simulator/clock", r#"{"advance_seconds": 3600}"#).map(drop)
    }
}

/// Where a server listens.
pub fn address(server: &Running) -> &str {
    server.base_url.trim_start_matches("http://").trim_end_matches("/v1")
}
