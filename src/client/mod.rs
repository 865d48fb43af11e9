//! A running gateway, seen from outside: what `monitor` and `batches` share.
//!
//! They know the gateway only by its API, so they work from another machine just as well.

mod address;
mod api;
mod batch;
mod overview;
mod timeline;

pub use address::{Address, BadAddress, GatewayArgs};
pub use api::{Api, Fault, PAGE, Page};
pub use batch::Batch;
pub use overview::Overview;
pub use timeline::{Stage, timeline};

/// Exit code when the gateway says no.
pub const REFUSED: u8 = 1;
/// Exit code when what was typed makes no sense.
pub const USAGE: u8 = 2;
/// Exit code when the gateway cannot be reached.
pub const UNREACHABLE: u8 = 3;

/// The exit codes, for `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the gateway says no, or what it answers makes no sense
  2  what was typed makes no sense
  3  the gateway cannot be reached, or went away in the middle";
