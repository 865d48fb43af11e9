//! Which batch moves next.

use std::collections::BTreeSet;

use crate::transition::{Candidate, Job, Step, Work};
use crate::world::State;

/// The steps to come, so that a request need not look at every batch to learn that none is due.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    /// Due times and positions of batches; a batch whose step is being computed is not among them.
    steps: BTreeSet<(u64, usize)>,
    /// Positions of the batches that have not ended.
    active: BTreeSet<usize>,
}

impl Agenda {
    /// Positions of the batches that have not ended.
    pub(crate) fn active(&self) -> impl Iterator<Item = usize> + '_ {
        self.active.iter().copied()
    }

    /// The position of the batch whose step is due first, if one is due.
    pub(crate) fn due(&self, now_ms: u64) -> Option<usize> {
        let (due_ms, position) = *self.steps.first()?;
        (due_ms <= now_ms).then_some(position)
    }
}

impl State {
    /// Enters the next step of a batch in the agenda; needed whenever a batch or a time has changed.
    pub(crate) fn schedule(&mut self, position: usize) {
        let Some(batch) = self.batches.get_mut(position) else {
            return;
        };
        if let Some(due_ms) = batch.due_ms.take() {
            self.agenda.steps.remove(&(due_ms, position));
        }
        match batch.next_step(&self.timing) {
            None => {
                self.agenda.active.remove(&position);
            }
            Some((due_ms, _)) => {
                self.agenda.active.insert(position);
                if !batch.busy {
                    batch.due_ms = Some(due_ms);
                    self.agenda.steps.insert((due_ms, position));
                }
            }
        }
    }

    /// Enters all steps anew, after the times of the stages have changed.
    pub(crate) fn reschedule(&mut self) {
        let active: Vec<usize> = self.agenda.active().collect();
        for position in active {
            self.schedule(position);
        }
    }

    /// Takes the first step that is due out of the agenda.
    pub(crate) fn claim(&mut self, now_ms: u64, seed: u64) -> Option<Job> {
        let position = self.agenda.due(now_ms)?;
        let batch = self.batches.get_mut(position)?;
        batch.busy = true;
        let next = batch.next_step(&self.timing);
        self.schedule(position);
        let (due_ms, step) = next?;
        let batch = self.batches.get(position)?;
        let work = if step == Step::Validate {
            let file_id = batch.request.input_file_id.clone();
            let file = self.files.get(batch.project, &file_id, due_ms);
            let file = file.filter(|_| !batch.fate.loses_file);
            Work::Validate(Box::new(Candidate {
                file_id,
                input: file.map(|file| file.content.clone()),
                fails: batch.fate.fails.clone(),
                endpoint: batch.request.endpoint,
                limits: self.limits.clone(),
                knobs: self.knobs.clone(),
                faults: self.faults.clone(),
            }))
        } else {
            let execution = batch.execution(step, position, self, seed);
            execution.map_or(Work::Nothing, |execution| Work::Execute(Box::new(execution)))
        };
        Some(Job { batch: position, step, due_ms, work })
    }
}
