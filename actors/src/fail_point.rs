//! Named points at which a crash can be ordered, so that tests of crashes reach each boundary on purpose.
//!
//! Without the feature `fail-points` passing one is nothing at all. With it, `BATCH_GPT_FAIL_POINT=created.before:2`
//! aborts the process as it passes that point for the second time, and each point's first passing is logged.
//! `deliver.between:panic` lets every passing panic.

use crate::rules::record::Record;

macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)*) => {
        /// One point.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point { $($(#[$doc])* $point,)* }

        impl Point {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$point),*];

            /// What it is called in the variable and in the log.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$point => $name),* }
            }
        }
    };
}

points! {
    /// A request is about to be recorded.
    AcceptedBefore = "accepted.before",
    /// A request is recorded, and nobody knows yet.
    AcceptedAfter = "accepted.after",
    /// The sealing of a batch is about to be recorded.
    SealedBefore = "sealed.before",
    /// The sealing is recorded, nothing is uploaded.
    SealedAfter = "sealed.after",
    /// A part of the lines has left.
    UploadMiddle = "upload.middle",
    /// The upstream has said which file it is.
    UploadAfter = "upload.after",
    /// The file is about to be recorded.
    UploadedBefore = "uploaded.before",
    /// The file is recorded, nothing is created.
    UploadedAfter = "uploaded.after",
    /// The upstream has said which batch it is.
    CreateAfter = "create.after",
    /// The batch is about to be recorded.
    CreatedBefore = "created.before",
    /// The batch is recorded, nobody watches it.
    CreatedAfter = "created.after",
    /// News of the batch are about to be recorded.
    ObservedBefore = "observed.before",
    /// News of the batch are recorded.
    ObservedAfter = "observed.after",
    /// A part of a result file has come.
    DownloadMiddle = "download.middle",
    /// Outcomes are about to be recorded.
    AnsweredBefore = "answered.before",
    /// Outcomes are recorded, none is delivered.
    AnsweredAfter = "answered.after",
    /// One outcome is delivered, and the next one is not.
    DeliverBetween = "deliver.between",
    /// The end of the batch is about to be recorded.
    SettledBefore = "settled.before",
    /// The end of the batch is recorded.
    SettledAfter = "settled.after",
    /// One file of a settled batch is removed upstream, and the next one is not.
    RemovalBetween = "removal.between",
    /// That a batch's files are removed is about to be recorded.
    RemovedBefore = "removed.before",
    /// That a batch's files are removed is recorded.
    RemovedAfter = "removed.after",
    /// The journal has been read, nothing is taken up.
    ReplayRead = "replay.read",
    /// A request that is in a batch has been taken up.
    ReplayAwaited = "replay.awaited",
    /// A batch has been taken up.
    ReplayResumed = "replay.resumed",
    /// A request that is in no batch has been taken up.
    ReplayOpen = "replay.open",
}

/// The record is about to be written.
pub(crate) fn before(record: &Record) {
    boundary(record).into_iter().for_each(|(before, _)| pass(before));
}

/// The record is durable.
pub(crate) fn after(record: &Record) {
    boundary(record).into_iter().for_each(|(_, after)| pass(after));
}

/// Some have none: of a withdrawal, lost or written, nobody waits for the request; until a cancellation is recorded,
/// nothing is cancelled; what is purged is over; and nothing follows from the files and batches that clients make
/// themselves.
fn boundary(record: &Record) -> Option<(Point, Point)> {
    Some(match record {
        Record::Accepted { .. } => (Point::AcceptedBefore, Point::AcceptedAfter),
        Record::Withdrawn { .. }
        | Record::Cancelled { .. }
        | Record::Purged { .. }
        | Record::FileMade { .. }
        | Record::NativeBatch { .. } => return None,
        Record::Sealed { .. } => (Point::SealedBefore, Point::SealedAfter),
        Record::Uploaded { .. } => (Point::UploadedBefore, Point::UploadedAfter),
        Record::Created { .. } => (Point::CreatedBefore, Point::CreatedAfter),
        Record::Observed { .. } => (Point::ObservedBefore, Point::ObservedAfter),
        Record::Answered { .. } => (Point::AnsweredBefore, Point::AnsweredAfter),
        Record::Settled { .. } => (Point::SettledBefore, Point::SettledAfter),
        Record::FilesRemoved { .. } => (Point::RemovedBefore, Point::RemovedAfter),
    })
}

/// The process comes past this point, and ends here if that was ordered.
#[cfg(not(feature = "fail-points"))]
#[inline(always)]
pub(crate) fn pass(_: Point) {}

#[cfg(feature = "fail-points")]
pub(crate) use armed::pass;

#[cfg(feature = "fail-points")]
mod armed {
    use std::{
        env, panic, process,
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering::Relaxed},
        },
    };

    use super::Point;

    /// Holds a point's name and, behind a colon, which passing of it is the last, or that each panics.
    const VARIABLE: &str = "BATCH_GPT_FAIL_POINT";

    static PASSED: [AtomicU64; Point::ALL.len()] = [const { AtomicU64::new(0) }; Point::ALL.len()];
    static ORDER: OnceLock<Option<Order>> = OnceLock::new();

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Order {
        Abort(Point, u64),
        Panic(Point),
    }

    pub(crate) fn pass(point: Point) {
        let passed = PASSED[point as usize].fetch_add(1, Relaxed) + 1;
        if passed == 1 {
            log::debug!("passed {}", point.name());
        }
        match *ORDER.get_or_init(order) {
            Some(Order::Abort(at, last)) if (at, last) == (point, passed) => process::abort(),
            Some(Order::Panic(at)) if at == point => panic::panic_any("ordered by a test"),
            _ => {}
        }
    }

    fn order() -> Option<Order> {
        let text = env::var(VARIABLE).ok()?;
        let order = parse(&text);
        if order.is_none() {
            // A test that ordered no crash would prove nothing.
            log::error!("{VARIABLE}={text} names no point");
            process::abort();
        }
        order
    }

    fn parse(text: &str) -> Option<Order> {
        let (name, passing) = text.split_once(':').unwrap_or((text, "1"));
        let point = Point::ALL.iter().find(|point| point.name() == name)?;
        if passing == "panic" {
            return Some(Order::Panic(*point));
        }
        Some(Order::Abort(*point, passing.parse().ok()?))
    }

    #[test]
    fn an_order_is_a_name_and_a_number() {
        assert_eq!(parse("created.before:2"), Some(Order::Abort(Point::CreatedBefore, 2)));
        assert_eq!(parse("replay.read"), Some(Order::Abort(Point::ReplayRead, 1)));
        assert_eq!(parse("deliver.between:panic"), Some(Order::Panic(Point::DeliverBetween)));
        assert_eq!(parse("nowhere:1"), None);
    }
}
