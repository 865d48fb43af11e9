//! Who may come in, and as whom.

use std::{
    hash::RandomState,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, PoisonError},
};

use actix_web::{
    HttpMessage, HttpRequest,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
};
use batch_gpt_actors::rules::{
    attempts::{Attempts, Verdict},
    lane::Tenant,
    outcome::ApiError,
    time::Millis,
};

use super::{
    error::{HttpError, Retry},
    gateway::now,
};
use crate::keys::{Key, ring::Keyring};

/// Headers by which a proxy says that it only passes a request on. Such a request does not come from this machine.
static PASSED_ON: [HeaderName; 4] =
    [header::FORWARDED, header::VIA, header::X_FORWARDED_FOR, HeaderName::from_static("x-real-ip")];

/// See the module.
#[derive(Debug)]
pub struct Door {
    keys: Arc<Keyring>,
    administrator: Option<Key>,
    attempts: Mutex<Attempts>,
}

/// Who calls.
struct Caller {
    /// None if it is nobody's tenant, as an administrator is where keys are asked for.
    tenant: Option<Tenant>,
    administrator: bool,
}

/// The mark of a request whose caller is known.
pub struct Known;

impl Door {
    /// A door that these keys open. An address that presents more wrong keys within a minute is told to wait.
    pub fn new(keys: Arc<Keyring>, administrator: Option<Key>, wrong_keys_per_minute: u32) -> Self {
        let seeds = std::array::from_fn(|_| RandomState::new());
        Self { keys, administrator, attempts: Mutex::new(Attempts::new(wrong_keys_per_minute, seeds)) }
    }

    /// The keys of tenants.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Whose request it is.
    pub fn tenant(&self, request: &HttpRequest) -> Result<Tenant, HttpError> {
        let tenant = self.caller(request)?.tenant;
        tenant
            .ok_or_else(|| forbidden("The administrator's key is no tenant's: present the key of a tenant."))
    }

    /// Whose batches, files and answers this request may see: everybody's for an administrator.
    pub fn scope(&self, request: &HttpRequest) -> Result<Option<Tenant>, HttpError> {
        let caller = self.caller(request)?;
        Ok(caller.tenant.filter(|_| !caller.administrator))
    }

    /// Lets administrators pass, and without an administrator's key everybody on this machine.
    pub fn administrator(&self, request: &HttpRequest) -> Result<(), HttpError> {
        if self.administrator.is_none() && is_local(request) {
            admit(request);
            return Ok(());
        }
        if self.caller(request)?.administrator {
            return Ok(());
        }
        // Where any key is a tenant's, this is the only place that knows a wrong one.
        if self.keys.is_open()
            && let Some(presented) = bearer(request)
        {
            self.judge(request, &Key::new(presented), false)?;
        }
        Err(forbidden("This is for administrators."))
    }

    /// Whether there is an administrator's key.
    pub fn has_administrator(&self) -> bool {
        self.administrator.is_some()
    }

    /// Lets administrators pass who have their key as a browser sends it, as a password, or as a bearer. Without such a
    /// key everybody on this machine passes.
    pub fn browser(&self, request: &HttpRequest, password: Option<&str>) -> Result<(), HttpError> {
        let Some(administrator) = self.administrator else {
            return self.administrator(request);
        };
        let Some(presented) = password.or(bearer(request)).map(Key::new) else {
            let message =
                "The password is the administrator's key, BATCH_GPT_ADMIN_KEY; the name does not matter.";
            return Err(unauthorized(None, message));
        };
        self.judge(request, &presented, presented == administrator)?;
        admit(request);
        Ok(())
    }

    fn caller(&self, request: &HttpRequest) -> Result<Caller, HttpError> {
        let caller = self.identify(request)?;
        admit(request);
        Ok(caller)
    }

    fn identify(&self, request: &HttpRequest) -> Result<Caller, HttpError> {
        let presented = bearer(request).map(Key::new);
        if self.keys.is_open() {
            let administrator = match self.administrator {
                Some(key) => presented == Some(key),
                None => is_local(request),
            };
            return Ok(Caller { tenant: Some(Tenant::anonymous()), administrator });
        }
        let presented = presented.ok_or_else(|| {
            let message = "You didn't provide an API key: send it as 'Authorization: Bearer KEY'.";
            unauthorized(None, message)
        })?;
        let administrator = self.administrator == Some(presented);
        let tenant = if administrator { None } else { self.keys.tenant(&presented, now()) };
        self.judge(request, &presented, administrator || tenant.is_some())?;
        Ok(Caller { tenant, administrator })
    }

    fn judge(&self, request: &HttpRequest, key: &Key, right: bool) -> Result<(), HttpError> {
        // A request without an address exists in tests alone.
        let peer = peer(request).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        match attempts.judge(peer, key.hash(), right, now()) {
            Verdict::Right => Ok(()),
            Verdict::Wrong => Err(unauthorized(Some("invalid_api_key"), "Incorrect API key provided.")),
            Verdict::TooMany(rest) => Err(too_many(rest)),
        }
    }
}

fn admit(request: &HttpRequest) {
    request.extensions_mut().insert(Known);
}

/// Whether a request comes from this machine, as far as can be seen.
fn is_local(request: &HttpRequest) -> bool {
    let passed_on = PASSED_ON.iter().any(|name| request.headers().contains_key(name));
    !passed_on && peer(request).is_some_and(|address| address.to_canonical().is_loopback())
}

fn peer(request: &HttpRequest) -> Option<IpAddr> {
    request.peer_addr().map(|address| address.ip())
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim()).filter(|key| !key.is_empty())
}

fn unauthorized(code: Option<&str>, message: &str) -> HttpError {
    HttpError::new(StatusCode::UNAUTHORIZED, ApiError::new("invalid_request_error", code, message))
}

pub(super) fn forbidden(message: &str) -> HttpError {
    let error = ApiError::new("invalid_request_error", Some("forbidden"), message);
    HttpError::new(StatusCode::FORBIDDEN, error)
}

fn too_many(rest: Millis) -> HttpError {
    let message = "Too many incorrect API keys came from this address.";
    let error = ApiError::new("invalid_request_error", Some("too_many_incorrect_keys"), message);
    let retry = Retry::After(rest.0.div_ceil(1000).max(1));
    HttpError { status: StatusCode::TOO_MANY_REQUESTS, error, retry }
}
