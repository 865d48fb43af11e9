//! The batch machine against an upstream that loses, repeats, delays and refuses, and a gateway that crashes.

mod world;

use std::{collections::HashSet, sync::Arc};

use batch_gpt_actors::rules::{
    batch::{Batch, Command, Event, Phase, Report, Ticket},
    fault::Fault,
    ids::{FileId, RequestId},
    leftover::{Attempts, Leftover, Why},
    outcome::ApiError,
    record::{Progress, Record, UnfinishedBatch},
    time::{Millis, Timestamp},
    upstream_batch::UpstreamBatch,
};
use proptest::{collection::vec, prelude::*};

use world::{Fate, KEY, POLLING, World, described, fate, lane, live, requests, turn};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Under any loss, repetition, delay and any crash: one batch upstream, one outcome for each request.
    #[test]
    fn one_batch_and_one_outcome_each(fates in vec(fate(), 0..60), short in 0..4u32) {
        let mut world = World::new(fates, false, short);
        live(&mut world);
        prop_assert_eq!(world.batches.len(), 1, "the work was bought {} times", world.batches.len());
        for id in requests().iter() {
            prop_assert_eq!(world.outcomes.get(id).map(Vec::len), Some(1));
        }
        let spent = world.journal.iter().rev().find_map(|record| match record {
            Record::Settled { spent, .. } => Some(spent.to_vec()),
            _ => None,
        });
        prop_assert_eq!(spent, Some(vec![FileId::from("file-0")]));
    }

    /// A batch that the upstream refuses for good is told to everybody, and is never created. Whom a crash kept it from
    /// goes on without it.
    #[test]
    fn a_refusal_reaches_everybody(fates in vec(fate(), 0..60)) {
        let mut world = World::new(fates, true, 0);
        live(&mut world);
        prop_assert!(world.batches.is_empty());
        for id in requests().iter() {
            let told = world.outcomes.get(id).map_or(0, Vec::len);
            prop_assert_eq!(told + usize::from(world.returned.contains(id)), 1);
            prop_assert!(told == 0 || !world.outcomes[id][0].is_success());
        }
        prop_assert!(world.removed.iter().all(|file| world.files.contains(file)));
    }

    #[test]
    fn settled_absorbs(fates in vec(fate(), 0..20), seen: bool, later in 0..1_000_000_000u64) {
        let mut world = World::new(fates, false, 0);
        let batch = live(&mut world);
        let event = if seen { Event::Seen(described(0, "in_progress")) } else { Event::Due };
        let (after, commands) = batch.step(event, world.now + Millis(later));
        prop_assert_eq!(after.phase, Phase::Settled);
        prop_assert!(commands.is_empty());
    }
}

#[test]
fn of_two_batches_with_one_key_the_older_is_kept_and_the_other_cancelled() {
    let mut world = World::new(vec![Fate::Fine, Fate::Fine, Fate::Fine, Fate::RequestLost], false, 0);
    let (mut batch, mut commands) = Batch::seal(KEY, lane(), requests(), POLLING, world.now);
    while !matches!(batch.phase, Phase::FindingBatch(..)) {
        (batch, commands) = turn(&mut world, batch, commands).unwrap();
    }
    world.batches = vec![described(7, "validating"), described(3, "in_progress")];
    let mut orphans = HashSet::new();
    for _ in 0..3 {
        orphans.extend(commands.iter().filter_map(|command| match command {
            Command::CancelOrphan(orphan) => Some(orphan.id.clone()),
            _ => None,
        }));
        commands.retain(|command| !matches!(command, Command::CancelOrphan(_)));
        if orphans.is_empty() {
            (batch, commands) = turn(&mut world, batch, commands).unwrap();
        }
    }
    assert_eq!(orphans.into_iter().map(|id| id.to_string()).collect::<Vec<_>>(), ["batch_7"]);
    assert_eq!(batch.upstream_id().map(|id| id.as_str()), Some("batch_3"));
}

