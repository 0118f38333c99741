//! Each kind of window by example: what it holds, when it is told, and how it is corrected.

use std::time::Duration;

use homeostat_reactor::Moment;
use homeostat_reactor::window::{KeyLimits, Part, RestoreError, Taken, WindowCore, Windows, WindowsError};

use super::{Both, Click, both, click, moment, told};

type Core = WindowCore<u8, Click, Both>;

fn core(windows: Windows, lateness: u64) -> Core {
    WindowCore::new(windows, Duration::from_secs(lateness), KeyLimits::at_most(10), both())
}

fn take(core: &mut Core, at: u64) -> Taken {
    core.take(1, moment(&click(1, at)), &click(1, at))
}

/// Everything told up to a second, without the user.
fn until(core: &mut Core, watermark: u64) -> Vec<(u64, u64, u64, Part)> {
    core.advance(Moment::from_secs(watermark));
    let windows = std::iter::from_fn(|| core.next_closed());
    windows.map(|window| told(&window)).map(|(_, start, end, count, part)| (start, end, count, part)).collect()
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn a_tumbling_window_is_corrected_until_its_lateness_is_over() {
    // Would break: an update that is not marked or comes too late, or a correction of what is closed for good.
    let mut core = core(Windows::tumbling(secs(10)), 5);
    assert_eq!((take(&mut core, 3), take(&mut core, 4)), (Taken::In, Taken::In));
    assert_eq!(until(&mut core, 9), []);
    assert_eq!(until(&mut core, 10), [(0, 10, 2, Part::Final)]);
    assert_eq!(take(&mut core, 9), Taken::In);
    assert_eq!(until(&mut core, 14), [(0, 10, 3, Part::Update)]);
    assert_eq!(until(&mut core, 15), []);
    assert_eq!(take(&mut core, 9), Taken::Late);
    assert_eq!((core.counts().keys, core.counts().late), (0, 1));
}

#[test]
fn a_late_event_into_a_window_that_was_empty_tells_it_for_the_first_time() {
    // Would break: an update of something nobody has heard of.
    let mut core = core(Windows::tumbling(secs(10)), 50);
    assert_eq!(until(&mut core, 20), []);
    assert_eq!(take(&mut core, 9), Taken::In);
    assert_eq!(until(&mut core, 20), [(0, 10, 1, Part::Final)]);
}

#[test]
fn a_sliding_window_joins_its_panes() {
    // Would break: panes that are joined into the wrong windows, or dropped before their last one.
    let mut core = core(Windows::sliding(secs(30), secs(10)).unwrap(), 0);
    for at in [5, 15, 16, 40] {
        assert_eq!(take(&mut core, at), Taken::In);
    }
    let wanted = [(0, 10, 1), (0, 20, 3), (0, 30, 3), (10, 40, 2), (20, 50, 1), (30, 60, 1), (40, 70, 1)];
    assert_eq!(until(&mut core, 100), wanted.map(|(start, end, count)| (start, end, count, Part::Final)));
    let too_late = take(&mut core, 69);
    assert_eq!(too_late, Taken::Late);
}

#[test]
fn windows_that_cannot_be_are_refused_with_what_to_do() {
    // Would break: a slide that does not fit, taken for another one.
    assert!(matches!(Windows::sliding(secs(10), secs(3)), Err(WindowsError::Uneven { .. })));
    assert!(matches!(Windows::sliding(secs(3), secs(10)), Err(WindowsError::Uneven { .. })));
    assert!(matches!(Windows::sliding(secs(86_400), secs(1)), Err(WindowsError::TooFine { .. })));
    assert!(matches!(Windows::count_sliding(10, 3), Err(WindowsError::Counts { .. })));
    let said = Windows::sliding(secs(10), secs(3)).unwrap_err().to_string();
    assert_eq!(said, "a sliding window is a whole number of slides long, and 10s is not one of 3s");
}

#[test]
fn a_late_event_joins_two_sessions_and_the_update_covers_both() {
    // Would break: sessions that stay apart although nothing parts them, or a correction that cannot be told from new ones.
    let mut core = core(Windows::session(secs(10)), 60);
    assert_eq!((take(&mut core, 0), take(&mut core, 15)), (Taken::In, Taken::In));
    assert_eq!(until(&mut core, 30), [(0, 10, 1, Part::Final), (15, 25, 1, Part::Final)]);
    assert_eq!(take(&mut core, 8), Taken::In);
    assert_eq!(until(&mut core, 30), [(0, 25, 3, Part::Update)]);
}

#[test]
fn an_update_is_marked_also_when_only_the_later_session_was_told() {
    // Would break: a correction that passes for something new, when several late events come before anybody fetches.
    let mut core = core(Windows::session(secs(10)), 60);
    assert_eq!(take(&mut core, 15), Taken::In);
    assert_eq!(until(&mut core, 30), [(15, 25, 1, Part::Final)]);
    assert_eq!((take(&mut core, 0), take(&mut core, 8)), (Taken::In, Taken::In));
    assert_eq!(until(&mut core, 30), [(0, 25, 3, Part::Update)]);
}

#[test]
fn a_late_event_opens_a_told_session_again() {
    // Would break: a session told in two halves, or told before it is over.
    let mut core = core(Windows::session(secs(10)), 60);
    assert_eq!(take(&mut core, 0), Taken::In);
    assert_eq!(until(&mut core, 12), [(0, 10, 1, Part::Final)]);
    assert_eq!((take(&mut core, 9), take(&mut core, 14)), (Taken::In, Taken::In));
    assert_eq!(until(&mut core, 23), []);
    assert_eq!(until(&mut core, 24), [(0, 24, 3, Part::Update)]);
}

#[test]
fn an_event_exactly_a_gap_later_starts_a_session() {
    // Would break: an end that belongs to two sessions.
    let mut core = core(Windows::session(secs(10)), 0);
    assert_eq!((take(&mut core, 0), take(&mut core, 10), take(&mut core, 19)), (Taken::In, Taken::In, Taken::In));
    assert_eq!(until(&mut core, 99), [(0, 10, 1, Part::Final), (10, 29, 2, Part::Final)]);
}

#[test]
fn windows_of_a_count_go_by_arrival_and_tell_the_rest_at_the_end() {
    // Would break: a window that waits for events that never come.
    let mut tumbling = core(Windows::count(3), 0);
    let mut sliding = core(Windows::count_sliding(4, 2).unwrap(), 0);
    for core in [&mut tumbling, &mut sliding] {
        for at in [7, 5, 6, 8, 9] {
            assert_eq!(take(core, at), Taken::In);
        }
    }
    assert_eq!(until(&mut tumbling, 50), [(5, 7, 3, Part::Final)]);
    assert_eq!(until(&mut sliding, 50), [(5, 8, 4, Part::Final)]);
    tumbling.finish();
    sliding.finish();
    assert_eq!(until(&mut tumbling, 50), [(8, 9, 2, Part::Final)]);
    assert_eq!(until(&mut sliding, 50), [(6, 9, 3, Part::Final)]);
}

#[test]
fn a_key_that_makes_room_tells_early_and_the_rest_follows() {
    // Would break: an evicted key's events lost, told twice, or a key evicted that was used more recently.
    let limits = KeyLimits::at_most(2);
    let mut core = WindowCore::new(Windows::tumbling(secs(10)), secs(0), limits, both());
    for user in [1, 2, 1, 3, 2] {
        let _ = core.take(user, Moment::from_secs(4), &click(user, 4));
    }
    let all = std::iter::from_fn(|| core.next_closed()).map(|window| told(&window)).collect::<Vec<_>>();
    assert_eq!(all, [(2, 0, 10, 1, Part::Early), (1, 0, 10, 2, Part::Early)]);
    core.finish();
    let all = std::iter::from_fn(|| core.next_closed()).map(|window| told(&window)).collect::<Vec<_>>();
    assert_eq!(all, [(3, 0, 10, 1, Part::Final), (2, 0, 10, 1, Part::Final)]);
    assert_eq!(core.counts().evicted, 2);
}

#[test]
fn what_was_told_and_forgotten_with_its_key_is_not_told_again() {
    // Would break: a second final, or a correction that holds only the late event, after the key was evicted in its lateness.
    let mut core = WindowCore::new(Windows::tumbling(secs(10)), secs(60), KeyLimits::at_most(1), both());
    assert_eq!(take(&mut core, 4), Taken::In);
    assert_eq!(until(&mut core, 11), [(0, 10, 1, Part::Final)]);
    assert_eq!(core.take(2, Moment::from_secs(12), &click(2, 12)), Taken::In);
    assert_eq!(take(&mut core, 5), Taken::Late);
    assert_eq!(take(&mut core, 11), Taken::In);
    assert_eq!(core.counts().evicted, 2);
}

#[test]
fn an_evicted_key_spoils_only_what_it_had_told() {
    // Would break: late events of other keys refused because a key left that had told nothing as old.
    let limits = KeyLimits::at_most(1);
    for windows in [Windows::tumbling(secs(10)), Windows::session(secs(10))] {
        let mut core = WindowCore::new(windows, secs(60), limits, both());
        core.advance(Moment::from_secs(100));
        for (user, at) in [(1, 105), (2, 106), (3, 85)] {
            assert_eq!(core.take(user, Moment::from_secs(at), &click(user, at)), Taken::In);
        }
    }
    // The session of user 1 was told up to 10 and is open again up to 19 when it has to leave at 12.
    let mut core = WindowCore::new(Windows::session(secs(10)), secs(60), limits, both());
    assert_eq!(take(&mut core, 0), Taken::In);
    assert_eq!(until(&mut core, 12), [(0, 10, 1, Part::Final)]);
    assert_eq!(take(&mut core, 9), Taken::In);
    assert_eq!(core.take(2, Moment::from_secs(40), &click(2, 40)), Taken::In);
    assert_eq!(until(&mut core, 15), [(0, 19, 2, Part::Update)]);
    for (user, at, wanted) in [(3, 40, Taken::In), (3, 13, Taken::In), (3, 11, Taken::Late)] {
        assert_eq!(core.take(user, Moment::from_secs(at), &click(user, at)), wanted);
    }
}

#[test]
fn saved_windows_of_other_rules_are_refused() {
    // Would break: panes of ten seconds read as windows of a minute.
    let saved = core(Windows::tumbling(secs(10)), 5).save();
    let restore = |windows, lateness| Core::restore(windows, lateness, KeyLimits::at_most(1), both(), saved.clone());
    let other = restore(Windows::tumbling(secs(60)), secs(5)).unwrap_err();
    assert!(matches!(other, RestoreError::OtherWindows { .. }));
    let other = restore(Windows::tumbling(secs(10)), secs(6)).unwrap_err();
    assert!(matches!(other, RestoreError::OtherLateness { .. }));
    assert!(restore(Windows::tumbling(secs(10)), secs(5)).is_ok());
}
