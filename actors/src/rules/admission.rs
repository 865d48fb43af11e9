//! How many may be inside at a time, and how the places are shared between tenants.
//!
//! Half of the places belong to the tenants in equal shares; the other half is for whoever comes first. So a tenant
//! alone may take all that is nobody else's share, and one that holds less than its share never finds the house full.
//! Where there is one tenant, all places are its own. No tenant may have more places than each may.

use std::collections::HashMap;

use super::lane::Tenant;

/// How many places there are, and for how many tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Places in all.
    pub places: usize,
    /// Tenants that may come, at least one.
    pub tenants: usize,
    /// Most places of one tenant, however many are free.
    pub each: usize,
}

impl Capacity {
    /// So many places, of which a tenant may have what is nobody else's.
    pub const fn shared(places: usize, tenants: usize) -> Self {
        Self { places, tenants, each: places }
    }

    /// Places that are kept for each tenant.
    pub fn share(self) -> usize {
        (self.places / 2 / self.tenants.max(1)).min(self.each)
    }
}

/// Who holds how many places.
#[derive(Debug)]
pub struct Admission {
    capacity: Capacity,
    held: HashMap<Tenant, usize>,
    open: usize,
    /// Places held that are within their holder's share.
    within_shares: usize,
}

impl Admission {
    /// All places are free.
    pub fn new(capacity: Capacity) -> Self {
        Self { capacity, held: HashMap::new(), open: 0, within_shares: 0 }
    }

    /// Whether the tenant could take a place now.
    pub fn has_room(&self, tenant: &Tenant) -> bool {
        let Capacity { places, tenants, each } = self.capacity;
        let (share, held) = (self.capacity.share(), self.held(tenant));
        if held >= each {
            return false;
        }
        if held < share {
            return self.open < places;
        }
        // Its own share is used up, so what is kept is kept for others. A tenant of an earlier life may be within a
        // share of which nobody knows.
        let kept = (share * tenants.max(1)).saturating_sub(self.within_shares);
        self.open + kept < places
    }

    /// Takes a place if there is one; whether there was.
    pub fn take(&mut self, tenant: &Tenant) -> bool {
        let admitted = self.has_room(tenant);
        if admitted {
            self.keep(tenant);
        }
        admitted
    }

    /// Takes a place for what was let in before, in an earlier life, even if there is none.
    pub fn keep(&mut self, tenant: &Tenant) {
        let held = self.held.entry(tenant.clone()).or_default();
        self.within_shares += usize::from(*held < self.capacity.share());
        *held += 1;
        self.open += 1;
    }

    /// Gives back a place that was taken.
    pub fn leave(&mut self, tenant: &Tenant) {
        let Some(held) = self.held.get_mut(tenant) else {
            return;
        };
        *held -= 1;
        self.open -= 1;
        self.within_shares -= usize::from(*held < self.capacity.share());
        if *held == 0 {
            self.held.remove(tenant);
        }
    }

    /// So many tenants may come from now on.
    pub fn share_among(&mut self, tenants: usize) {
        self.capacity.tenants = tenants;
        let share = self.capacity.share();
        self.within_shares = self.held.values().map(|held| (*held).min(share)).sum();
    }

    /// Places that the tenant holds.
    pub fn held(&self, tenant: &Tenant) -> usize {
        self.held.get(tenant).copied().unwrap_or_default()
    }

    /// Places held in all.
    pub fn open(&self) -> usize {
        self.open
    }

    /// How many places there are.
    pub fn capacity(&self) -> Capacity {
        self.capacity
    }
}