/// A batch that is watched, and when.
fn watched(created: Timestamp) -> (Batch, Ticket) {
    let unfinished = UnfinishedBatch {
        key: KEY,
        lane: lane(),
        requests: requests(),
        answered: HashSet::new(),
        sealed_at: created,
        progress: Progress::Created(described(1, "in_progress")),
        cancelled: false,
        attempts: Attempts::default(),
    };
    let (batch, commands) = Batch::resume(unfinished, POLLING, created);
    let ticket = commands.iter().find_map(|command| match command {
        Command::Poll(ticket) => Some(*ticket),
        _ => None,
    });
    (batch, ticket.unwrap())
}

/// Looks at the batch once, at a given time.
fn look(batch: Batch, status: &str, now: Timestamp) -> (Batch, Vec<Command>) {
    let (batch, commands) = batch.step(Event::Due, now);
    let Some(Command::Poll(ticket)) = commands.iter().find(|command| matches!(command, Command::Poll(_)))
    else {
        panic!("a due look is made");
    };
    batch.step(Event::Reported(*ticket, Report::Polled(described(1, status))), now)
}

#[test]
fn case_41_a_batch_that_does_not_end_is_cancelled_and_given_up_in_the_end() {
    let hour = Millis::from_secs(3600);
    let created = Timestamp(1_700_000_000_000);
    let at = |hours: u64| created + Millis(hour.0 * hours);
    let (batch, ticket) = watched(created);
    let polled = Report::Polled(described(1, "finalizing"));
    let (batch, commands) = batch.step(Event::Reported(ticket, polled), at(1));
    assert!(!commands.iter().any(|command| matches!(command, Command::CancelOverdue(_))));
    let (batch, commands) = look(batch, "finalizing", at(26));
    assert!(commands.iter().any(|command| matches!(command, Command::CancelOverdue(_))));
    let (batch, commands) = look(batch, "finalizing", at(27));
    assert!(!commands.iter().any(|command| matches!(command, Command::CancelOverdue(_))), "once is enough");
    let (batch, commands) = look(batch, "finalizing", at(32));
    let Some(Command::Refuse(_, outcome)) = commands.iter().find(|it| matches!(it, Command::Refuse(..)))
    else {
        panic!("its requests are answered: {commands:?}");
    };
    assert_eq!(outcome.status, 504);
    assert!(matches!(batch.phase, Phase::Refusing(_)));
}

#[test]
fn what_a_batch_leaves_over_is_recorded_with_its_end_and_told_after_it() {
    let created = Timestamp(1_700_000_000_000);
    let (batch, ticket) = watched(created);
    let polled = Report::Polled(described(1, "completed"));
    let (batch, commands) = batch.step(Event::Reported(ticket, polled), created);
    let Some(Command::Read(ticket, ..)) =
        commands.iter().find(|command| matches!(command, Command::Read(..)))
    else {
        panic!("it is read");
    };
    let leftover = Arc::new(Leftover { requests: vec![(RequestId(1), 1)], why: Why::Failed });
    let report = Report::Answered(Some(leftover.clone()));
    let (batch, commands) = batch.step(Event::Reported(*ticket, report), created);
    let [Command::Record(ticket, Record::Settled { returned, .. }), Command::WakeAt(_)] = &commands[..]
    else {
        panic!("its end is recorded first: {commands:?}");
    };
    assert_eq!(&returned[..], [(RequestId(1), 1)]);
    let (_, commands) = batch.step(Event::Reported(*ticket, Report::Recorded), created);
    let file = FileId::from("file-1");
    assert_eq!(commands, [Command::Ended(Some(leftover)), Command::Remove([file].into()), Command::Finish]);
}

/// Brings a batch with all kinds of files to its end. Returns what it recorded as spent, and its last commands.
fn ended(spares: bool) -> (Vec<FileId>, Vec<Command>) {
    let now = Timestamp(1_700_000_000_000);
    let (mut batch, ticket) = watched(now);
    if spares {
        batch.spare_files();
    }
    let seen = r#"{"id":"batch_1","status":"expired","created_at":1,
        "input_file_id":"in","output_file_id":"out","error_file_id":"bad"}"#;
    let polled = Report::Polled(UpstreamBatch::parse(seen).unwrap());
    let (batch, commands) = batch.step(Event::Reported(ticket, polled), now);
    assert!(!commands.iter().any(|command| matches!(command, Command::Remove(_))), "{commands:?}");
    let Some(Command::Read(ticket, ..)) = commands.iter().find(|it| matches!(it, Command::Read(..))) else {
        panic!("it is read");
    };
    let (batch, commands) = batch.step(Event::Reported(*ticket, Report::Answered(None)), now);
    let [Command::Record(ticket, Record::Settled { spent, .. }), Command::WakeAt(_)] = &commands[..] else {
        panic!("its end is recorded first: {commands:?}");
    };
    let (_, last) = batch.step(Event::Reported(*ticket, Report::Recorded), now);
    (spent.to_vec(), last)
}

