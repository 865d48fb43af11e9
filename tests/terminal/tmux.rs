//! The monitor on a real terminal. tmux is the terminal: it takes keys and tells what is on the screen.
//!
//! Where there is no tmux, the test says that it is skipped; with `CI=true` it fails.

use std::{
    env,
    process::{Command, Output},
    time::Duration,
};

use tempfile::TempDir;

use crate::process::{Gateway, until};

/// A terminal with a shell in it.
struct Tmux {
    folder: TempDir,
}

impl Tmux {
    /// A terminal of this size; `None` where there is no tmux.
    fn start(width: u16, height: u16) -> Option<Self> {
        if Command::new("tmux").arg("-V").output().is_err() {
            assert!(env::var("CI").as_deref() != Ok("true"), "tmux is not installed");
            println!("skipped: tmux is not installed");
            return None;
        }
        let tmux = Self { folder: tempfile::tempdir().unwrap() };
        let (width, height) = (width.to_string(), height.to_string());
        tmux.tell(&["new-session", "-d", "-x", &width, "-y", &height, "env -u NO_COLOR PS1='ready> ' sh"]);
        Some(tmux)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        // A server of its own, without anybody's settings.
        command.arg("-S").arg(self.folder.path().join("socket")).args(["-f", "/dev/null"]);
        command.env_remove("TMUX");
        command
    }

    fn tell(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command().args(arguments).output().unwrap();
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    fn line(&self, line: &str) {
        self.tell(&["send-keys", "-l", line]);
        self.key("Enter");
    }

    fn key(&self, key: &str) {
        self.tell(&["send-keys", key]);
    }

    fn screen(&self) -> String {
        self.tell(&["capture-pane", "-p"])
    }

    /// Waits until the screen shows these words.
    async fn shows(&self, words: &str) {
        let shown =
            tokio::time::timeout(Duration::from_secs(60), until(async || self.screen().contains(words)))
                .await;
        assert!(shown.is_ok(), "{words:?} is not on the screen:\n{}", self.screen());
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // The shell and what runs in it go with the server.
        let _ = self.command().arg("kill-server").output();
    }
}

/// What the shell prints about its terminal: whether lines and echo are back, and nothing of the monitor is left.
async fn is_restored(tmux: &Tmux) {
    tmux.line("stty -a | tr ' ;' '\\n\\n' | grep -x -e icanon -e echo | tr '\\n' '+'; echo =");
    tmux.shows("icanon+echo+=").await;
    assert_eq!(tmux.tell(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]).trim(), "0 1");
}

#[tokio::test]
async fn a_batch_is_seen_to_come_and_go_on_a_real_terminal() {
    let Some(tmux) = Tmux::start(100, 30) else {
        return;
    };
    let mut gateway = Gateway::with(Duration::from_secs(3_600), &[("CLIENT_SERVING_MODE", "async")]).await;
    let monitor = format!("{} monitor --interval 0.2 --url {}", env!("CARGO_BIN_EXE_batch-gpt"), gateway.url);
    tmux.shows("ready>").await;
    tmux.line(&format!("{monitor}; echo left with $?"));
    tmux.shows("No batches yet.").await;

    gateway.chat("m", "prompt-canary").send().await.unwrap();
    tmux.shows("in progress 1").await;
    tmux.shows("1–1 of 1").await;
    let id = gateway.get_json("/v1/batches").await["data"][0]["id"].as_str().unwrap().to_owned();
    tmux.key("Enter");
    tmux.shows(&id).await;
    tmux.shows("so far").await;
    tmux.tell(&["resize-window", "-x", "60", "-y", "12"]);
    tmux.shows("esc back").await;
    tmux.tell(&["resize-window", "-x", "100", "-y", "30"]);
    tmux.key("Escape");
    tmux.shows("1–1 of 1").await;

    let cancel = gateway.client.post(format!("{}/batches/{id}/cancel", gateway.url)).bearer_auth("any");
    assert_eq!(cancel.send().await.unwrap().status(), 200);
    tmux.shows("Cancelled 1").await;
    tmux.shows("No batches here.").await;
    tmux.key("Left");
    tmux.key("h");
    tmux.shows("1–1 of 1").await;
    println!("{}", tmux.screen());

    gateway.signal("-TERM");
    gateway.ended().await;
    tmux.shows("lost since").await;
    tmux.shows("Connection refused").await;
    tmux.shows("Cancelled 1").await;
    assert!(!tmux.screen().contains("canary"));

    tmux.key("q");
    tmux.shows("left with 0").await;
    is_restored(&tmux).await;
}

#[tokio::test]
async fn a_signal_leaves_the_terminal_as_it_was() {
    let Some(tmux) = Tmux::start(80, 24) else {
        return;
    };
    let monitor = format!("{} monitor --url {}", env!("CARGO_BIN_EXE_batch-gpt"), crate::client::nowhere());
    tmux.shows("ready>").await;
    tmux.line(&format!(
        "sh -c 'echo $$ > {}; exec {monitor}'; echo left with $?",
        tmux.folder.path().join("pid").display()
    ));
    tmux.shows("Nothing is known yet.").await;
    let pid = std::fs::read_to_string(tmux.folder.path().join("pid")).unwrap();
    assert!(Command::new("kill").args(["-TERM", pid.trim()]).status().unwrap().success());
    tmux.shows("left with 0").await;
    is_restored(&tmux).await;
}
