//! Single flight: one fetch for all, nobody who waits for a fetch that nobody makes, and every wait with an end.

use homeostat_cache::{CacheSettings, Life, Lookup, Terms, Turn, Waited};
use homeostat_reactor::ManualClock;
use std::task::Poll;

use crate::pages::{EXACT, advance, for_secs, fresh, key, lead, pages, poll, ready, secs, wait};

#[test]
fn many_who_miss_share_one_fetch() {
    // Would break: a cold key that takes an origin down.
    let time = ManualClock::new();
    let pages = pages(&time, EXACT);
    let fetch = lead(&pages, "/a");
    let mut waiting: Vec<_> = (0..999).map(|_| Box::pin(wait(&pages, "/a").outcome())).collect();
    assert!(waiting.iter_mut().all(|waiting| poll(waiting).is_pending()));
    assert_eq!((pages.snapshot().waiters, pages.snapshot().flights), (999, 1));
    fetch.insert("a".into(), &for_secs(10));
    for waiting in &mut waiting {
        assert!(matches!(ready(waiting), Waited::Found(hit) if *hit == "a"));
    }
    drop(waiting);
    let snapshot = pages.snapshot();
    assert_eq!((snapshot.fetches, snapshot.coalesced, snapshot.waiters, snapshot.flights), (1, 999, 0, 0));
    assert!(matches!(pages.begin(&key("/a")), Turn::Found(_)));
}

#[test]
fn when_the_leader_goes_away_one_waiter_takes_over() {
    // Would break: a client that leaves and takes a thousand others with it, or each of them asking the origin.
    let time = ManualClock::new();
    let pages = pages(&time, EXACT);
    let fetch = lead(&pages, "/a");
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(wait(&pages, "/a").outcome())).collect();
    assert!(waiting.iter_mut().all(|waiting| poll(waiting).is_pending()));
    drop(fetch);
    let Waited::Fetch(second) = ready(&mut waiting.remove(0)) else { panic!("nobody took over") };
    assert!(second.is_lead());
    assert!(waiting.iter_mut().all(|waiting| poll(waiting).is_pending()));
    // A newcomer waits as well, and the one who took over may go away too.
    waiting.push(Box::pin(wait(&pages, "/a").outcome()));
    drop(second);
    let Waited::Fetch(third) = ready(&mut waiting.remove(0)) else { panic!("nobody took over") };
    third.insert("a".into(), &for_secs(10));
    assert!(waiting.iter_mut().all(|waiting| matches!(ready(waiting), Waited::Found(_))));
    let snapshot = pages.snapshot();
    assert_eq!((snapshot.took_over, snapshot.given_up, snapshot.fetches), (2, 2, 3));
}

#[test]
fn whoever_is_dropped_while_waiting_leaves_nothing_behind() {
    // Would break: a place that is taken for ever, or a lead that was passed to somebody who is gone.
    for polls in 0..2 {
        for leader_first in [true, false] {
            let time = ManualClock::new();
            let pages = pages(&time, EXACT);
            let mut fetch = Some(lead(&pages, "/a"));
            let mut dropped = Box::pin(wait(&pages, "/a").outcome());
            let mut stays = Box::pin(wait(&pages, "/a").outcome());
            for _ in 0..polls {
                assert!(poll(&mut dropped).is_pending());
            }
            assert!(poll(&mut stays).is_pending());
            if leader_first {
                drop(fetch.take());
            }
            drop(dropped);
            drop(fetch.take());
            let Waited::Fetch(second) = ready(&mut stays) else { panic!("nobody took over") };
            drop((second, stays));
            assert_eq!((pages.snapshot().flights, pages.snapshot().waiters), (0, 0));
        }
    }
}

#[test]
fn a_newcomer_leads_a_flight_that_has_lost_its_leader() {
    // Would break: a newcomer who waits for a waiter that has not woken yet, and is then told to go away.
    let time = ManualClock::new();
    let pages = pages(&time, EXACT);
    let fetch = lead(&pages, "/a");
    let mut waiting = Box::pin(wait(&pages, "/a").outcome());
    assert!(poll(&mut waiting).is_pending());
    drop(fetch);
    let newcomer = lead(&pages, "/a");
    assert!(poll(&mut waiting).is_pending());
    newcomer.insert("a".into(), &for_secs(1));
    assert!(matches!(ready(&mut waiting), Waited::Found(_)));
}