#[test]
fn files_are_removed_when_the_end_of_their_batch_is_recorded() {
    let files = ["in", "out", "bad"].map(FileId::from);
    let (spent, last) = ended(false);
    assert_eq!(spent, files);
    assert_eq!(last, [Command::Ended(None), Command::Remove(files.into()), Command::Finish]);
}

#[test]
fn files_stay_where_that_is_wanted() {
    assert_eq!(ended(true), (Vec::new(), vec![Command::Ended(None), Command::Finish]));
}

#[test]
fn a_file_of_which_no_batch_was_made_is_removed() {
    let mut world = World::new(Vec::new(), true, 0);
    live(&mut world);
    assert_eq!(world.removed, [FileId::from("file-0")]);
}

#[test]
fn a_missing_request_is_believed_after_the_last_of_several_readings() {
    let mut now = Timestamp(1_700_000_000_000);
    let (mut batch, ticket) = watched(now);
    let mut commands = vec![Command::Poll(ticket)];
    let mut patient = 0;
    loop {
        let report = |batch: Batch, ticket, report| batch.step(Event::Reported(ticket, report), now);
        match &commands[0] {
            Command::Poll(ticket) => {
                (batch, commands) = report(batch, *ticket, Report::Polled(described(1, "completed")));
                commands.retain(|command| !matches!(command, Command::Note(_)));
            }
            Command::Read(_, _, terms) if terms.last => break,
            Command::Read(ticket, ..) => {
                patient += 1;
                (batch, commands) = report(batch, *ticket, Report::Incomplete(2));
            }
            Command::WakeAt(at) => {
                now = *at;
                (batch, commands) = batch.step(Event::Due, now);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(patient, 3);
}

#[test]
fn a_batch_for_which_there_is_no_room_or_no_file_gives_its_requests_back() {
    for (code, message, enqueued) in [
        (
            "token_limit_exceeded",
            "Enqueued token limit reached for m in organization o. Limit: 90,000 enqueued tokens.",
            true,
        ),
        ("invalid_request", "Cannot find file file-1, or organization o does not have access to it.", false),
    ] {
        let world = World::new(Vec::new(), false, 0);
        let found = UnfinishedBatch {
            progress: Progress::Uploaded(FileId::from("file-1")),
            key: KEY,
            lane: lane(),
            requests: requests(),
            answered: HashSet::new(),
            sealed_at: world.now,
            cancelled: false,
            attempts: Attempts::default(),
        };
        let (mut batch, mut commands) = Batch::resume(found, POLLING, world.now);
        while !matches!(batch.phase, Phase::Creating(_)) {
            let ticket = match &commands[0] {
                Command::FindBatches(ticket) => *ticket,
                Command::WakeAt(at) => {
                    (batch, commands) = batch.clone().step(Event::Due, *at);
                    continue;
                }
                other => panic!("{other:?}"),
            };
            let report = Report::BatchesFound(Vec::new());
            (batch, commands) = batch.step(Event::Reported(ticket, report), world.now);
        }
        let Command::Create(ticket, _) = &commands[0] else { panic!("{commands:?}") };
        let error = ApiError::new("invalid_request_error", Some(code), message);
        let fault = Fault::Permanent { status: 400, error: error.clone() };
        let (_, commands) = batch.step(Event::Reported(*ticket, Report::Failed(fault)), world.now);
        let why = if enqueued { Why::Enqueued(Some(90_000), error) } else { Why::Passing(error) };
        assert!(matches!(&commands[0], Command::GiveBack(_, given) if *given == why), "{commands:?}");
    }
}
