//! Windows by a clock that is set forward and back: still every event is in its window once, and none is told too soon.

use std::time::Duration;

use futures::{FutureExt, StreamExt};
use homeostat_reactor::window::{KeyLimits, Part, WindowExt, Windows};
use homeostat_reactor::{ManualClock, Moment};
use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Click, Out, both, click, secs, told};

#[derive(Debug, Clone, Copy)]
enum Step {
    Event(u8),
    /// Somebody sets the clock to this second.
    Set(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![2 => (0..3_u8).prop_map(Step::Event), 1 => (0..120_u64).prop_map(Step::Set)];
    prop::collection::vec(step, 0..80)
}

/// Everything that is told, each with the latest second the clock had shown by then.
fn run(windows: Windows, steps: &[Step]) -> (Vec<(Out, u64)>, homeostat_reactor::window::WindowCounts) {
    let (time, mut latest, mut out) = (ManualClock::new(), 0, Vec::new());
    let (events, clicks) = mpsc::channel(100);
    let grouped = ReceiverStream::new(clicks).group_by(|click: &Click| click.user, KeyLimits::at_most(10));
    let mut stream = grouped.window(windows, time.clock()).aggregate(both());
    for step in steps {
        match *step {
            Step::Event(user) => events.try_send(click(user, 0)).unwrap(),
            Step::Set(second) => {
                time.set(Moment::from_secs(second));
                latest = latest.max(second);
            }
        }
        while let Some(window) = stream.next().now_or_never() {
            out.push((window.unwrap(), latest));
        }
    }
    drop(events);
    while let Some(Some(window)) = stream.next().now_or_never() {
        out.push((window, u64::MAX));
    }
    (out, stream.counts())
}

proptest! {
    #[test]
    fn a_clock_that_is_set_leaves_windows_whole(
        kind in prop::sample::select(vec!["tumbling", "sliding", "session", "count"]), size in 1..=15_u64, steps in steps(),
    ) {
        // Would break: events lost, late or counted twice, a window told again or before its time, because the clock was set.
        let length = Duration::from_secs(size);
        let (windows, copies) = match kind {
            "tumbling" => (Windows::tumbling(length), 1),
            "sliding" => (Windows::sliding(length * 3, length).unwrap(), 3),
            "session" => (Windows::session(length), 1),
            _ => (Windows::count(size), 1),
        };
        let (out, counts) = run(windows, &steps);
        let events = steps.iter().filter(|step| matches!(step, Step::Event(_))).count() as u64;
        prop_assert_eq!(out.iter().map(|(window, _)| window.count).sum::<u64>(), events * copies);
        prop_assert_eq!((counts.taken, counts.late, counts.refused, counts.keys), (events, 0, 0, 0));
        prop_assert!(out.iter().all(|(window, _)| window.part == Part::Final));
        if kind != "count" {
            prop_assert!(out.iter().all(|(window, latest)| secs(window.end) <= *latest), "too soon: {:?}", out);
        }
        for user in 0..3 {
            let windows: Vec<_> = out.iter().map(|(window, _)| told(window)).filter(|window| window.0 == user).collect();
            for pair in windows.windows(2) {
                let ((_, start, end, ..), (_, next, ..)) = (pair[0], pair[1]);
                let apart = match kind {
                    "sliding" => next > start || start == 0,
                    // The moments of the first and the last event.
                    "count" => end <= next,
                    _ => end <= next,
                };
                prop_assert!(apart, "{:?}", windows);
            }
        }
    }
}
