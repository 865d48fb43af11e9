//! One suite, run against every kind of store: what `ports::Store` promises holds whichever was chosen.

mod concurrency;
mod crash;
mod home;
mod journal;
mod known;
#[path = "../mongod/mod.rs"]
mod mongod;
mod native;
mod paging;
mod replay;
mod retention;
mod roundtrip;
mod sizes;
mod summaries;
mod terms;

/// The suite for one kind of home.
macro_rules! store_suite {
    ($backend:ident, $home:ty) => {
        mod $backend {
            store_suite!(@tests $home;
                roundtrip::accepted_requests_come_back_without_their_bodies,
                roundtrip::bodies_come_in_the_order_asked,
                roundtrip::withdrawn_requests_are_over,
                roundtrip::batch_comes_back_as_far_as_it_came,
                roundtrip::batch_object_is_kept_byte_for_byte,
                roundtrip::settled_batches_are_over_and_their_outcomes_stay,
                roundtrip::first_outcome_of_a_request_stands,
                roundtrip::latest_outcome_of_a_fingerprint_answers,
                roundtrip::statuses_never_go_back_to_the_creation,
                roundtrip::names_are_kept_whatever_they_hold,
                roundtrip::batch_never_sealed_is_not_made_up,
                roundtrip::request_says_how_it_stands,
                replay::store_and_journal_agree_after_every_record,
                replay::group_handed_in_twice_changes_nothing,
                replay::journal_handed_in_twice_changes_nothing,
                concurrency::writers_do_not_disturb_each_other,
                concurrency::ping_and_reads_go_beside_writers,
                paging::pages_go_newest_first_by_creation_and_id,
                paging::tenants_page_through_their_own_batches,
                paging::page_behind_an_unknown_batch_is_not_there,
                paging::page_after_a_batch_survives_newer_ones,
                paging::batches_not_yet_upstream_are_not_listed,
                known::every_answered_fingerprint_is_in_a_page,
                native::files_are_their_latest_makers_own,
                native::native_batches_are_listed_as_last_seen_and_are_nobodys_work,
                summaries::request_is_listed_as_far_as_it_has_come,
                summaries::pages_of_requests_go_newest_first,
                summaries::page_behind_an_unknown_request_is_not_there,
                summaries::requests_of_a_batch_come_in_the_order_of_its_lines,
                terms::kept_terms_come_back,
                terms::good_answers_that_are_not_private_are_reusable,
                terms::request_is_found_by_its_key,
                retention::what_is_kept_long_enough_goes_and_nothing_else,
                retention::sweep_takes_steps_between_which_records_are_written,
                retention::purged_request_answers_nobody_and_is_emptied,
                retention::purged_line_waits_for_its_batch,
                retention::cancellation_that_overtakes_the_sealing_is_in_the_batch,
                retention::emptied_request_stays_ended,
                retention::long_content_goes_alone,
                retention::batches_go_with_their_statuses,
                retention::files_are_spent_until_they_are_removed,
                sizes::bodies_of_many_mebibytes_are_exact,
                sizes::outcomes_of_many_mebibytes_are_exact,
                sizes::batch_of_a_hundred_thousand_requests,
                crash::acknowledged_groups_survive_a_kill,
            );
        }
    };
    (@tests $home:ty; $($file:ident :: $test:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                use crate::home::Home;
                if let Some(home) = <$home>::fresh().await {
                    crate::$file::$test(home).await;
                }
            }
        )*
    };
}

store_suite!(embedded, crate::home::Folder);
store_suite!(mongo, crate::home::Open);
store_suite!(mongo_with_password, crate::home::Guarded);
store_suite!(mongo_replica_set, crate::home::ReplicaSet);
