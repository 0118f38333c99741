//! Look-ups: what an entry is good for at which moment, what is refused and why, and what is counted.

use homeostat_cache::life::{Age, Deadlines};
use homeostat_cache::{Cache, CacheSettings, ENTRY_OVERHEAD_BYTES, InvalidCache, Life, Lookup, Outcome, Terms};
use homeostat_reactor::{ManualClock, Moment};
use homeostat_resilience::chance::Chance;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

use crate::pages::{EXACT, Key, advance, for_secs, fresh, is_miss, key, pages, secs};

#[test]
fn an_entry_is_fresh_then_stale_then_gone() {
    // Would break: an answer given away after its time, or thrown away while it was still of use.
    let time = ManualClock::new();
    let pages = pages(&time, EXACT);
    let life = Life::fresh(secs(10)).while_revalidating(secs(5)).on_error(secs(20)).kept(secs(30));
    pages.insert(&key("/a"), "a".into(), &Terms { life, bytes: 1, tags: &[] });
    let seen = |at: u64| {
        time.set(Moment::from_secs(at));
        match pages.lookup("/a") {
            Lookup::Fresh { .. } => "fresh",
            Lookup::Stale { may_serve_while_revalidating: true, may_serve_on_error: true, .. } => "refresh",
            Lookup::Stale { may_serve_while_revalidating: false, may_serve_on_error: true, .. } => "on error",
            Lookup::Stale { may_serve_while_revalidating: false, may_serve_on_error: false, .. } => "kept",
            Lookup::Stale { .. } => "cannot be",
            Lookup::Miss => "gone",
        }
    };
    assert_eq!(
        [9, 10, 14, 15, 29, 30, 39].map(seen),
        ["fresh", "refresh", "refresh", "on error", "on error", "kept", "kept"]
    );
    assert_eq!((seen(40), pages.snapshot().entries), ("gone", 0));
}

#[test]
fn what_is_too_heavy_is_refused_aloud_and_still_given_away() {
    // Would break: an entry that is silently never there, so that each of its requests goes to the origin.
    let time = ManualClock::new();
    let pages = pages(&time, EXACT);
    let largest = usize::try_from(EXACT.entry_bytes_max).unwrap() - ENTRY_OVERHEAD_BYTES;
    let terms = Terms { bytes: largest, ..for_secs(10) };
    for name in 0..40 {
        assert_eq!(pages.insert(&key(&name.to_string()), "fits".into(), &terms).outcome, Outcome::Stored);
        assert_eq!(fresh(&pages, &name.to_string()).as_deref(), Some("fits"));
    }
    let inserted = pages.insert(&key("/b"), "not".into(), &Terms { bytes: largest + 1, ..terms });
    let (bytes, bytes_max) = (EXACT.entry_bytes_max + 1, EXACT.entry_bytes_max);
    assert_eq!((inserted.outcome, inserted.hit.as_str()), (Outcome::TooLarge { bytes, bytes_max }, "not"));
    assert!(is_miss(&pages, "/b"));
    let snapshot = pages.snapshot();
    assert_eq!((snapshot.too_large, snapshot.inserted), (1, 40));
    assert!(snapshot.bytes <= EXACT.bytes_max && snapshot.evicted > 20);
}

#[test]
fn settings_that_make_no_cache_are_refused_with_what_is_possible() {
    // Would break: a cache in which the largest entries are never found, with nobody told.
    let cache = |settings| Cache::<Key, String>::new(settings, ManualClock::new().clock()).map(|_| ());
    let settings = CacheSettings { bytes_max: 1_000_000, entry_bytes_max: 950_000, ..EXACT };
    assert_eq!(cache(settings), Err(InvalidCache::EntryTooLarge { entry: 950_000, room: 900_000 }));
    assert_eq!(cache(CacheSettings { entry_bytes_max: 900_000, ..settings }), Ok(()));
    assert!(cache(CacheSettings { jitter_share: 0.7, ..EXACT }).is_err());
    assert!(cache(CacheSettings { early_refresh: f64::NAN, ..EXACT }).is_err());
    assert!(cache(CacheSettings { entry_bytes_max: 10, ..EXACT }).is_err());
}

#[test]
fn jitter_only_shortens_and_is_the_same_for_the_same_seed() {
    // Would break: entries fresh for longer than their origin said, or a run that cannot be repeated.
    let time = ManualClock::new();
    let settings = CacheSettings { jitter_share: 0.1, ..EXACT };
    let run = || -> Vec<u64> {
        let pages = pages(&time, settings);
        let ends = (0..200).map(|name| {
            pages.insert(&key(&name.to_string()), String::new(), &for_secs(100)).hit.deadlines().fresh_until.0
        });
        ends.collect()
    };
    let ends = run();
    assert_eq!(ends, run());
    let (least, most) = (ends.iter().min().unwrap() / 1_000_000_000, ends.iter().max().unwrap() / 1_000_000_000);
    assert!((90..92).contains(&least) && (98..=100).contains(&most), "{least} to {most} s");
}