#[test]
fn what_cannot_be_kept_is_fetched_by_everybody_at_once_and_nobody_waits_for_a_while() {
    // Would break: requests for a private page that are served one after the other.
    let time = ManualClock::new();
    let pages = pages(&time, EXACT);
    let fetch = lead(&pages, "/me");
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(wait(&pages, "/me").outcome())).collect();
    fetch.not_storable();
    let alone =
        waiting.iter_mut().map(ready).filter(|waited| matches!(waited, Waited::Fetch(fetch) if !fetch.is_lead()));
    assert_eq!(alone.count(), 3);
    let (one, other) = (lead(&pages, "/me"), lead(&pages, "/me"));
    assert!(!one.is_lead() && !other.is_lead());
    drop(one);
    // It can be kept after all: then it is, and the memory of the contrary goes.
    other.insert("now public".into(), &for_secs(1));
    assert_eq!(fresh(&pages, "/me").as_deref(), Some("now public"));
    advance(&time, secs(2));
    assert!(lead(&pages, "/me").is_lead());
    lead(&pages, "/me").not_storable();
    advance(&time, secs(11));
    assert!(lead(&pages, "/me").is_lead());
}

#[test]
fn a_dead_origin_is_asked_once_and_everybody_is_told_at_once() {
    // Would break: a thousand callers that try a dead origin one after the other.
    let time = ManualClock::new();
    let pages = pages(&time, EXACT);
    let life = Life::fresh(secs(1)).on_error(secs(100)).while_revalidating(secs(100));
    pages.insert(&key("/a"), "old".into(), &Terms { life, ..for_secs(0) });
    advance(&time, secs(2));
    let fetch = lead(&pages, "/a");
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(wait(&pages, "/a").outcome())).collect();
    fetch.fail("connection refused");
    for waiting in &mut waiting {
        assert!(matches!(ready(waiting), Waited::Failed(reason) if &*reason == "connection refused"));
    }
    let has_failed =
        || matches!(pages.lookup("/a"), Lookup::Stale { may_serve_on_error: true, has_failed_lately: true, .. });
    assert!(has_failed());
    assert!(pages.refresh(&key("/a")).is_none());
    advance(&time, secs(1));
    assert!(!has_failed());
    assert!(pages.refresh(&key("/a")).is_some());
}

#[test]
fn waiting_is_bounded_in_number_and_time() {
    // Would break: memory full of callers that wait for an origin that hangs.
    let time = ManualClock::new();
    let pages = pages(&time, CacheSettings { waiters_max: 2, ..EXACT });
    let fetch = lead(&pages, "/a");
    let mut patient = Box::pin(wait(&pages, "/a").outcome());
    let mut hurried = Box::pin(wait(&pages, "/a").outcome_until(time.clock().now() + secs(2)));
    assert!(poll(&mut patient).is_pending() && poll(&mut hurried).is_pending());
    assert!(matches!(pages.begin(&key("/a")), Turn::Crowded));
    advance(&time, secs(2));
    assert!(matches!(ready(&mut hurried), Waited::TimedOut));
    assert!(matches!(poll(&mut patient), Poll::Pending));
    advance(&time, secs(3));
    assert!(matches!(ready(&mut patient), Waited::TimedOut));
    drop((patient, hurried));
    // After the leader's own time a newcomer begins anew; what the old one brings is still good for those who wait for it.
    let mut late = Box::pin(wait(&pages, "/a").outcome());
    advance(&time, secs(26));
    let newcomer = lead(&pages, "/a");
    assert!(newcomer.is_lead());
    fetch.insert("old".into(), &for_secs(100));
    assert!(matches!(ready(&mut late), Waited::Found(_)));
    newcomer.insert("new".into(), &for_secs(100));
    assert_eq!(fresh(&pages, "/a").as_deref(), Some("new"));
    assert_eq!((pages.snapshot().crowded, pages.snapshot().timed_out, pages.snapshot().flights), (1, 2, 0));
}

#[test]
fn with_too_many_keys_under_way_everybody_fetches_alone() {
    // Would break: a table of flights without a bound, or a caller that is refused because of it.
    let time = ManualClock::new();
    let pages = pages(&time, CacheSettings { flights_max: 64, ..EXACT });
    let fetches: Vec<_> = (0..1_000).map(|name| lead(&pages, &name.to_string())).collect();
    let leads = fetches.iter().filter(|fetch| fetch.is_lead()).count() as u64;
    assert!((32..=64).contains(&leads), "{leads} leads");
    assert_eq!(pages.snapshot().flights, leads);
    drop(fetches);
    assert_eq!(pages.snapshot().flights, 0);
}

#[test]
fn a_slow_fetch_never_overwrites_one_that_began_later() {
    // Would break: a page that jumps back to an older one.
    let time = ManualClock::new();
    let pages = pages(&time, EXACT);
    let slow = pages.fetch_alone(&key("/a"));
    advance(&time, secs(1));
    pages.fetch_alone(&key("/a")).insert("later".into(), &for_secs(10));
    let inserted = slow.insert("earlier".into(), &for_secs(10));
    assert_eq!(inserted.outcome, homeostat_cache::Outcome::Outdated);
    assert_eq!(fresh(&pages, "/a").as_deref(), Some("later"));
}
