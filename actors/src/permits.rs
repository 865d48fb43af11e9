//! Permits: a place among those that may be inside at a time, held for as long as the permit is.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use serde::Serialize;

use crate::rules::{
    admission::{Admission, Capacity},
    lane::Tenant,
};

/// So many places, shared by everybody who takes one.
#[derive(Debug, Clone)]
pub struct Permits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    admission: Mutex<Admission>,
    refused: AtomicU64,
}

/// One of the places. Dropping it gives the place back.
#[derive(Debug)]
pub struct Permit {
    permits: Permits,
    tenant: Tenant,
}

/// How full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Occupancy {
    /// Places held now.
    pub open: usize,
    /// Places in all.
    pub limit: usize,
    /// How often there was none.
    pub refused: u64,
}

impl Permits {
    /// So many places, all free.
    pub fn new(capacity: Capacity) -> Self {
        Self(Arc::new(Inner { admission: Mutex::new(Admission::new(capacity)), refused: AtomicU64::new(0) }))
    }

    /// A permit, if there is a place for this tenant.
    pub fn take(&self, tenant: &Tenant) -> Option<Permit> {
        let taken = self.admission().take(tenant);
        self.count(taken).then(|| self.permit(tenant))
    }

    /// A permit for what an earlier life let in, even if there is no place.
    pub fn keep(&self, tenant: &Tenant) -> Permit {
        self.admission().keep(tenant);
        self.permit(tenant)
    }

    /// Whether there would be a place for this tenant.
    pub fn has_room(&self, tenant: &Tenant) -> bool {
        let room = self.admission().has_room(tenant);
        self.count(room)
    }

    /// So many tenants share the places from now on.
    pub fn share_among(&self, tenants: usize) {
        self.admission().share_among(tenants);
    }

    /// How full it is.
    pub fn occupancy(&self) -> Occupancy {
        let admission = self.admission();
        let refused = self.0.refused.load(Relaxed);
        Occupancy { open: admission.open(), limit: admission.capacity().places, refused }
    }

    fn permit(&self, tenant: &Tenant) -> Permit {
        Permit { permits: self.clone(), tenant: tenant.clone() }
    }

    fn count(&self, admitted: bool) -> bool {
        self.0.refused.fetch_add(u64::from(!admitted), Relaxed);
        admitted
    }

    fn admission(&self) -> MutexGuard<'_, Admission> {
        self.0.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.admission().leave(&self.tenant);
    }
}
