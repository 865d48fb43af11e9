//! What is known of a gateway.

use std::collections::HashSet;

use batch_gpt_actors::rules::{ids::BatchId, timeline::LineCounts, upstream_batch::BatchStatus};

use super::{
    reading::{NEWEST, Reading},
    tab::Tab,
};
use crate::client::{Batch, Overview};

/// The batches as last seen.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    /// Newest first.
    pub batches: Vec<Batch>,
    /// Whether there are older ones.
    pub has_more: bool,
    /// The gateway's own numbers.
    pub overview: Option<Overview>,
}

impl Picture {
    /// Down to which batch the list must be read for the picture to be true again: the oldest one on its way, or the
    /// newest one if all have come to their end. Nothing leaves the list, and what has ended stays as it is.
    pub fn down_to(&self) -> Option<&BatchId> {
        let running = self.batches.iter().rfind(|batch| batch.is_running());
        running.or(self.batches.first()).map(|batch| &batch.upstream.id)
    }

    /// Takes in what was seen.
    pub fn take(&mut self, reading: Reading) {
        let seen: HashSet<BatchId> = reading.batches.iter().map(|batch| batch.upstream.id.clone()).collect();
        let known = std::mem::replace(&mut self.batches, reading.batches);
        if reading.goes_on {
            // The list below what was read is what it was.
            let below =
                known.iter().rposition(|batch| seen.contains(&batch.upstream.id)).map_or(0, |at| at + 1);
            self.batches.extend(known.into_iter().skip(below));
            self.has_more |= self.batches.len() > NEWEST;
            self.batches.truncate(NEWEST);
        } else {
            self.has_more = reading.has_more;
        }
        if let Some(opened) = reading.opened
            && let Some(batch) = self.batches.iter_mut().find(|batch| batch.upstream.id == opened.upstream.id)
        {
            *batch = *opened;
        }
        self.overview = reading.overview;
    }

    /// A batch.
    pub fn batch(&self, id: &BatchId) -> Option<&Batch> {
        self.batches.iter().find(|batch| batch.upstream.id == *id)
    }

    /// How many batches stand in a tab.
    pub fn count(&self, tab: Tab) -> usize {
        self.batches.iter().filter(|batch| tab.shows(batch)).count()
    }

    /// How many batches have a status.
    pub fn with_status(&self, status: BatchStatus) -> usize {
        self.batches.iter().filter(|batch| batch.upstream.status == status).count()
    }

    /// The lines of all batches on their way.
    pub fn under_way(&self) -> LineCounts {
        let running = self.batches.iter().filter(|batch| batch.is_running());
        running.fold(LineCounts::default(), |sum, batch| LineCounts {
            completed: sum.completed.saturating_add(batch.counts.completed),
            failed: sum.failed.saturating_add(batch.counts.failed),
            total: sum.total.saturating_add(batch.counts.total),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(list: &[(&str, &str)]) -> Vec<Batch> {
        let batch = |(id, status): &(&str, &str)| {
            Batch::parse(&format!(r#"{{"id":"{id}","status":"{status}"}}"#)).unwrap()
        };
        list.iter().map(batch).collect()
    }

    fn reading(list: &[(&str, &str)], goes_on: bool) -> Reading {
        Reading { batches: batches(list), goes_on, has_more: goes_on, opened: None, overview: None }
    }

    fn ids(picture: &Picture) -> Vec<&str> {
        picture.batches.iter().map(|batch| batch.upstream.id.as_str()).collect()
    }

    #[test]
    fn the_list_is_read_down_to_what_can_still_change() {
        let mut picture = Picture::default();
        assert_eq!(picture.down_to(), None);
        picture.take(reading(
            &[("d", "completed"), ("c", "in_progress"), ("b", "validating"), ("a", "failed")],
            false,
        ));
        assert_eq!(picture.down_to(), Some(&"b".into()));
        picture.take(reading(
            &[("e", "validating"), ("d", "completed"), ("c", "completed"), ("b", "completed")],
            true,
        ));
        assert_eq!(ids(&picture), ["e", "d", "c", "b", "a"]);
        assert_eq!(
            (picture.count(Tab::Active), picture.count(Tab::Completed), picture.count(Tab::All)),
            (1, 3, 5)
        );
        picture.take(reading(&[("e", "expired"), ("d", "completed")], true));
        assert_eq!((ids(&picture), picture.down_to()), (vec!["e", "d", "c", "b", "a"], Some(&"e".into())));
    }

    #[test]
    fn a_list_without_the_batch_looked_for_is_another_gateways() {
        let mut picture = Picture::default();
        picture.take(reading(&[("b", "completed"), ("a", "failed")], false));
        picture.take(reading(&[("z", "completed")], false));
        assert_eq!(ids(&picture), ["z"]);
    }

    #[test]
    fn a_batch_that_was_looked_at_itself_is_newer_than_the_list() {
        let mut picture = Picture::default();
        let opened = batches(&[("a", "completed")]).pop().map(Box::new);
        picture.take(Reading { opened, ..reading(&[("b", "failed"), ("a", "in_progress")], false) });
        assert_eq!(picture.batch(&"a".into()).unwrap().status, "completed");
    }
}
