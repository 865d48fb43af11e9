//! The systemd unit.

use std::{collections::BTreeMap, process::Command};

use crate::repository::{command, default_of, is_secret, read, variables};

const UNIT: &str = "deploy/systemd/batch-gpt.service";

/// Most exposure that `systemd-analyze security` may find, of 10.
const EXPOSURE: f64 = 2.0;

/// Each setting of the unit with its values, in their order.
fn settings() -> BTreeMap<String, Vec<String>> {
    let text = read(UNIT);
    let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '['])) {
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("no setting: {line}"));
        settings.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    settings
}

fn seconds(settings: &BTreeMap<String, Vec<String>>, name: &str) -> u64 {
    settings[name][0].parse().unwrap_or_else(|_| panic!("{name} is no number of seconds"))
}

#[test]
fn the_unit_waits_for_the_gateways_word_and_gives_it_time_to_stop() {
    let settings = settings();
    assert_eq!(settings["Type"], ["notify"]);
    assert_eq!(settings["ExecStart"], ["/usr/local/bin/batch-gpt serve"]);
    let drain: u64 = default_of("BATCH_GPT_DRAIN_SECONDS").parse().unwrap();
    // Behind the drain: five seconds each for the journal and for the last answers.
    assert!(seconds(&settings, "TimeoutStopSec") >= drain + 10);
    let heartbeat: u64 = default_of("BATCH_GPT_HEARTBEAT_SECONDS").parse().unwrap();
    assert!(seconds(&settings, "WatchdogSec") >= 2 * heartbeat, "an actor may stand still for a heartbeat");
    assert!(seconds(&settings, "LimitNOFILE") >= 100_000);
}

#[test]
fn the_unit_sets_what_can_be_set_and_no_secret() {
    let (settings, variables) = (settings(), variables());
    for setting in &settings["Environment"] {
        let (name, value) = setting.split_once('=').unwrap();
        assert!(variables.contains(name), "{name} is no setting");
        assert!(!is_secret(name) && !value.is_empty(), "{name} is written down");
    }
    // The gateway looks for the upstream's key under this name.
    let (credential, _) = settings["LoadCredential"][0].split_once(':').unwrap();
    let told = command().find_subcommand("serve").unwrap().clone().render_long_help().to_string();
    assert!(told.contains(credential), "nobody reads {credential}");
    for (name, value) in [
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("StateDirectory", "batch-gpt"),
        ("StateDirectoryMode", "0700"),
        ("CapabilityBoundingSet", ""),
    ] {
        assert_eq!(settings[name], [value], "{name}");
    }
    let data = format!("BATCH_GPT_DATA_DIR=%S/{}", settings["StateDirectory"][0]);
    assert!(settings["Environment"].contains(&data));
}

/// systemd's own opinion, on a machine that has it.
#[test]
fn systemd_finds_nothing_wrong() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "there is no systemd-analyze");
        println!("skipped: there is no systemd-analyze");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("batch-gpt.service");
    // The program and its page are not installed here.
    let text = read(UNIT).replace("/usr/local/bin/batch-gpt", env!("CARGO_BIN_EXE_batch-gpt"));
    std::fs::write(&unit, text.replace("man:batch-gpt(1) ", "")).unwrap();
    let verified = Command::new("systemd-analyze").arg("verify").arg(&unit).output().unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && said.trim().is_empty(), "{said}");
    let rated = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager"])
        .arg(&unit)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&rated.stdout);
    let (_, exposure) = said.split_once("Overall exposure level for batch-gpt.service: ").expect(&said);
    let exposure: f64 = exposure.split_whitespace().next().unwrap().parse().unwrap();
    assert!(exposure <= EXPOSURE, "{said}");
}
