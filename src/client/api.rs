//! Calls of a gateway's API.

use std::{collections::HashMap, time::Duration};

use reqwest::{Client, Method, StatusCode, Url, redirect::Policy};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Address, Batch, Overview, REFUSED, UNREACHABLE};
use crate::{
    cli::Secret,
    terminal::wording::{NOTHING, printable},
};

/// Most batches of a page (contract, section 1.2).
pub const PAGE: usize = 100;
/// Most batches that the gateway tells at once what it knows of them.
const MOST_KNOWN: usize = 1_000;
/// How long the way to the gateway may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A gateway that can be asked.
#[derive(Debug, Clone)]
pub struct Api {
    http: Client,
    address: Address,
    key: Option<Secret>,
}

/// A part of the list of batches, newest first.
#[derive(Debug)]
pub struct Page {
    /// The batches.
    pub batches: Vec<Batch>,
    /// Whether others follow.
    pub has_more: bool,
}

/// Why there is no answer to go by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nobody answered, or not to the end.
    #[error("cannot reach {0}: {1}")]
    Unreachable(String, String),
    /// The gateway says no.
    #[error("{0} says no ({1}): {2}")]
    Refused(String, u16, String),
    /// What came back is no answer of a gateway.
    #[error("{0} does not answer like a gateway: {1}")]
    Strange(String, String),
}

impl Fault {
    /// The exit code that says it to scripts.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unreachable(..) => UNREACHABLE,
            Self::Refused(..) | Self::Strange(..) => REFUSED,
        }
    }
}

#[derive(Deserialize)]
struct List {
    data: Vec<Box<RawValue>>,
    #[serde(default)]
    has_more: bool,
}

/// What the gateway itself knows of batches.
#[derive(Deserialize)]
struct Known {
    data: Vec<KnownBatch>,
}

#[derive(Deserialize)]
struct KnownBatch {
    id: Option<String>,
    model: String,
}

#[derive(Deserialize)]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
struct RefusalError {
    message: String,
}

impl Api {
    /// A gateway at this address. The key goes nowhere else: no redirect is followed, and no proxy stands between two
    /// programs of one machine.
    pub fn new(address: Address, key: Option<Secret>) -> Result<Self, Fault> {
        let mut http = Client::builder().connect_timeout(CONNECT).timeout(PATIENCE).redirect(Policy::none());
        if address.is_local() {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| Fault::Unreachable(address.to_string(), root(&error)))?;
        Ok(Self { http, address, key: key.filter(|key| !key.0.is_empty()) })
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// At most `limit` batches (1 to [`PAGE`]), from the newest on, or from the one behind `after`.
    pub async fn page(&self, after: Option<&str>, limit: usize) -> Result<Page, Fault> {
        let mut url = self.address.of(&["batches"]);
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after);
        }
        let body = self.call(Method::GET, url).await?;
        let list: List = serde_json::from_str(&body).map_err(|error| self.strange(&error))?;
        let batches = list.data.iter().map(|object| self.batch_in(object.get()));
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        // A page that says of nothing that more follows would be asked for again for ever.
        let has_more = list.has_more && !batches.is_empty();
        Ok(Page { batches, has_more })
    }

    /// One batch.
    pub async fn batch(&self, id: &str) -> Result<Batch, Fault> {
        let body = self.call(Method::GET, self.address.of(&["batches", id])).await?;
        self.batch_in(&body)
    }

    /// Names the models of batches that tell none, as far as the gateway knows them: the upstream tells a model at the
    /// end, if at all.
    pub async fn name_models(&self, batches: &mut [Batch]) -> Result<(), Fault> {
        if batches.iter().all(|batch| batch.model != NOTHING) {
            return Ok(());
        }
        let mut url = self.address.of(&["overview", "batches"]);
        let limit = batches.len().min(MOST_KNOWN);
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        let body = match self.call(Method::GET, url).await {
            // It has none to tell, or not to this caller.
            Err(Fault::Refused(..)) => return Ok(()),
            called => called?,
        };
        let known: Known = serde_json::from_str(&body).map_err(|error| self.strange(&error))?;
        let models: HashMap<String, String> =
            known.data.into_iter().filter_map(|batch| Some((batch.id?, batch.model))).collect();
        for batch in batches.iter_mut().filter(|batch| batch.model == NOTHING) {
            if let Some(model) = models.get(batch.upstream.id.as_str()) {
                batch.model = printable(model);
            }
        }
        Ok(())
    }

    /// Cancels a batch. Returns how it stands after that.
    pub async fn cancel(&self, id: &str) -> Result<Batch, Fault> {
        let body = self.call(Method::POST, self.address.of(&["batches", id, "cancel"])).await?;
        self.batch_in(&body)
    }

    /// The gateway's own numbers; `None` if it has none to show, or not to this caller.
    pub async fn overview(&self) -> Result<Option<Overview>, Fault> {
        match self.call(Method::GET, self.address.of(&["overview"])).await {
            Ok(body) => Ok(Overview::parse(&body)),
            Err(Fault::Refused(..)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn call(&self, method: Method, url: Url) -> Result<String, Fault> {
        let mut call = self.http.request(method, url);
        if let Some(key) = &self.key {
            call = call.bearer_auth(&key.0);
        }
        let unreachable = |error: reqwest::Error| Fault::Unreachable(self.address.to_string(), root(&error));
        let response = call.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.text().await.map_err(unreachable)?;
        if status == StatusCode::OK { Ok(body) } else { Err(self.refused(status, &body)) }
    }

    fn refused(&self, status: StatusCode, body: &str) -> Fault {
        let message = match serde_json::from_str::<Refusal>(body) {
            Ok(refusal) => printable(&refusal.error.message),
            Err(_) => status.canonical_reason().unwrap_or("no reason given").to_owned(),
        };
        Fault::Refused(self.address.to_string(), status.as_u16(), message)
    }

    fn batch_in(&self, object: &str) -> Result<Batch, Fault> {
        Batch::parse(object).map_err(|error| self.strange(&error))
    }

    fn strange(&self, error: &dyn std::error::Error) -> Fault {
        Fault::Strange(self.address.to_string(), printable(&error.to_string()))
    }
}

/// The cause at the bottom, which says more than what it brought about.
fn root(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    printable(&cause.to_string())
}
