//! What a process uses, as Linux tells it.

use std::{fs, time::Duration};

/// Linux counts a process's time in these, whatever its own clock does.
const TICK: Duration = Duration::from_millis(10);

/// Time on processors so far, in user and system mode together.
pub fn cpu(pid: u32) -> Result<Duration, String> {
    let stat = read(pid, "stat")?;
    // The name of the program may hold anything, but ends with the last parenthesis.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().skip(11).take(2));
    let ticks = fields.into_iter().flatten().filter_map(|field| field.parse::<u32>().ok());
    Ok(TICK * ticks.sum::<u32>())
}

/// Memory now, in KiB.
pub fn memory(pid: u32) -> Result<f64, String> {
    status(pid, "VmRSS:")
}

/// Most memory since the start or since [`forget_peak`], in KiB.
pub fn peak(pid: u32) -> Result<f64, String> {
    status(pid, "VmHWM:")
}

/// Begins a new peak.
pub fn forget_peak(pid: u32) -> Result<(), String> {
    let fault = |error| format!("cannot reset the peak of process {pid}: {error}");
    fs::write(format!("/proc/{pid}/clear_refs"), "5").map_err(fault)
}

fn status(pid: u32, field: &str) -> Result<f64, String> {
    let status = read(pid, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| format!("process {pid} has no {field}"))
}

fn read(pid: u32, what: &str) -> Result<String, String> {
    fs::read_to_string(format!("/proc/{pid}/{what}"))
        .map_err(|error| format!("cannot look at process {pid}: {error}"))
}
