//! What may happen to a gateway. A schedule is a list of these.

/// One thing that happens. Clients are named by number, so that an operation means the same if others are left out;
/// one that makes no sense where it stands does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A client sends its request.
    Arrive(Arrival),
    /// A client goes away.
    Vanish { client: u8 },
    /// A client that went away sends its request again.
    ComeBack { client: u8, resent: bool },
    /// Time passes.
    Advance { millis: u64 },
    /// The next call of this kind goes wrong.
    Disturb { call: Call, fault: CallFault },
    /// The client's line is executed badly the next time.
    Spoil { client: u8, fault: LineFault },
    /// A batch with the client's line fails its validation, whichever it is.
    Poison { client: u8, named: bool },
    /// The next batch goes this way.
    Plan(Plan),
    /// The store does not work for a while.
    StoreDown { millis: u64 },
    /// The store's next append fails.
    StoreFails(StoreFault),
    /// The store's next append takes so long.
    StoreSlow { millis: u64 },
    /// Somebody asks the gateway to cancel the batch that was created as the n-th.
    Cancel { batch: u8 },
    /// Somebody else cancels it upstream.
    CancelElsewhere { batch: u8 },
    /// A handler of this actor panics.
    Panic(Actor),
    /// The gateway ends without a word.
    Crash { down: u64 },
    /// The gateway will end at this step of its calls to store and upstream.
    CrashAt { step: u32, down: u64 },
    /// The gateway is stopped in order, and started again.
    Restart { limit: u64, down: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    pub client: u8,
    /// One of two tenants.
    pub tenant: u8,
    /// One of two models.
    pub model: u8,
    /// The number in its prompt: its own, or another client's.
    pub prompt: u8,
    /// Bytes that make its body longer.
    pub padding: u16,
    /// It wants no more than the word that its request is accepted.
    pub detached: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    Upload,
    Create,
    Retrieve,
    Cancel,
    ListBatches,
    ListFiles,
    Content,
    Remove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallFault {
    /// The upstream never sees it.
    RequestLost,
    /// It takes effect, and no answer comes.
    AnswerLost,
    /// The same, a long time after.
    AnswerLate { secs: u16 },
    /// Status 429, and the pause asked for, if there is one.
    Limited { secs: Option<u16> },
    /// Status 503.
    Busy,
    /// Status 401: the gateway's key does not work just now.
    Unauthorised,
    /// A download ends in the middle; any other call as [`Self::AnswerLost`].
    Cut,
    /// The code that makes the call panics before it is made.
    Panic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFault {
    /// 429, in the error file.
    Limited,
    /// 500, in the error file.
    Broken,
    /// 500, in the output file.
    Misplaced,
    /// Status 0.
    Zero,
    /// No response, but an error.
    TimedOut,
    /// No line at all.
    Missing,
    /// Two lines with two answers.
    Twice,
    /// Lines for nobody beside its own.
    Stray,
    /// Its line is no JSON.
    Garbled,
    /// 400: the request's own fault, told in the error file.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// From the creation to the end, in seconds.
    pub takes: u32,
    pub fate: Fate,
    pub quirk: Quirk,
}

impl Plan {
    /// All goes well.
    pub const GOOD: Self = Self { takes: 60, fate: Fate::Completes, quirk: Quirk::None };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Completes,
    /// The window closes when so many lines are done; `told` says whether the others stand in the error file.
    Expires {
        done: u8,
        told: bool,
    },
    /// Cancelled by somebody else when so many lines are done.
    Cancelled {
        done: u8,
    },
    /// The input is refused without blame for a line.
    Fails(Refusal),
    /// It never ends by itself, and if it is deaf it does not even end when it is cancelled.
    Stuck {
        deaf: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It gives no reason that could be understood.
    Unexplained,
    /// It does not see a file that is there.
    FileNotFound,
    /// Too many tokens are waiting.
    TokenLimit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    None,
    /// For so long after its end it is shown as running.
    Stale {
        secs: u16,
    },
    /// While it runs its status is a word that nobody knows.
    NewWord,
    /// For so long after its creation it is neither listed nor found.
    Hidden {
        secs: u16,
    },
    /// For so long after its end its files lack their last line.
    LateLines {
        secs: u16,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreFault {
    /// Nothing was written.
    Before,
    /// A beginning was written.
    Halfway,
    /// All was written.
    After,
    /// All was written, and then its code panicked.
    Panic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    Collector,
    BatchSubmitter,
    StatusLogger,
    Poller,
}
