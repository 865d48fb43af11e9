use batch_gpt_actors::rules::{
    admission::{Admission, Capacity},
    lane::Tenant,
};
use proptest::{collection::vec, prelude::*};

fn tenant(number: usize) -> Tenant {
    Tenant(number.to_string().into())
}

proptest! {
    /// Whatever the others hold, a tenant with less than its share finds a place, and there are never more than all.
    #[test]
    fn nobody_takes_the_share_of_another(
        places in 1..60usize,
        tenants in 1..6usize,
        moves in vec((any::<bool>(), 0..6usize), 1..300),
    ) {
        let capacity = Capacity::shared(places, tenants);
        let mut admission = Admission::new(capacity);
        let mut held = vec![0; tenants];
        for (comes, number) in moves {
            let number = number % tenants;
            let who = tenant(number);
            if comes {
                let foreseen = admission.has_room(&who);
                let admitted = admission.take(&who);
                prop_assert_eq!(foreseen, admitted);
                prop_assert!(admitted || held[number] >= capacity.share());
                held[number] += usize::from(admitted);
            } else if held[number] > 0 {
                admission.leave(&who);
                held[number] -= 1;
            }
            prop_assert_eq!(admission.held(&who), held[number]);
            prop_assert_eq!(admission.open(), held.iter().sum::<usize>());
            prop_assert!(admission.open() <= places);
        }
        for (number, count) in held.into_iter().enumerate() {
            (0..count).for_each(|_| admission.leave(&tenant(number)));
        }
        prop_assert_eq!(admission.open(), 0);
    }

    /// A tenant that asks without end gets everything but the shares of the others, whoever comes first.
    #[test]
    fn a_greedy_tenant_leaves_exactly_the_shares_of_the_others(places in 1..200usize, tenants in 1..6usize) {
        let capacity = Capacity::shared(places, tenants);
        let mut admission = Admission::new(capacity);
        while admission.take(&tenant(0)) {}
        prop_assert_eq!(admission.held(&tenant(0)), places - (tenants - 1) * capacity.share());
        for number in 1..tenants {
            while admission.take(&tenant(number)) {}
            prop_assert_eq!(admission.held(&tenant(number)), capacity.share());
        }
    }

    /// What an earlier life let in has its place in any case, and nobody new comes in before there is room again.
    #[test]
    fn what_is_taken_up_counts_and_is_never_refused(places in 1..40usize, kept in 0..80usize) {
        let mut admission = Admission::new(Capacity::shared(places, 2));
        (0..kept).for_each(|_| admission.keep(&tenant(7)));
        prop_assert_eq!(admission.open(), kept);
        prop_assert_eq!(admission.has_room(&tenant(0)), kept < places);
        (0..kept).for_each(|_| admission.leave(&tenant(7)));
        prop_assert_eq!(admission.open(), 0);
    }
}

#[test]
fn a_tenant_that_is_the_only_one_may_take_every_place() {
    let mut admission = Admission::new(Capacity::shared(7, 1));
    assert_eq!((0..20).filter(|_| admission.take(&tenant(0))).count(), 7);
}

#[test]
fn no_tenant_gets_more_than_each_may_have() {
    let mut admission = Admission::new(Capacity { each: 3, ..Capacity::shared(20, 2) });
    assert_eq!((0..20).filter(|_| admission.take(&tenant(0))).count(), 3);
    assert_eq!((0..20).filter(|_| admission.take(&tenant(1))).count(), 3);
    admission.leave(&tenant(0));
    assert!(admission.take(&tenant(0)));
}

#[test]
fn a_tenant_that_comes_later_gets_its_share_as_soon_as_there_is_room() {
    let mut admission = Admission::new(Capacity::shared(8, 1));
    while admission.take(&tenant(0)) {}
    admission.share_among(2);
    assert!(!admission.has_room(&tenant(1)), "nobody is put out");
    admission.leave(&tenant(0));
    assert!(!admission.has_room(&tenant(0)), "what becomes free is kept for the other one");
    assert!(admission.take(&tenant(1)));
    (0..7).for_each(|_| admission.leave(&tenant(0)));
    while admission.take(&tenant(0)) {}
    assert_eq!((admission.held(&tenant(0)), admission.held(&tenant(1))), (6, 1));
    admission.share_among(1);
    assert!(admission.take(&tenant(0)));
}
