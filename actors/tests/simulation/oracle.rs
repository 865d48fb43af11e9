//! The three promises, asked at the end of a schedule.

use std::collections::HashMap;

use batch_gpt_actors::rules::{
    ids::RequestId,
    outcome::{Origin, Outcome},
};

use crate::{
    books::{Books, KnownRequest},
    client::{Client, State},
    factory::Factory,
    ledger::{Result, Trial},
    settings::MAX_ATTEMPTS,
    world::World,
};

pub fn judge<'a>(
    books: &Books,
    factory: &Factory,
    clients: impl Iterator<Item = &'a Client> + Clone,
    world: &World,
) {
    for request in books.requests() {
        of_request(request, books, factory, world);
    }
    for file in &books.useless {
        world.expect(factory.removed.contains(file), || format!("{file} is upstream for nobody"));
    }
    for client in clients.clone() {
        if let State::Promised(id) = client.state {
            world.expect(books.outcome(id).is_some(), || format!("{id} was promised, and has no outcome"));
        }
    }
    let mut sharers: HashMap<_, Vec<&Client>> = HashMap::new();
    for client in clients {
        sharers.entry((&client.lane, client.prompt)).or_default().push(client);
    }
    for sharing in sharers.values() {
        // Who goes away and comes back after days may pay again, and of two equal clients each pays.
        if let [Client { unsteady: false, lane, prompt, .. }] = sharing[..] {
            let same = |request: &&KnownRequest| {
                request.accepted.lane == *lane && crate::factory::prompt(&request.body) == *prompt
            };
            let ids = books.requests().filter(same).map(|request| request.accepted.id);
            let paid = ids.filter(|id| factory.ledger.trials(*id).iter().any(is_paid)).count();
            world.expect(paid <= 1, || format!("prompt {prompt} is paid for {paid} times"));
        }
    }
}

fn is_paid(trial: &Trial) -> bool {
    matches!(trial.result, Result::Answer(200, _))
}

fn is_answer(trial: &Trial) -> bool {
    matches!(trial.result, Result::Answer(..))
}

fn of_request(request: &KnownRequest, books: &Books, factory: &Factory, world: &World) {
    let id = request.accepted.id;
    let trials = factory.ledger.trials(id);
    let executed = trials.iter().filter(|trial| trial.executed).count();
    world.expect(executed <= MAX_ATTEMPTS, || format!("{id} is executed {executed} times: {trials:?}"));
    let answers = trials.iter().filter(|trial| is_answer(trial)).count();
    world.expect(answers <= 1, || format!("{id} is answered {answers} times: {trials:?}"));
    let first = trials.iter().position(is_answer);
    let over = first.is_none_or(|first| !trials[first + 1..].iter().any(|trial| trial.executed));
    world.expect(over, || format!("{id} is executed after its answer: {trials:?}"));
    if let Some((outcome, _)) = books.outcome(id) {
        of_outcome(id, outcome, trials, books, factory, world);
    }
}

fn of_outcome(
    id: RequestId,
    outcome: &Outcome,
    trials: &[Trial],
    books: &Books,
    factory: &Factory,
    world: &World,
) {
    let told = |status: u16, body: &str| {
        outcome.status == status && outcome.body == body && outcome.origin == Origin::Upstream
    };
    if let Some(Trial { result: Result::Answer(status, body), .. }) = trials.iter().find(|it| is_answer(it)) {
        let faithful = told(*status, body);
        world.expect(faithful, || format!("{id} was answered {status} {body}, and was told {outcome:?}"));
        return;
    }
    let own = |trial: &Trial| matches!(&trial.result, Result::Failure(status, body) if told(*status, body));
    let faithful = outcome.origin == Origin::Gateway || trials.iter().any(own);
    world.expect(faithful, || format!("{id} was told {outcome:?}, which nobody said: {trials:?}"));
    world.expect(!outcome.is_success(), || format!("{id} succeeded without an answer: {outcome:?}"));
    let tried = trials.iter().filter(|trial| !matches!(trial.result, Result::Refused { .. })).count();
    let refused = |trial: &Trial| trial.result == Result::Refused { blamed: true };
    let excused = tried >= MAX_ATTEMPTS
        || trials.iter().any(|trial| factory.ledger.unwanted.contains(&trial.key) || refused(trial))
        || factory.is_lost(id)
        || factory.turned_away.iter().any(|key| key.is_none_or(|key| books.is_in(id, key)));
    world.expect(excused, || format!("{id} was given up without need, {outcome:?}: {trials:?}"));
}
