//! rxrust with the operators it has: no queue (the handler runs inside the emitter's call), and no windows.
//!
//! In place of `window`: as it comes, `buffer` with a notifier, which keeps the events of a window until its end; tuned, a new
//! subject for each window, which is what a window operator does inside. A window ends with the first event of the next.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;

use rxrust::context::LocalCtx;
use rxrust::prelude::{
    Context as _, Duration, Observable as _, ObservableFactory as _, Observer as _, Scheduler, TaskHandle,
};

use super::events::{Reading, Readings, Tally, Total, WINDOW_MS, is_wanted, scaled};

/// No operator here waits for time, and nobody subscribes to a subject from within its own emission.
#[derive(Debug, Clone, Copy, Default)]
struct NoTime;

impl<S> Scheduler<S> for NoTime {
    fn schedule(&self, _: S, _: Option<Duration>) -> TaskHandle {
        unreachable!("nothing here is put off")
    }
}

type Here = LocalCtx<(), NoTime>;

/// The loop: a subject with one subscriber.
pub fn sum(events: usize) -> Tally {
    let tally = Rc::new(RefCell::new(Tally::default()));
    let mut source = Here::subject::<Reading, Infallible>();
    let handler = Rc::clone(&tally);
    source.clone().subscribe(move |reading| handler.borrow_mut().handle(&reading));
    Readings::new().take(events).for_each(|reading| source.next(reading));
    source.complete();
    *tally.borrow()
}

/// The stream with `buffer` in place of a window.
pub fn stream_with_buffers(events: usize) -> Tally {
    let tally = Rc::new(RefCell::new(Tally::default()));
    let mut source = Here::subject::<Reading, Infallible>();
    let boundary = Here::subject::<(), Infallible>();
    let (results, notifier, mut open) = (Rc::clone(&tally), boundary.clone(), 0);
    source
        .clone()
        .map(scaled)
        .filter(is_wanted)
        .tap(move |reading: &Reading| {
            let window = reading.at_ms / WINDOW_MS;
            if window != open {
                open = window;
                notifier.clone().next(());
            }
        })
        .group_by(|reading: &Reading| reading.key)
        .subscribe(move |group| {
            let key = group.inner().key;
            let results = Rc::clone(&results);
            group.buffer(boundary.clone()).filter(|events| !events.is_empty()).subscribe(move |events| {
                let window = events.first().map_or(0, |event: &Reading| event.at_ms / WINDOW_MS);
                let mut total = Total::default();
                events.iter().for_each(|event| total.add(event.value));
                results.borrow_mut().add(window, key, total);
            });
        });
    Readings::new().take(events).for_each(|reading| source.next(reading));
    source.complete();
    *tally.borrow()
}

/// The stream with a subject for each window: grouped and reduced inside.
pub fn stream_with_subjects(events: usize) -> Tally {
    let tally = Rc::new(RefCell::new(Tally::default()));
    let mut source = Here::subject::<Reading, Infallible>();
    let results = Rc::clone(&tally);
    let begin = move |window: u64| {
        let subject = Here::subject::<Reading, Infallible>();
        let results = Rc::clone(&results);
        subject.clone().group_by(|reading: &Reading| reading.key).subscribe(move |group| {
            let key = group.inner().key;
            let results = Rc::clone(&results);
            group
                .reduce_initial(Total::default(), |mut total, reading: Reading| {
                    total.add(reading.value);
                    total
                })
                .subscribe(move |total| results.borrow_mut().add(window, key, total));
        });
        subject
    };
    let open = Rc::new(RefCell::new((0, begin(0))));
    let last = Rc::clone(&open);
    source.clone().map(scaled).filter(is_wanted).subscribe(move |reading| {
        let mut open = open.borrow_mut();
        let window = reading.at_ms / WINDOW_MS;
        if window != open.0 {
            let ended = std::mem::replace(&mut *open, (window, begin(window)));
            ended.1.complete();
        }
        open.1.next(reading);
    });
    Readings::new().take(events).for_each(|reading| source.next(reading));
    source.complete();
    last.borrow().1.clone().complete();
    *tally.borrow()
}
