//! What happens to keys when there are as many as may be, and to those that are idle. That memory stays bounded under a million of
//! them is measured in a binary of its own, tests/memory.

use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::Count;
use homeostat_reactor::window::{KeyLimits, Taken, WhenFull, WindowCore, Windows};

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
