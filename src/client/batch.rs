//! A batch as people look at it.

use batch_gpt_actors::rules::{
    timeline::LineCounts,
    upstream_batch::{BatchStatus, NotABatch, UpstreamBatch},
};
use serde_json::Value;

use crate::terminal::wording::{NOTHING, printable};

/// A batch: the object as the upstream wrote it, and what the screens show of it.
///
/// All texts are [`printable`]: an upstream may write what it likes, but not to the terminal.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Identity, status, files and errors, and the object byte for byte.
    pub upstream: UpstreamBatch,
    /// The id.
    pub id: String,
    /// The status in the upstream's own word, also where the gateway does not know it, with spaces for underscores.
    pub status: String,
    /// The endpoint that its lines are for.
    pub endpoint: String,
    /// The model, as the upstream tells it or the gateway knows it.
    pub model: String,
    /// The time that the upstream has, as it spells it.
    pub window: String,
    /// How many lines are where.
    pub counts: LineCounts,
    /// Tokens that went in and came out, where the upstream tells.
    pub tokens: Option<(u64, u64)>,
    /// What its maker attached to it.
    pub metadata: Vec<(String, String)>,
    /// When it expires, in seconds since 1970.
    pub expires_at: Option<u64>,
    moments: Value,
}

impl Batch {
    /// Reads a batch object; members that are absent, null, odd or new do no harm.
    pub fn parse(json: &str) -> Result<Self, NotABatch> {
        let upstream = UpstreamBatch::parse(json)?;
        let moments: Value = serde_json::from_str(json)?;
        let text = |name: &str| moments[name].as_str().map_or_else(|| NOTHING.into(), printable);
        let count = |name: &str| moments["request_counts"][name].as_u64().unwrap_or(0);
        let tokens = |name: &str| moments["usage"][name].as_u64();
        let metadata = moments["metadata"].as_object().into_iter().flatten();
        Ok(Self {
            id: printable(upstream.id.as_str()),
            status: text("status").replace('_', " "),
            endpoint: text("endpoint"),
            model: text("model"),
            window: text("completion_window"),
            counts: LineCounts {
                completed: count("completed"),
                failed: count("failed"),
                total: count("total"),
            },
            tokens: tokens("input_tokens").zip(tokens("output_tokens")),
            metadata: metadata.map(|(name, value)| (printable(name), plain(value))).collect(),
            expires_at: moment(&moments, "expires_at"),
            upstream,
            moments,
        })
    }

    /// When it came to a status, in seconds since 1970: the object's member of that name with `_at`.
    pub fn reached(&self, status: BatchStatus) -> Option<u64> {
        match status {
            BatchStatus::Validating => Some(self.upstream.created_at).filter(|at| *at > 0),
            status => moment(&self.moments, &format!("{}_at", status.as_str())),
        }
    }

    /// When it came to its end, if it has.
    pub fn ended(&self) -> Option<u64> {
        if self.upstream.status.is_terminal() { self.reached(self.upstream.status) } else { None }
    }

    /// How long it has been there, in seconds.
    pub fn age(&self, now: u64) -> Option<u64> {
        self.reached(BatchStatus::Validating).map(|created| now.saturating_sub(created))
    }

    /// How long it took from the creation to the end, in seconds.
    pub fn took(&self) -> Option<u64> {
        let created = self.reached(BatchStatus::Validating)?;
        self.ended().map(|ended| ended.saturating_sub(created))
    }

    /// Whether it is still on its way.
    pub fn is_running(&self) -> bool {
        !self.upstream.status.is_terminal()
    }
}

fn moment(moments: &Value, name: &str) -> Option<u64> {
    moments[name].as_f64().filter(|at| *at > 0.0).map(|at| at as u64)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| printable(&value.to_string()), printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_with_hardly_anything_is_a_batch() {
        let batch = Batch::parse(r#"{"id":"batch_1","status":"dozing_off","request_counts":null}"#).unwrap();
        assert_eq!((batch.status.as_str(), batch.model.as_str()), ("dozing off", NOTHING));
        assert_eq!((batch.counts, batch.counts.percent()), (LineCounts::default(), None));
        assert_eq!((batch.age(10), batch.took(), batch.is_running()), (None, None, true));
    }

    #[test]
    fn an_upstream_cannot_write_to_the_terminal() {
        let batch = Batch::parse(r#"{"id":"b\u001b[2J","metadata":{"k\n":"\u0007v","n":7}}"#).unwrap();
        assert_eq!(batch.id, "b\u{fffd}[2J");
        let metadata = [("k\u{fffd}", "\u{fffd}v"), ("n", "7")];
        assert_eq!(batch.metadata, metadata.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
