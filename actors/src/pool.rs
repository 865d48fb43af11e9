//! Several actors of one kind, and how work is spread over them.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::cell::{Behaviour, Letter, Mail, Receive};

/// A fixed number of actors of one kind.
pub struct Pool<B: Behaviour> {
    members: Vec<Mail<B>>,
}

impl<B: Behaviour> Clone for Pool<B> {
    fn clone(&self) -> Self {
        Self { members: self.members.clone() }
    }
}

impl<B: Behaviour> Pool<B> {
    /// Starts `size` actors, at least one; `start` gets each one's number.
    pub fn start(size: usize, start: impl FnMut(usize) -> Mail<B>) -> Self {
        Self { members: (0..size.max(1)).map(start).collect() }
    }

    /// The member for a key; the same for the same key.
    pub fn by(&self, key: &impl Hash) -> &Mail<B> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let index = hasher.finish() % self.members.len() as u64;
        // A pool has at least one member, and the index is a remainder of their number.
        &self.members[index as usize]
    }

    /// The member with the least work in hand and on its way.
    pub fn least_loaded(&self) -> &Mail<B> {
        let least = self.members.iter().min_by_key(|member| member.meter().burden());
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

    /// Every member.
    pub fn members(&self) -> &[Mail<B>] {
        &self.members
    }
}
