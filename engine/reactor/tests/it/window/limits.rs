//! Memory stays bounded however many keys come.

use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::Count;
use homeostat_reactor::window::{KeyLimits, Taken, WhenFull, WindowCore, Windows};

const KEYS_MAX: usize = 10_000;

/// By how much the process may grow for ten thousand keys, of which each needs some hundreds of bytes. Two million would need over
/// 400 MB, and a mere entry of the agenda for each of them 48 MB.
const GROWTH_BYTES_MAX: u64 = 20 << 20;

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

#[test]
fn millions_of_keys_need_the_memory_of_the_keys_allowed() {
    // Would break: anything that is kept for each key that ever was, like a stale entry of what is due.
    let kinds = [
        (Windows::tumbling(Duration::from_secs(60)), 2_000_000),
        (Windows::session(Duration::from_secs(60)), 200_000),
        (Windows::count(10), 200_000),
    ];
    for (windows, keys) in kinds {
        let mut core = WindowCore::new(windows, Duration::ZERO, KeyLimits::at_most(KEYS_MAX), Count::new());
        let (before, mut early) = (resident_bytes(), 0);
        for key in 0..keys {
            // All in one window, so that none leaves but by eviction.
            assert_eq!(core.take(key, Moment::from_secs(1), &()), Taken::In);
            while core.is_due()
                && let Some(window) = core.next_closed()
            {
                early += window.count;
            }
        }
        let counts = core.counts();
        assert_eq!((counts.keys, counts.evicted), (KEYS_MAX as u64, keys - KEYS_MAX as u64));
        assert_eq!(early, counts.evicted);
        let growth = resident_bytes().saturating_sub(before);
        assert!(growth < GROWTH_BYTES_MAX, "grew by {growth} bytes");
    }
}

#[test]
fn when_new_keys_are_refused_the_known_go_on() {
    // Would break: a flood of new keys that pushes out the ones that matter, or that goes unseen.
    let limits = KeyLimits::at_most(2).when_full(WhenFull::RefuseNew);
    let mut core = WindowCore::new(Windows::tumbling(Duration::from_secs(10)), Duration::ZERO, limits, Count::new());
    let taken: Vec<Taken> = [1, 2, 3, 1, 4].map(|key| core.take(key, Moment::ZERO, &())).to_vec();
    assert_eq!(taken, [Taken::In, Taken::In, Taken::Refused, Taken::In, Taken::Refused]);
    core.advance(Moment::from_secs(10));
    assert_eq!(std::iter::from_fn(|| core.next_closed()).count(), 2);
    assert_eq!(core.take(3, Moment::from_secs(10), &()), Taken::In, "there is room again when the windows are told");
    assert_eq!(core.counts().refused, 2);
}

#[test]
fn an_idle_key_leaves_and_a_busy_one_stays() {
    // Would break: half a window of events that is kept for a key that never comes back.
    let limits = KeyLimits::at_most(10).ttl(Duration::from_secs(30));
    let mut core = WindowCore::new(Windows::count(10), Duration::ZERO, limits, Count::new());
    for at in [0, 10, 20, 29] {
        core.advance(Moment::from_secs(at));
        assert_eq!(core.take("busy", Moment::from_secs(at), &()), Taken::In);
        if at == 0 {
            assert_eq!(core.take("idle", Moment::ZERO, &()), Taken::In);
        }
    }
    core.advance(Moment::from_secs(29));
    assert_eq!(core.next_closed(), None);
    assert_eq!(core.next_due(), Some(Moment::from_secs(30)));
    core.advance(Moment::from_secs(30));
    let window = core.next_closed().unwrap();
    assert_eq!((window.key, window.count), ("idle", 1));
    assert_eq!((core.counts().expired, core.counts().keys), (1, 1));
}
