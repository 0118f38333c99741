//! Windows as streams: closed by time without an event, at the pace of whoever reads, and losing nothing to a dropped future.

use std::cell::Cell;
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt, stream};
use homeostat_reactor::aggregate::Count;
use homeostat_reactor::window::{Aside, EventTime, KeyLimits, Part, Taken, WhenFull, WindowExt, Windowed, Windows};
use homeostat_reactor::{ManualClock, Moment};
use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{Click, both, click, moment, secs, told};

const TEN: Duration = Duration::from_secs(10);

fn limits() -> KeyLimits {
    KeyLimits::at_most(100)
}

/// A source that is fed by hand.
fn source() -> (mpsc::Sender<Click>, impl Stream<Item = Click>) {
    let (sender, receiver) = mpsc::channel(1_000);
    (sender, ReceiverStream::new(receiver))
}

/// Runs a stream in a task of its own and hands over what it yields.
fn run<T: Send + 'static>(mut windows: impl Stream<Item = T> + Send + Unpin + 'static) -> mpsc::Receiver<T> {
    let (told, heard) = mpsc::channel(1_000);
    tokio::spawn(async move {
        while let Some(window) = windows.next().await {
            told.send(window).await.unwrap();
        }
    });
    heard
}

#[tokio::test]
async fn by_the_clock_a_window_closes_although_no_event_comes() {
    // Would break: windows that wait for the next event to notice that they are over.
    let time = ManualClock::new();
    let (events, clicks) = source();
    let windows = clicks.group_by(|click| click.user, limits()).window(Windows::tumbling(TEN), time.clock());
    let mut heard = run(windows.aggregate(both()));
    time.turn(Duration::from_secs(3)).await;
    events.send(click(1, 0)).await.unwrap();
    time.turn(Duration::from_secs(6)).await;
    assert!(heard.try_recv().is_err());
    time.turn(Duration::from_secs(1)).await;
    assert_eq!(told(&heard.try_recv().unwrap()), (1, 0, 10, 1, Part::Final));
    assert_eq!(time.sleepers(), 0, "nobody waits when nothing is open");
}

#[tokio::test]
async fn a_session_by_the_clock_ends_a_gap_after_its_last_event() {
    // Would break: an alarm that stays at the end the session had when it was set, or one that is set anew for each event.
    let time = ManualClock::new();
    let (events, clicks) = source();
    let mut heard = run(clicks.window(Windows::session(TEN), time.clock()).aggregate(Count::new()));
    for _ in 0..5 {
        events.send(click(1, 0)).await.unwrap();
        time.turn(Duration::from_secs(9)).await;
    }
    assert!(heard.try_recv().is_err());
    time.turn(Duration::from_secs(1)).await;
    let window = heard.try_recv().unwrap();
    assert_eq!((secs(window.start), secs(window.end), window.output), (0, 46, 5));
}

#[tokio::test]
async fn a_clock_that_goes_back_makes_nothing_late_and_closes_nothing_twice() {
    // Would break: events taken for late, or a window opened again, because an administrator set the clock.
    let time = ManualClock::new();
    time.set(Moment::from_secs(100));
    let (events, clicks) = source();
    let mut windows = clicks.window(Windows::tumbling(TEN), time.clock()).aggregate(Count::new());
    let meter = windows.meter();
    let mut heard = run(windows);
    events.send(click(1, 0)).await.unwrap();
    time.turn(Duration::from_secs(5)).await;
    time.set(Moment::from_secs(20));
    events.send(click(1, 0)).await.unwrap();
    time.turn(Duration::from_secs(60)).await;
    assert!(heard.try_recv().is_err(), "until the clock has caught up time stands still");
    time.turn(Duration::from_secs(30)).await;
    let window = heard.try_recv().unwrap();
    assert_eq!((secs(window.start), secs(window.end), window.output), (100, 110, 2));
    assert!(heard.try_recv().is_err());
    assert_eq!(meter.read().late, 0);
}

