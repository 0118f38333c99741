//! What always holds of windows, whatever comes in whatever order.

use std::collections::BTreeMap;
use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_reactor::window::{KeyLimits, Taken, WhenFull, WindowCore, Windows};
use proptest::prelude::*;

use super::{Both, Click, Out, Settled, both, click, moment, secs, settle, told};

type Core = WindowCore<u8, Click, Both>;

/// How windows are kept in one case.
#[derive(Debug, Clone, Copy)]
struct Rules {
    windows: Windows,
    lag: u64,
    lateness: u64,
    limits: KeyLimits,
}

impl Rules {
    fn core(&self) -> Core {
        WindowCore::new(self.windows, Duration::from_secs(self.lateness), self.limits, both())
    }
}

fn drain(core: &mut Core, out: &mut Vec<Out>) {
    while core.is_due()
        && let Some(window) = core.next_closed()
    {
        out.push(window);
    }
}

/// One event as an operator does it: the time first, what that closes, then the event.
fn feed(core: &mut Core, lag: u64, event: Click, out: &mut Vec<Out>) -> Taken {
    core.advance(moment(&event).before(Duration::from_secs(lag)));
    drain(core, out);
    core.take(event.user, moment(&event), &event)
}

fn run(rules: &Rules, events: &[Click]) -> (Vec<Out>, Core) {
    let (mut core, mut out) = (rules.core(), Vec::new());
    for event in events {
        let _ = feed(&mut core, rules.lag, *event, &mut out);
    }
    core.finish();
    drain(&mut core, &mut out);
    (out, core)
}

/// Events of a few users in some minutes, in any order, with duplicates.
fn clicks() -> impl Strategy<Value = Vec<Click>> {
    prop::collection::vec((0..4_u8, 0..200_u64).prop_map(|(user, at)| click(user, at)), 0..120)
}

/// Events in an order that is wrong by at most five seconds.
fn nearly_in_order() -> impl Strategy<Value = Vec<Click>> {
    let event = (0..4_u8, 0..200_u64, 0..=5_u64);
    prop::collection::vec(event, 0..120).prop_map(|mut events| {
        events.sort_by_key(|(_, at, delay)| at + delay);
        events.into_iter().map(|(user, at, _)| click(user, at)).collect()
    })
}

fn aligned() -> impl Strategy<Value = Windows> {
    let of = |size, slide| Windows::sliding(Duration::from_secs(size), Duration::from_secs(slide)).unwrap();
    (1..=12_u64, 1..=5_u64).prop_map(move |(slide, panes)| of(slide * panes, slide))
}

fn any_windows() -> impl Strategy<Value = Windows> {
    prop_oneof![
        aligned(),
        (1..=20_u64).prop_map(|gap| Windows::session(Duration::from_secs(gap))),
        (1..=4_u64, 1..=4_u64).prop_map(|(every, panes)| Windows::count_sliding(every * panes, every).unwrap()),
        Just(Windows::whole()),
    ]
}

fn any_rules(windows: impl Strategy<Value = Windows>) -> impl Strategy<Value = Rules> {
    let keys = (1..=4_usize, any::<bool>(), prop::option::of(1..60_u64));
    (windows, 0..20_u64, 0..40_u64, keys).prop_map(|(windows, lag, lateness, (keys_max, refuse, ttl))| {
        let when_full = if refuse { WhenFull::RefuseNew } else { WhenFull::EvictOldest };
        let limits = KeyLimits::at_most(keys_max).when_full(when_full);
        Rules { windows, lag, lateness, limits: ttl.map_or(limits, |ttl| limits.ttl(Duration::from_secs(ttl))) }
    })
}

const SPACIOUS: usize = 100;

/// What aligned windows have to come to, worked out one event and one window at a time.
fn expected(events: &[Click], size: u64, slide: u64, lag: u64, lateness: u64) -> (Settled, u64) {
    let (mut settled, mut late, mut watermark) = (Settled::default(), 0, 0);
    for event in events {
        watermark = watermark.max(event.at.saturating_sub(lag));
        let ends = (1..).map(|number| number * slide).skip_while(|end| *end <= event.at);
        let open = ends.take_while(|end| *end <= event.at + size).filter(|end| *end + lateness > watermark);
        let mut windows = 0;
        for end in open {
            windows += 1;
            *settled.windows.entry((event.user, end.saturating_sub(size), end)).or_default() += 1;
        }
        late += u64::from(windows == 0);
    }
    (settled, late)
}