#[test]
fn look_ups_are_counted_by_group_and_groups_are_bounded() {
    // Would break: a hit rate that is wrong, or a route name from outside that fills the memory.
    let time = ManualClock::new();
    let pages = pages(&time, EXACT);
    let shop = pages.group("shop");
    pages.lookup_for(&shop, "/a");
    pages.insert(&key("/a"), "a".into(), &for_secs(10));
    pages.insert(&key("/none"), String::new(), &Terms { life: Life::negative(secs(10)), ..for_secs(0) });
    pages.lookup_for(&shop, "/a");
    pages.lookup_for(&shop, "/none");
    pages.lookup_for(&pages.group("shop"), "/none");
    pages.lookup("/a");
    let snapshot = shop.snapshot();
    assert_eq!((snapshot.hits, snapshot.negative_hits, snapshot.misses), (3, 2, 1));
    assert_eq!(snapshot.hit_rate(), Some(0.75));
    for name in 0..1_000 {
        pages.lookup_for(&pages.group(&name.to_string()), "/a");
    }
    let groups = pages.snapshot().groups;
    assert!(groups.len() <= 258, "{} groups", groups.len());
    assert_eq!(groups.iter().map(|group| group.hits).sum::<u64>(), 1_004);
}

#[test]
fn dear_entries_are_refreshed_before_they_expire_and_never_long_before() {
    // Would break: a popular page that everybody waits for each minute, or an origin asked ten times as often as needed.
    let time = ManualClock::new();
    let pages = pages(&time, CacheSettings { early_refresh: 1.0, ..EXACT });
    let fetch = pages.fetch_alone(&key("/slow"));
    advance(&time, secs(1));
    fetch.insert("slow".into(), &for_secs(60));
    let due = |times: u32| {
        let is_due = |_: &u32| matches!(pages.lookup("/slow"), Lookup::Fresh { is_due_early: true, .. });
        (0..times).filter(is_due).count()
    };
    advance(&time, secs(40));
    assert_eq!(due(10_000), 0);
    advance(&time, secs(18));
    // Two seconds before its end, at a cost of one: exp(-2) of the look-ups.
    let share = due(10_000);
    assert!((1_200..1_500).contains(&share), "{share} of 10000");
    let refresh = pages.refresh(&key("/slow")).unwrap();
    assert!(pages.refresh(&key("/slow")).is_none());
    refresh.insert("new".into(), &for_secs(60));
    assert_eq!(fresh(&pages, "/slow").as_deref(), Some("new"));
}

#[test]
fn a_hit_says_what_it_is() {
    // Would break: an age or a weight that a caller passes on wrongly.
    let time = ManualClock::new();
    let pages: Cache<Arc<str>, String> = Cache::with_chance(EXACT, time.clock(), Chance::seeded(1)).unwrap();
    let fetch = pages.fetch_alone(&key("/a"));
    advance(&time, secs(3));
    let hit = fetch.insert("a".into(), &for_secs(10)).hit;
    assert_eq!((hit.cost(), hit.bytes(), hit.key().as_ref(), hit.is_negative()), (secs(3), 356, "/a", false));
    assert!(hit.is_same(&pages.peek("/a").unwrap()) && hit.is_same(&hit.clone()));
    assert_eq!(pages.insert(&key("/b"), String::new(), &for_secs(0)).outcome, Outcome::NoLife);
}

proptest! {
    #[test]
    fn ages_never_go_back(spans in prop::array::uniform4(0_u64..100), jitter in 0.0_f64..0.5, draw in 0.0_f64..1.0) {
        // Would break: an entry that is dead and then fresh again, or a life that wraps round.
        let [fresh, swr, sie, kept] = spans.map(Duration::from_secs);
        let life = Life::fresh(fresh).while_revalidating(swr).on_error(sie).kept(kept);
        let deadlines = Deadlines::of(&life, Moment::from_secs(5), jitter, draw);
        let rank = |at: u64| match deadlines.age(Moment::from_millis(5_000 + at * 500)) {
            Age::Fresh => 0,
            Age::Stale { .. } => 1,
            Age::Dead => 2,
        };
        let ranks: Vec<i32> = (0..500).map(rank).collect();
        prop_assert!(ranks.is_sorted());
        prop_assert_eq!(ranks.last(), Some(&2));
        let endless = Life::fresh(Duration::MAX).on_error(Duration::MAX);
        prop_assert!(Deadlines::of(&endless, Moment::from_secs(5), jitter, draw).dead_at > Moment::from_secs(1_000_000));
    }
}