#[tokio::test]
async fn event_time_goes_on_by_the_clock_when_the_source_is_silent() {
    // Would break: the last window before a silence told only when the silence is over, or a source that is merely slow cut off.
    let time = ManualClock::new();
    let (events, clicks) = source();
    let by = EventTime::of(moment).lag(Duration::from_secs(2)).idle(time.clock(), Duration::from_secs(30));
    let mut heard = run(clicks.window(Windows::tumbling(TEN), by).aggregate(Count::new()));
    events.send(click(1, 1_005)).await.unwrap();
    time.turn(Duration::from_secs(29)).await;
    assert!(heard.try_recv().is_err(), "not silent for long enough");
    time.turn(Duration::from_secs(1)).await;
    assert_eq!(secs(heard.try_recv().unwrap().end), 1_010);
    events.send(click(1, 1_100)).await.unwrap();
    time.turn(Duration::from_secs(60)).await;
    assert_eq!(secs(heard.try_recv().unwrap().end), 1_110);
    assert_eq!(time.sleepers(), 0);
}

#[tokio::test]
async fn a_source_that_speaks_now_and_then_is_not_silent() {
    // Would break: an alarm of an earlier silence that goes off in a later one which has not lasted as long.
    let time = ManualClock::new();
    let (events, clicks) = source();
    let by = EventTime::of(moment).idle(time.clock(), Duration::from_secs(30));
    let mut heard = run(clicks.window(Windows::tumbling(TEN), by).aggregate(Count::new()));
    events.send(click(1, 1_003)).await.unwrap();
    time.turn(Duration::from_secs(20)).await;
    events.send(click(1, 1_003)).await.unwrap();
    time.turn(Duration::from_secs(29)).await;
    assert!(heard.try_recv().is_err());
    time.turn(Duration::from_secs(1)).await;
    assert_eq!(heard.try_recv().unwrap().output, 2);
}

#[tokio::test]
async fn an_alarm_is_set_forward_when_something_is_due_sooner() {
    // Would break: a window that waits for the end of a later one.
    let time = ManualClock::new();
    let (events, clicks) = source();
    let by = EventTime::of(moment).lag(Duration::from_secs(60)).idle(time.clock(), Duration::from_secs(5));
    let mut heard = run(clicks.window(Windows::session(TEN), by).aggregate(Count::new()));
    events.send(click(1, 100)).await.unwrap();
    time.turn(Duration::from_secs(1)).await;
    events.send(click(1, 45)).await.unwrap();
    time.turn(Duration::from_secs(14)).await;
    assert!(heard.try_recv().is_err());
    time.turn(Duration::from_secs(1)).await;
    assert_eq!(secs(heard.try_recv().unwrap().end), 55);
    time.turn(Duration::from_secs(55)).await;
    assert_eq!(secs(heard.try_recv().unwrap().end), 110);
}

#[tokio::test]
async fn an_idle_key_tells_its_part_of_a_count_by_the_clock() {
    // Would break: nine events of ten that are never told because the tenth never comes.
    let time = ManualClock::new();
    let (events, clicks) = source();
    let grouped = clicks.group_by(|click| click.user, limits().ttl(Duration::from_secs(30)));
    let mut heard = run(grouped.window(Windows::count(10), time.clock()).aggregate(both()));
    events.send(click(1, 0)).await.unwrap();
    time.turn(Duration::from_secs(29)).await;
    assert!(heard.try_recv().is_err());
    time.turn(Duration::from_secs(1)).await;
    assert_eq!(told(&heard.try_recv().unwrap()), (1, 0, 0, 1, Part::Early));
}

#[tokio::test]
async fn what_an_event_closes_is_told_before_its_key_needs_room() {
    // Would break: a window told early although its end was reached, because the event that shows it came with a new key.
    let clicks = stream::iter([click(1, 5), click(2, 15), click(3, 25)]);
    let grouped = clicks.group_by(|click| click.user, KeyLimits::at_most(1));
    let windows = grouped.window(Windows::tumbling(TEN), EventTime::of(moment)).aggregate(both());
    assert!(windows.collect::<Vec<_>>().await.iter().all(|window| window.part == Part::Final));
}

#[tokio::test]
async fn without_an_idle_limit_event_time_waits_for_events_and_the_end_tells_all() {
    // Would break: a replay that depends on how fast it runs, or an end that swallows what is open.
    let clicks = stream::iter([click(1, 5), click(2, 6), click(1, 7)]).chain(stream::pending());
    let windows = clicks.group_by(|click| click.user, limits()).window(Windows::tumbling(TEN), EventTime::of(moment));
    let mut windows = windows.aggregate(both());
    assert!(windows.next().now_or_never().is_none());
    let clicks = stream::iter([click(1, 5), click(2, 6), click(1, 7)]);
    let windows = clicks.group_by(|click| click.user, limits()).window(Windows::session(TEN), EventTime::of(moment));
    let all: Vec<_> = windows.aggregate(both()).map(|window| told(&window)).collect().await;
    assert_eq!(all, [(2, 6, 16, 1, Part::Final), (1, 5, 17, 2, Part::Final)]);
}

