//! Where several endpoints answer the same call with a failure, it is the call that fails and not they.

use std::cell::RefCell;
use std::sync::Arc;

use homeostat_reactor::ManualClock;
use homeostat_resilience::stack::{Stack, StackSettings};
use homeostat_resilience::{Advice, Call, Verdict};

use crate::simulation::run;

/// How many attempts the calls took, one after the other, where some endpoints answer that they failed and the others break off.
fn attempts(endpoints: u32, answering: u32, calls: usize) -> Vec<u32> {
    let time = ManualClock::new();
    let stack = Stack::builder("shop", &time.clock()).settings(StackSettings::default()).seed(7).build().unwrap();
    (0..endpoints).for_each(|endpoint| stack.endpoints().insert(&endpoint.to_string(), endpoint));
    let advise = |result: Result<&(), &bool>| match result {
        Ok(()) => Verdict::Good.into(),
        Err(true) => Advice::from(Verdict::Failed).was_answered(),
        Err(false) => Verdict::Failed.into(),
    };
    let made = RefCell::new(0);
    (0..calls)
        .map(|_| {
            made.replace(0);
            let work = |_, endpoint: Arc<u32>| {
                *made.borrow_mut() += 1;
                async move { Err::<(), _>(*endpoint < answering) }
            };
            run(&time, stack.call(&Call::idempotent(), advise, work)).unwrap_err();
            made.take()
        })
        .collect()
}

#[test]
fn three_endpoints_or_all_that_there_are_decide() {
    // Would break: a bug in one page costs six attempts a visit, and what the budget has no more is waited for until the deadline.
    for (endpoints, most) in [(1, 2), (2, 2), (3, 3), (10, 3)] {
        let made = attempts(endpoints, endpoints, 40);
        assert_eq!(made[0], most, "{endpoints} endpoints");
        assert!(made.iter().all(|made| *made <= most), "{endpoints} endpoints: {made:?}");
    }
}

#[test]
fn who_breaks_off_decides_nothing() {
    // Would break: a call is given up because those who never answered it are taken for ones that did.
    for (endpoints, answering) in [(1, 0), (2, 0), (2, 1), (10, 2)] {
        let made = attempts(endpoints, answering, 1)[0];
        assert!(made > 3, "{answering} of {endpoints} answer: {made} attempts");
    }
}

#[test]
fn what_those_said_that_are_gone_decides_nothing() {
    // Would break: two of three instances answer with errors while they are stopped, and the third is not even asked.
    let time = ManualClock::new();
    let stack = Stack::builder("shop", &time.clock()).settings(StackSettings::default()).seed(7).build().unwrap();
    (0..3_u32).for_each(|endpoint| stack.endpoints().insert(&endpoint.to_string(), endpoint));
    let asked = RefCell::new(Vec::new());
    let advise = |result: Result<&(), &()>| match result {
        Ok(()) => Verdict::Good.into(),
        Err(()) => Advice::from(Verdict::Failed).was_answered(),
    };
    let work = |_, endpoint: Arc<u32>| {
        asked.borrow_mut().push(*endpoint);
        let is_last = asked.borrow().len() == 3;
        if !is_last {
            stack.endpoints().remove(&endpoint.to_string());
        }
        async move { if is_last { Ok(()) } else { Err(()) } }
    };
    assert!(run(&time, stack.call(&Call::idempotent(), advise, work)).is_ok(), "asked: {:?}", asked.borrow());
}
