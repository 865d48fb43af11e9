//! Rules that a test may break on purpose, to see that the simulation notices.
//!
//! Without the feature `mutations` none can be broken, and asking is nothing at all. With it a thread breaks a rule for
//! every gateway whose actors it runs itself.

/// A broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// The file of failed lines is not read.
    DropErrorFile,
    /// What a batch leaves over is not sent again, and nobody is told.
    ForgetResend,
    /// A creation that went unanswered is made again without a look whether it happened.
    DoubleCreate,
}

/// Whether this rule is broken here.
#[cfg(not(feature = "mutations"))]
#[inline(always)]
pub(crate) const fn breaks(_: Mutation) -> bool {
    false
}

#[cfg(feature = "mutations")]
pub(crate) use chosen::breaks;
#[cfg(feature = "mutations")]
pub use chosen::choose;

#[cfg(feature = "mutations")]
mod chosen {
    use std::cell::Cell;

    use super::Mutation;

    thread_local! {
        static CHOSEN: Cell<Option<Mutation>> = const { Cell::new(None) };
    }

    /// Breaks this rule, and no other, on this thread.
    pub fn choose(mutation: Option<Mutation>) {
        CHOSEN.set(mutation);
    }

    pub(crate) fn breaks(mutation: Mutation) -> bool {
        CHOSEN.get() == Some(mutation)
    }
}
