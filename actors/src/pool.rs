//! Several actors of one kind, and how work is spread over them.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use serde::Serialize;

use crate::cell::{Behaviour, Letter, Mail, Receive};

/// A fixed number of actors of one kind.
pub struct Pool<B: Behaviour> {
    members: Vec<Mail<B>>,
    turn: Arc<AtomicUsize>,
}

/// How evenly the work of a kind is spread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Balance {
    /// Which kind of actor.
    pub kind: &'static str,
    /// Over how many it is spread.
    pub size: usize,
    /// How much each has had: messages handled; batches, for the arbiters of Pollers.
    pub handled: Vec<u64>,
    /// The most that one has had, as a multiple of what each would have had if it were even: from 1 to the size.
    pub imbalance: f64,
}

impl Balance {
    /// Of what each has had.
    pub fn of(kind: &'static str, handled: Vec<u64>) -> Self {
        let (size, total) = (handled.len(), handled.iter().sum::<u64>());
        let most = handled.iter().max().copied().unwrap_or_default();
        let imbalance = if total == 0 { 1.0 } else { most as f64 * size as f64 / total as f64 };
        Self { kind, size, handled, imbalance }
    }
}

impl<B: Behaviour> Clone for Pool<B> {
    fn clone(&self) -> Self {
        Self { members: self.members.clone(), turn: self.turn.clone() }
    }
}

impl<B: Behaviour> Pool<B> {
    /// Starts `size` actors, at least one; `start` gets each one's number.
    pub fn start(size: usize, start: impl FnMut(usize) -> Mail<B>) -> Self {
        Self { members: (0..size.max(1)).map(start).collect(), turn: Arc::default() }
    }

    /// The member for a key; the same for the same key.
    pub fn by(&self, key: &impl Hash) -> &Mail<B> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let index = hasher.finish() % self.members.len() as u64;
        // A pool has at least one member, and the index is a remainder of their number.
        &self.members[index as usize]
    }

    /// The member with the least work in hand and on its way; of several such, each in its turn.
    pub fn least_loaded(&self) -> &Mail<B> {
        let turn = self.turn.fetch_add(1, Relaxed) % self.members.len();
        let (before, from) = self.members.split_at(turn);
        let least = from.iter().chain(before).min_by_key(|member| member.meter().burden());
        // A pool has at least one member.
        least.unwrap_or(&self.members[0])
    }

    /// Tells every member.
    pub fn tell_all<M: Letter + Clone>(&self, message: M)
    where
        B: Receive<M>,
    {
        for member in &self.members {
            member.tell(message.clone());
        }
    }

    /// How evenly the messages handled are spread.
    pub fn balance(&self) -> Balance {
        Balance::of(B::KIND, self.members.iter().map(|member| member.meter().handled()).collect())
    }

    /// Every member.
    pub fn members(&self) -> &[Mail<B>] {
        &self.members
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imbalance_is_from_one_to_the_size() {
        assert_eq!(Balance::of("Any", vec![5, 5, 5, 5]).imbalance, 1.0);
        assert_eq!(Balance::of("Any", vec![0, 20, 0, 0]).imbalance, 4.0);
        assert_eq!(Balance::of("Any", vec![0, 0]).imbalance, 1.0);
    }
}
