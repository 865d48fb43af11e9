//! What a supervisor such as systemd is told over `NOTIFY_SOCKET`. Where there is none, nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// The gateway serves, and where: who waits for it may go on.
pub fn serving(address: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&format!("serves {address}"))]);
}

/// An orderly stop has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stops in order")]);
}

/// Tells, twice in the time that the supervisor sets, that all is well, for as long as `alive` says so. After that the
/// supervisor starts the process anew, and the journal brings back what was under way.
pub fn watch(alive: impl Fn() -> bool + 'static) {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| *limit > Duration::ZERO) else {
        return;
    };
    actix_rt::spawn(async move {
        let mut timer = tokio::time::interval(limit / 2);
        loop {
            timer.tick().await;
            if alive() {
                tell(&[NotifyState::Watchdog]);
            }
        }
    });
}

fn tell(state: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(state) {
        log::warn!("cannot tell the supervisor: {error}");
    }
}
