//! How a batch came along, step by step.

use batch_gpt_actors::rules::{
    time::{Millis, Timestamp},
    timeline::{self, Timeline},
};
use maud::{Markup, html};

use super::elements::{lasting, moment};
use crate::client::{self, Batch};

/// One step.
pub struct Step {
    name: String,
    at: Timestamp,
    lasted: Option<Millis>,
    /// Whether it still lasts.
    is_on: bool,
}

/// The steps of a batch that the ledger knows.
pub fn known(batch: &Timeline, now: Timestamp) -> Vec<Step> {
    let steps = batch.steps(now);
    let last = steps.len().saturating_sub(1);
    let step = |(place, step): (usize, &timeline::Step)| Step {
        name: step.step.replace('_', " "),
        at: step.at,
        lasted: step.lasted,
        is_on: place == last && !batch.is_settled(),
    };
    steps.iter().enumerate().map(step).collect()
}

/// The steps that the upstream's object tells of.
pub fn told(batch: &Batch, now: Timestamp) -> Vec<Step> {
    let step = |stage: client::Stage| Step {
        name: stage.status.as_str().replace('_', " "),
        at: Timestamp(stage.at.saturating_mul(1000)),
        lasted: stage.lasted.map(Millis::from_secs),
        is_on: stage.is_on,
    };
    client::timeline(batch, now.seconds()).into_iter().map(step).collect()
}

/// The steps, as a list.
pub fn list(steps: &[Step]) -> Markup {
    html! {
        ol.timeline {
            @for step in steps {
                li.on[step.is_on] {
                    span.step { (step.name) }
                    span.at { (moment(step.at)) }
                    span.lasted {
                        @if let Some(lasted) = step.lasted { (lasting(lasted)) @if step.is_on { " so far" } }
                    }
                }
            }
        }
    }
}
