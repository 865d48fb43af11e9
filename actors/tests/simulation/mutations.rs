//! The simulation notices when a rule is broken.

use batch_gpt_actors::mutation::{Mutation, choose};

use crate::search::first_broken;

/// Looks for a schedule under a broken rule; there must be one.
fn is_noticed(mutation: Mutation) {
    let broken = first_broken(|| choose(Some(mutation)));
    println!("{mutation:?}: {}", broken.expect("a schedule that breaks a promise"));
}

#[test]
fn an_error_file_that_is_not_read_is_noticed() {
    is_noticed(Mutation::DropErrorFile);
}

#[test]
fn a_forgotten_resend_is_noticed() {
    is_noticed(Mutation::ForgetResend);
}

#[test]
fn a_second_creation_is_noticed() {
    is_noticed(Mutation::DoubleCreate);
}