#[tokio::test]
async fn events_are_asked_for_only_when_what_is_closed_was_fetched() {
    // Would break: windows that read ahead and pile up what nobody has asked for.
    let pulled = Cell::new(0_u64);
    let clicks = stream::iter(0..).map(|at| click((at % 3) as u8, at)).inspect(|_| pulled.set(pulled.get() + 1));
    let windows = clicks.group_by(|click| click.user, limits()).window(Windows::tumbling(TEN), EventTime::of(moment));
    let mut windows = windows.aggregate(both());
    for number in 0..30 {
        let window = windows.next().await.unwrap();
        assert_eq!(secs(window.end), (number / 3 + 1) * 10);
        assert_eq!(pulled.get(), secs(window.end) + 1);
    }
}

#[tokio::test]
async fn other_tasks_run_although_nothing_closes() {
    // Would break: a source that is always ready and a window that never ends, which together hold a thread for ever.
    let clicks = stream::repeat(click(1, 1));
    let mut windows = clicks.window(Windows::whole(), EventTime::of(moment)).aggregate(Count::new());
    assert!(windows.next().now_or_never().is_none());
    let before = windows.counts().taken;
    assert!(windows.next().now_or_never().is_none());
    assert!(windows.counts().taken > before && before > 0);
}

proptest! {
    #[test]
    fn a_dropped_future_loses_nothing(waits in prop::collection::vec(any::<bool>(), 200)) {
        // Would break: an event or a window that lives in the future of `next` and dies with it.
        let clicks = |waits: Vec<bool>| {
            let clicks = (0..100_u64).map(|number| click((number % 7) as u8, number * 3));
            // Between events the source is not ready, some times.
            let mut clicks = clicks.flat_map(move |event| [None].into_iter().cycle().take(usize::from(waits[event.at as usize % 200])).chain([Some(event)]));
            stream::poll_fn(move |context| match clicks.next() {
                Some(None) => {
                    context.waker().wake_by_ref();
                    std::task::Poll::Pending
                }
                event => std::task::Poll::Ready(event.flatten()),
            })
        };
        let windows = |waits| {
            let grouped = clicks(waits).group_by(|click: &Click| click.user, KeyLimits::at_most(3));
            grouped.window(Windows::session(TEN), EventTime::of(moment)).aggregate(both())
        };
        let wanted = windows(vec![false; 200]).collect::<Vec<_>>().now_or_never().unwrap();
        let (mut windows, mut all) = (windows(waits), Vec::new());
        loop {
            match windows.next().now_or_never() {
                None => {}
                Some(Some(window)) => all.push(window),
                Some(None) => break,
            }
        }
        prop_assert_eq!(all, wanted);
        prop_assert_eq!(windows.counts().taken, 100);
    }
}

#[tokio::test]
async fn late_events_go_aside_and_what_finds_no_room_there_is_counted() {
    // Would break: a late event that goes missing unseen, or a side output nobody reads that stops the windows.
    let clicks = [30, 1, 2, 31, 3, 32, 4].map(|at| click(1, at));
    let windows = stream::iter(clicks).window(Windows::tumbling(TEN), EventTime::of(moment)).aggregate(both());
    let (mut windows, aside) = windows.side_output(3);
    let window = windows.next().await.unwrap();
    assert_eq!((window.count, windows.next().await), (3, None));
    let counts = windows.counts();
    assert_eq!((counts.taken, counts.accepted(), counts.late, counts.side_dropped), (7, 3, 4, 1));
    let aside: Vec<Aside<Click>> = aside.collect().await;
    assert_eq!(aside, [1, 2, 3].map(|at| Aside { event: click(1, at), why: Taken::Late }));
}

