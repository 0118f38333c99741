//! Retry: how often, how soon, and what of.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use homeostat_reactor::ManualClock;
use homeostat_reactor::reactor::Backoff;
use homeostat_reactor::stream::retry;

use super::{drive, millis, timed};

const BACKOFF: Backoff = Backoff { first: millis_const(10), longest: millis_const(40), failures_max: 5 };

const fn millis_const(millis: u64) -> std::time::Duration {
    std::time::Duration::from_millis(millis)
}

#[test]
fn a_stream_that_fails_is_tried_again_after_growing_waits_and_not_for_ever() {
    // Would break: a source hammered while it is down, or given up too early, or never.
    let time = ManualClock::new();
    let (clock, tries) = (time.clock(), Rc::new(RefCell::new(Vec::new())));
    let told = Rc::clone(&tries);
    let stream = retry(BACKOFF, &time.clock(), move |error: Option<u32>| {
        told.borrow_mut().push((super::shown(clock.now()), error));
        let count = told.borrow().len() as u32;
        futures::stream::iter([Err::<(), _>(count)])
    });
    let (seen, ended) = drive(&time, stream);
    assert_eq!(*tries.borrow(), [(0, None), (10, Some(1)), (30, Some(2)), (70, Some(3)), (110, Some(4))]);
    assert_eq!((seen, ended), (vec![(110, Err(5))], true));
}

#[test]
fn an_item_starts_the_row_anew_and_the_end_is_the_end() {
    // Would break: a connection that drops once a day and is given up after a week.
    let time = ManualClock::new();
    let (clock, tries) = (time.clock(), Cell::new(0));
    let stream = retry(BACKOFF, &time.clock(), move |_: Option<&str>| {
        tries.set(tries.get() + 1);
        let end = if tries.get() == 20 { vec![(1, Ok(0))] } else { vec![(1, Ok(tries.get())), (1, Err("cut off"))] };
        timed(&clock, end, 0)
    });
    let (seen, ended) = drive(&time, stream);
    assert!(ended && seen.iter().all(|(_, item)| item.is_ok()));
    assert_eq!(seen.len(), 20);
    assert_eq!((seen[1].0 - seen[0].0, seen[19].0 - seen[18].0), (12, 12), "the first wait each time");
}

#[test]
fn what_failed_is_dropped_before_the_wait() {
    // Would break: two connections open at once, the broken one among them.
    struct Open(Rc<Cell<i32>>);
    impl Drop for Open {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    let (time, open) = (ManualClock::new(), Rc::new(Cell::new(0)));
    let count = Rc::clone(&open);
    let mut stream = retry(BACKOFF, &time.clock(), move |_: Option<()>| {
        assert_eq!(count.get(), 0);
        count.set(1);
        let guard = Open(Rc::clone(&count));
        futures::stream::poll_fn(move |_| {
            let _ = &guard;
            std::task::Poll::Ready(Some(Err::<(), ()>(())))
        })
    });
    assert!(super::poll_once(&mut stream).is_pending());
    assert_eq!(open.get(), 0);
    let (seen, _) = drive(&time, stream);
    assert_eq!((seen.len(), open.get()), (1, 0));
}

#[test]
fn tries_without_a_wait_do_not_keep_the_thread() {
    // Would break: a backoff without pauses that spins for ever.
    let backoff = Backoff { first: millis(0), longest: millis(0), failures_max: u32::MAX };
    let clock = ManualClock::new().clock();
    let mut stream = retry(backoff, &clock, |_: Option<()>| futures::stream::iter([Err::<(), ()>(())]));
    assert!(super::poll_once(&mut stream).is_pending());
}
