//! The dashboard in a real browser, in front of a live gateway.
//!
//! Chromium is driven through its own driver. Where one of the two is missing, the tests say that they are skipped;
//! with `CI=true` they fail.

#[path = "../gateway/process.rs"]
mod process;

mod actions;
mod browser;
mod driver;
mod live;
mod looks;
mod strangers;
