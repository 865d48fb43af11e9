//! What systemd hears, on a real socket in its place.

use std::time::Duration;

use tempfile::TempDir;
use tokio::net::UnixDatagram;

use crate::process::{Gateway, PATIENCE};

struct Supervisor {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Supervisor {
    fn listening() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        Self { socket, folder }
    }

    fn address(&self) -> String {
        self.folder.path().join("notify").display().to_string()
    }

    async fn hears(&self) -> String {
        let mut message = [0; 256];
        let length = tokio::time::timeout(PATIENCE, self.socket.recv(&mut message)).await.unwrap().unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    /// The next message that is no sign of life.
    async fn hears_news(&self) -> String {
        loop {
            let message = self.hears().await;
            if message.trim() != "WATCHDOG=1" {
                return message;
            }
        }
    }
}

#[tokio::test]
async fn a_supervisor_hears_of_the_start_of_life_and_of_the_stop() {
    let supervisor = Supervisor::listening();
    let address = supervisor.address();
    let settings = [("NOTIFY_SOCKET", address.as_str()), ("WATCHDOG_USEC", "200000")];
    let mut gateway = Gateway::with(Duration::from_millis(100), &settings).await;
    let serving = supervisor.hears().await;
    assert_eq!(serving, format!("READY=1\nSTATUS=serves {}\n", gateway.url));
    for _ in 0..3 {
        assert_eq!(supervisor.hears().await, "WATCHDOG=1\n");
    }
    gateway.signal("-TERM");
    assert_eq!(supervisor.hears_news().await, "STOPPING=1\nSTATUS=stops in order\n");
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn without_a_watchdog_there_is_no_sign_of_life() {
    let supervisor = Supervisor::listening();
    let address = supervisor.address();
    let mut gateway = Gateway::with(Duration::from_millis(100), &[("NOTIFY_SOCKET", address.as_str())]).await;
    assert!(supervisor.hears().await.starts_with("READY=1\n"));
    gateway.signal("-TERM");
    assert!(supervisor.hears().await.starts_with("STOPPING=1\n"));
    assert!(gateway.ended().await.success());
}

#[tokio::test]
async fn a_supervisor_that_is_gone_is_no_reason_to_go_as_well() {
    let mut gateway =
        Gateway::with(Duration::from_millis(100), &[("NOTIFY_SOCKET", "/nowhere/notify")]).await;
    assert_eq!(gateway.chat("m", "still there?").send().await.unwrap().status(), 200);
    gateway.says("cannot tell the supervisor").await;
}