proptest! {
    #[test]
    fn aligned_windows_are_what_counting_by_hand_gives(
        (slide, panes) in (1..=12_u64, 1..=5_u64), events in clicks(), lag in 0..20_u64, lateness in 0..40_u64,
    ) {
        // Would break: an event in no window, in two tumbling ones, in one that is closed for good, or lost without being counted.
        let windows = Windows::sliding(Duration::from_secs(slide * panes), Duration::from_secs(slide)).unwrap();
        let rules = Rules { windows, lag, lateness, limits: KeyLimits::at_most(SPACIOUS) };
        // Windows that would start before the origin look the same, so leave those out.
        let events: Vec<Click> = events.into_iter().map(|event| click(event.user, event.at + 60)).collect();
        let (out, core) = run(&rules, &events);
        let (settled, late) = expected(&events, slide * panes, slide, lag, lateness);
        prop_assert_eq!(settle(&out), settled);
        prop_assert_eq!(core.counts().late, late);
    }

    #[test]
    fn an_event_in_time_is_in_size_by_slide_windows(
        (slide, panes) in (1..=12_u64, 1..=5_u64), events in nearly_in_order(),
    ) {
        // Would break: windows that overlap by too much or too little, or a window told twice.
        let windows = Windows::sliding(Duration::from_secs(slide * panes), Duration::from_secs(slide)).unwrap();
        let (out, core) = run(&Rules { windows, lag: 5, lateness: 0, limits: KeyLimits::at_most(SPACIOUS) }, &events);
        let total: u64 = out.iter().map(|window| window.count).sum();
        prop_assert_eq!(total, events.len() as u64 * panes);
        prop_assert_eq!((core.counts().late, core.counts().updates, core.counts().keys), (0, 0, 0));
    }

    #[test]
    fn sessions_do_not_depend_on_the_order_of_arrival(gap in 1..=20_u64, events in clicks(), lag in 0..20_u64) {
        // Would break: a late event that fails to join two sessions, or joins what is a gap apart.
        let windows = Windows::session(Duration::from_secs(gap));
        let (out, core) = run(&Rules { windows, lag, lateness: 200, limits: KeyLimits::at_most(SPACIOUS) }, &events);
        let mut sorted = events.clone();
        sorted.sort_by_key(|event| (event.user, event.at));
        let mut wanted = Vec::<(u8, u64, u64, u64)>::new();
        for event in &sorted {
            match wanted.last_mut() {
                Some((user, _, end, count)) if *user == event.user && event.at < *end => {
                    (*end, *count) = (event.at + gap, *count + 1);
                }
                _ => wanted.push((event.user, event.at, event.at + gap, 1)),
            }
        }
        let wanted: BTreeMap<_, _> = wanted.into_iter().map(|(user, start, end, count)| ((user, start, end), count)).collect();
        prop_assert_eq!(settle(&out), Settled { windows: wanted, early: 0 });
        prop_assert_eq!(core.counts().late, 0);
    }

    #[test]
    fn sessions_are_a_gap_apart_even_if_events_are_late(
        gap in 1..=20_u64, events in clicks(), lag in 0..20_u64, lateness in 0..20_u64,
    ) {
        // Would break: a late event that starts a session beside one that was told and forgotten.
        let windows = Windows::session(Duration::from_secs(gap));
        let (out, core) = run(&Rules { windows, lag, lateness, limits: KeyLimits::at_most(SPACIOUS) }, &events);
        let settled = settle(&out);
        let windows: Vec<_> = settled.windows.keys().collect();
        for pair in windows.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            prop_assert!(pair[0].2 <= pair[1].1, "{:?}", pair);
        }
        prop_assert_eq!(settled.windows.values().sum::<u64>(), core.counts().accepted());
    }

    #[test]
    fn what_goes_in_is_in_a_window_or_late_or_refused(
        rules in any_rules(prop_oneof![
            (1..=20_u64).prop_map(|size| Windows::tumbling(Duration::from_secs(size))),
            (1..=20_u64).prop_map(|gap| Windows::session(Duration::from_secs(gap))),
        ]),
        events in clicks(),
    ) {
        // Would break: events that leave with an evicted or idle key, or that a correction swallows or doubles.
        let (out, core) = run(&rules, &events);
        let (settled, counts) = (settle(&out), core.counts());
        prop_assert_eq!(settled.windows.values().sum::<u64>() + settled.early, counts.accepted());
        prop_assert_eq!(counts.taken, events.len() as u64);
        prop_assert_eq!(counts.finals + counts.early + counts.updates, out.len() as u64);
        prop_assert_eq!(counts.keys, 0);
    }

    #[test]
    fn windows_of_a_count_hold_every_event_once(size in 1..=7_u64, events in clicks(), keys_max in 1..=4_usize) {
        // Would break: a remainder that is lost at the end or with its key, or a window of another size.
        let limits = KeyLimits::at_most(keys_max);
        let (out, core) = run(&Rules { windows: Windows::count(size), lag: 0, lateness: 0, limits }, &events);
        prop_assert_eq!(out.iter().map(|window| window.count).sum::<u64>(), events.len() as u64);
        prop_assert!(out.iter().all(|window| window.count <= size));
        prop_assert!(out.len() as u64 - core.counts().early <= events.len() as u64 / size + 4);
        prop_assert_eq!(core.counts().late, 0);
    }

    #[test]
    fn a_saved_prefix_and_the_rest_give_the_same(
        rules in any_rules(any_windows()), events in clicks(), cut in any::<prop::sample::Index>(), fetched in any::<bool>(),
    ) {
        // Would break: anything that windows know and that is not saved, or an order that comes from hashing.
        let (wanted, whole) = run(&rules, &events);
        let (mut core, mut out) = (rules.core(), Vec::new());
        let (before, after) = events.split_at(if events.is_empty() { 0 } else { cut.index(events.len()) });
        for event in before {
            let _ = feed(&mut core, rules.lag, *event, &mut out);
        }
        if let (false, Some(event)) = (fetched, after.first()) {
            core.advance(moment(event).before(Duration::from_secs(rules.lag)));
        }
        let saved = serde_json::to_string(&core.save()).unwrap();
        drop(core);
        let (windows, lateness) = (rules.windows, Duration::from_secs(rules.lateness));
        let saved = serde_json::from_str(&saved).unwrap();
        let mut core = Core::restore(windows, lateness, rules.limits, both(), saved).unwrap();
        prop_assert_eq!(core.counts().taken, before.len() as u64);
        for event in after {
            let _ = feed(&mut core, rules.lag, *event, &mut out);
        }
        core.finish();
        drain(&mut core, &mut out);
        prop_assert_eq!(out, wanted);
        prop_assert_eq!(core.counts(), whole.counts());
    }

    #[test]
    fn the_watermark_never_goes_back_and_closes_in_order(rules in any_rules(aligned()), events in clicks()) {
        // Would break: a watermark that follows a late event, a window told before its end, or later ends told first.
        let (mut core, mut before) = (rules.core(), Moment::ZERO);
        for event in &events {
            let mut out = Vec::new();
            core.advance(moment(event).before(Duration::from_secs(rules.lag)));
            prop_assert!(core.watermark() >= before);
            before = core.watermark();
            drain(&mut core, &mut out);
            let finals: Vec<u64> = out.iter().map(told).filter(|told| told.4 == homeostat_reactor::window::Part::Final).map(|told| told.2).collect();
            prop_assert!(finals.is_sorted());
            prop_assert!(finals.iter().all(|end| *end <= secs(before)));
            let _ = core.take(event.user, moment(event), event);
            drain(&mut core, &mut out);
        }
    }

    #[test]
    fn it_does_not_matter_in_how_many_steps_time_goes_on(rules in any_rules(any_windows()), events in clicks()) {
        // Would break: a key that leaves before or after its windows end depending on how seldom anybody looks.
        let (wanted, whole) = run(&rules, &events);
        let (mut core, mut out) = (rules.core(), Vec::new());
        for event in &events {
            drain(&mut core, &mut out);
            let watermark = moment(event).before(Duration::from_secs(rules.lag));
            for second in secs(core.watermark())..secs(watermark) {
                core.advance(Moment::from_secs(second));
                drain(&mut core, &mut out);
            }
            let _ = feed(&mut core, rules.lag, *event, &mut out);
        }
        core.finish();
        drain(&mut core, &mut out);
        prop_assert_eq!(out, wanted);
        prop_assert_eq!(core.counts(), whole.counts());
    }

    #[test]
    fn what_is_due_is_known_before(rules in any_rules(any_windows()), events in clicks()) {
        // Would break: windows that close late because the operator was told to wake up later, or never.
        let (mut core, mut out) = (rules.core(), Vec::new());
        for event in &events {
            let _ = feed(&mut core, rules.lag, *event, &mut out);
            let known = core.next_due();
            drain(&mut core, &mut out);
            let due = core.next_due().unwrap_or(Moment::from_secs(10_000));
            let now = core.watermark();
            prop_assert!(due > now);
            prop_assert!(known.is_some_and(|known| known <= due) || core.next_due().is_none());
            let saved = core.save();
            let lateness = Duration::from_secs(rules.lateness);
            let mut other = Core::restore(rules.windows, lateness, rules.limits, both(), saved).unwrap();
            other.advance(Moment(due.0 - 1));
            prop_assert_eq!(other.next_closed(), None);
        }
    }
}

#[test]
fn the_far_ends_of_time_break_nothing() {
    // Would break: sums of moments that overflow where an event carries nonsense for a time.
    let kinds = [
        Windows::tumbling(Duration::MAX),
        Windows::tumbling(Duration::ZERO),
        Windows::sliding(Duration::MAX, Duration::MAX).unwrap(),
        Windows::session(Duration::MAX),
        Windows::session(Duration::ZERO),
        Windows::whole(),
    ];
    for windows in kinds {
        let limits = KeyLimits::at_most(2).ttl(Duration::MAX);
        let mut core = WindowCore::new(windows, Duration::MAX, limits, homeostat_reactor::aggregate::Count::new());
        for at in [Moment::ZERO, Moment::NEVER, Moment(1), Moment(u64::MAX - 1), Moment(1 << 63)] {
            core.advance(at);
            while core.next_closed().is_some() {}
            let _ = core.take((), at, &());
        }
        core.finish();
        while core.next_closed().is_some() {}
        assert_eq!((core.counts().taken, core.counts().keys), (5, 0));
    }
}
