//! From a seed to a schedule.

use crate::{
    op::{Actor, Arrival, Call, CallFault, Fate, LineFault, Op, Plan, Quirk, Refusal, StoreFault},
    settings::LATEST_LINES,
};

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    fn within(&mut self, from: u64, end: u64) -> u64 {
        from + self.below(end - from)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A span from milliseconds to hours, short ones as often as long ones.
    fn millis(&mut self) -> u64 {
        let scale = self.pick(&[10, 100, 1_000, 6_000, 30_000, 120_000, 3_600_000]);
        1 + self.below(scale)
    }

    fn fault(&mut self) -> CallFault {
        match self.below(16) {
            0..4 => CallFault::AnswerLost,
            4..6 => CallFault::RequestLost,
            6 => CallFault::AnswerLate { secs: self.within(10, 120) as u16 },
            7..9 => {
                let secs = self.below(90) as u16;
                CallFault::Limited { secs: self.one_in(2).then_some(secs) }
            }
            9..11 => CallFault::Busy,
            11 => CallFault::Unauthorised,
            12..15 => CallFault::Cut,
            _ => CallFault::Panic,
        }
    }

    fn plan(&mut self) -> Plan {
        let takes = match self.below(8) {
            0 => self.within(1, 20 * 3600),
            1..3 => self.within(1, 3600),
            _ => self.within(1, 120),
        };
        let fate = match self.below(12) {
            0..3 => Fate::Expires { done: self.below(3) as u8, told: self.one_in(2) },
            3..5 => Fate::Cancelled { done: self.below(3) as u8 },
            5 => Fate::Fails(Refusal::Unexplained),
            6 => Fate::Fails(Refusal::FileNotFound),
            7 => Fate::Fails(Refusal::TokenLimit),
            8 if self.one_in(3) => Fate::Stuck { deaf: self.one_in(3) },
            _ => Fate::Completes,
        };
        let quirk = match self.below(8) {
            0 => Quirk::Stale { secs: self.within(1, 1800) as u16 },
            1 => Quirk::NewWord,
            2 => Quirk::Hidden { secs: self.within(1, 20) as u16 },
            3 => Quirk::LateLines { secs: self.within(1, LATEST_LINES) as u16 },
            _ => Quirk::None,
        };
        Plan { takes: takes as u32, fate, quirk }
    }

    fn op(&mut self, clients: &mut u8) -> Op {
        let client = self.below(u64::from(*clients).max(1)) as u8;
        match self.below(64) {
            0..16 => {
                let fresh = *clients;
                *clients += 1;
                Op::Arrive(Arrival {
                    client: fresh,
                    tenant: u8::from(self.one_in(4)),
                    model: u8::from(self.one_in(4)),
                    prompt: if self.one_in(6) { client } else { fresh },
                    padding: self.pick(&[0, 0, 0, 100, 300, 500, 3000]),
                    detached: self.one_in(4),
                })
            }
            16 => Op::Vanish { client },
            17 => Op::ComeBack { client, resent: self.one_in(2) },
            18..32 => Op::Advance { millis: self.millis() },
            32..39 => {
                let calls = [
                    Call::Upload,
                    Call::Create,
                    Call::Create,
                    Call::Retrieve,
                    Call::Cancel,
                    Call::ListBatches,
                    Call::ListFiles,
                    Call::Content,
                    Call::Remove,
                ];
                Op::Disturb { call: self.pick(&calls), fault: self.fault() }
            }
            39..46 => {
                let faults = [
                    LineFault::Limited,
                    LineFault::Broken,
                    LineFault::Misplaced,
                    LineFault::Zero,
                    LineFault::TimedOut,
                    LineFault::Missing,
                    LineFault::Twice,
                    LineFault::Stray,
                    LineFault::Garbled,
                    LineFault::Refused,
                ];
                Op::Spoil { client, fault: self.pick(&faults) }
            }
            46..48 => Op::Poison { client, named: self.one_in(2) },
            48..53 => Op::Plan(self.plan()),
            53 => Op::StoreDown { millis: self.millis().min(30_000) },
            54..56 => {
                let faults = [StoreFault::Before, StoreFault::Halfway, StoreFault::After, StoreFault::Panic];
                Op::StoreFails(self.pick(&faults))
            }
            56 => Op::StoreSlow { millis: self.within(10, 20_000) },
            57 => Op::Cancel { batch: self.below(4) as u8 },
            58 => Op::CancelElsewhere { batch: self.below(4) as u8 },
            59 => Op::Panic(self.pick(&[
                Actor::Collector,
                Actor::BatchSubmitter,
                Actor::StatusLogger,
                Actor::Poller,
            ])),
            60 => Op::Crash { down: self.millis() },
            61..63 => Op::CrashAt { step: self.within(1, 40) as u32, down: self.millis() },
            _ => Op::Restart { limit: self.millis(), down: self.millis() },
        }
    }
}

/// The schedule of a seed.
pub fn schedule(seed: u64) -> Vec<Op> {
    let mut dice = Dice(seed);
    // Neighbouring seeds share nothing after this.
    dice.0 = dice.roll();
    let (mut clients, length) = (0, dice.within(10, 41));
    (0..length).map(|_| dice.op(&mut clients)).collect()
}