#[tokio::test]
async fn refused_events_go_aside_too() {
    // Would break: an event of a new key that is neither in a window nor anywhere else.
    let clicks = stream::iter([click(1, 1), click(2, 1), click(1, 2)]);
    let limits = KeyLimits::at_most(1).when_full(WhenFull::RefuseNew);
    let windows = clicks.group_by(|click| click.user, limits).window(Windows::tumbling(TEN), EventTime::of(moment));
    let (windows, aside) = windows.aggregate(both()).side_output(10);
    assert_eq!(windows.collect::<Vec<_>>().await.len(), 1);
    assert_eq!(aside.collect::<Vec<_>>().await, [Aside { event: click(2, 1), why: Taken::Refused }]);
}

#[tokio::test]
async fn a_saved_stream_goes_on_with_the_event_after_the_last_taken() {
    // Would break: a restart from a saved state that takes an event twice or leaves one out.
    let clicks: Vec<Click> = (0..40).map(|at| click((at % 3) as u8, at * 2)).collect();
    let windows = |from: usize| {
        let clicks = stream::iter(clicks[from..].to_vec());
        let grouped = clicks.group_by(|click: &Click| click.user, limits());
        let time = EventTime::of(moment).lag(Duration::from_secs(4)).lateness(TEN);
        grouped.window(Windows::sliding(TEN * 2, TEN).unwrap(), time).aggregate(both())
    };
    let wanted: Vec<_> = windows(0).collect().await;
    for fetched in 0..wanted.len() {
        let mut first = windows(0);
        let mut all = Vec::new();
        for _ in 0..fetched {
            all.push(first.next().await.unwrap());
        }
        let saved = first.save();
        let taken = saved.counts().taken as usize;
        all.extend(windows(taken).restore(saved).unwrap().collect::<Vec<_>>().await);
        assert_eq!(all, wanted);
    }
}

#[tokio::test]
async fn reduce_combines_a_figure_of_the_events() {
    // Would break: a first event that is left out, or panes that are not combined.
    let clicks = stream::iter([click(1, 3), click(1, 12), click(2, 14), click(1, 25)]);
    let sliding = Windows::sliding(TEN * 2, TEN).unwrap();
    let windows = clicks.group_by(|click| click.user, limits()).window(sliding, EventTime::of(moment));
    let all: Vec<_> = windows.reduce(|click| click.at, u64::max).collect().await;
    let all: Vec<_> = all.into_iter().map(|Windowed { key, end, output, .. }| (key, secs(end), output)).collect();
    assert_eq!(all, [(1, 10, 3), (1, 20, 12), (2, 20, 14), (1, 30, 25), (2, 30, 14), (1, 40, 25)]);
}

#[tokio::test]
async fn a_scan_keeps_a_state_for_each_key_within_the_limits() {
    // Would break: states that mix keys, or that stay for keys which left.
    let clicks = stream::iter([1, 2, 1, 1, 2, 3, 1].map(|user| click(user, 0)));
    let time = ManualClock::new();
    let mut totals = clicks.group_by(|click| click.user, KeyLimits::at_most(2)).scan(
        time.clock(),
        |_| 0,
        |user, seen, _| {
            *seen += 1;
            (*user != 2).then_some((*user, *seen))
        },
    );
    let meter = totals.meter();
    assert_eq!(totals.by_ref().collect::<Vec<_>>().await, [(1, 1), (1, 2), (1, 3), (3, 1), (1, 1)]);
    let counts = meter.read();
    assert_eq!((counts.taken, counts.evicted, counts.keys), (7, 2, 2));
}

#[tokio::test]
async fn an_idle_key_leaves_a_scan_although_no_event_comes() {
    // Would break: states of users who went home, kept until somebody else comes.
    let time = ManualClock::new();
    let (events, clicks) = source();
    let grouped = clicks.group_by(|click| click.user, limits().ttl(TEN));
    let mut totals = grouped.scan(
        time.clock(),
        |_| 0,
        |_, seen, _| {
            *seen += 1;
            Some(*seen)
        },
    );
    let meter = totals.meter();
    let mut heard = run(totals);
    for _ in 0..3 {
        events.send(click(1, 0)).await.unwrap();
        time.turn(Duration::from_secs(9)).await;
    }
    assert_eq!(meter.read().keys, 1);
    time.turn(Duration::from_secs(1)).await;
    assert_eq!((meter.read().keys, meter.read().expired), (0, 1));
    events.send(click(1, 0)).await.unwrap();
    time.turn(Duration::from_secs(1)).await;
    let seen: Vec<u64> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
    assert_eq!(seen, [1, 2, 3, 1]);
}
