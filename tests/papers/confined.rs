//! The gateway as containers and units run it: a user who may do nothing, a root that cannot be written, and one folder
//! for its data.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::Command,
    time::Duration,
};

use batch_gpt_rig::{
    client::{Client, Mode, expected, question},
    command::command,
    running::Running,
};

/// The user of the image.
const USER: u32 = 65_532;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Confines what follows: `sh confine FOLDER PROGRAM…` where only FOLDER can be written.
const CONFINE: &str = r#"
    set -e
    mount --bind "$1" "$1"
    mount -o remount,bind,ro /
    for place in $(awk '$3 == "tmpfs" || $3 == "ext4" || $3 == "xfs" || $3 == "btrfs" || $3 == "overlay" { print $2 }' /proc/mounts); do
        [ "$place" = "$1" ] || mount -o remount,bind,ro "$place"
    done
    if touch "${1%/*}/elsewhere" 2>/dev/null; then exit 9; fi
    shift
    exec setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"#;

/// Why it cannot be tried here, if it cannot.
fn hindrance() -> Option<&'static str> {
    let unshared = Command::new("unshare").args(["--mount", "true"]).output();
    let dropped = Command::new("setpriv").arg("--version").output();
    match (unshared, dropped) {
        (Ok(output), Ok(_)) if output.status.success() => None,
        (Ok(_), Ok(_)) => Some("this user may not make a name space of mounts"),
        _ => Some("unshare and setpriv are not installed"),
    }
}

#[tokio::test]
async fn it_serves_and_stops_where_only_its_folder_can_be_written() {
    if let Some(why) = hindrance() {
        return println!("skipped: {why}");
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    // Whoever it runs as must reach both the folder and the program.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::chown(&data, Some(USER), Some(USER)).unwrap();
    let mut confined = command("unshare");
    confined
        .args(["--mount", "--propagation", "private", "sh", "-c", CONFINE, "confine"])
        .arg(&data)
        .args([env!("CARGO_BIN_EXE_batch-gpt"), "serve", "--simulate"])
        .env("BATCH_GPT_DATA_DIR", &data)
        .env("BATCH_GPT_BIND_ADDRESS", "127.0.0.1:0")
        .env("COLLATE_BATCHES_FOR_DURATION_IN_MS", "100");
    let gateway = Running::start(&mut confined, &folder.path().join("log")).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", gateway.id())).unwrap();
    let line =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!(line("Uid:").split_whitespace().collect::<Vec<_>>(), ["65532"; 4]);
    assert_eq!(line("CapEff:"), "0000000000000000");
    assert_eq!(line("NoNewPrivs:"), "1");
    let address = gateway.base_url.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    let program = || command(env!("CARGO_BIN_EXE_batch-gpt"));
    let healthy = program().args(["healthcheck", "--bind-address", &address]).status().unwrap();
    assert!(healthy.success());
    let client = Client::new(&gateway.base_url, Duration::from_secs(1), PATIENCE).unwrap();
    let answer = client.ask(&question("Is there room?"), Mode::Sync).await.unwrap();
    assert_eq!(answer.content(), Some(expected("Is there room?")));
    gateway.stop().unwrap();
    let journal = fs::metadata(data.join("batch-gpt.sqlite")).unwrap();
    assert_eq!((journal.uid(), journal.mode() & 0o777), (USER, 0o600));
}
