//! Purges: nothing that was purged before a look-up is its answer, and no fetch that began before brings it back.

use homeostat_cache::{Outcome, Pattern, RULES_MAX, Terms, Turn, Waited};
use homeostat_reactor::ManualClock;

use crate::pages::{EXACT, Pages, for_secs, fresh, is_miss, key, lead, pages, ready, wait};

fn tagged<'a>(tags: &'a [&'a str]) -> Terms<'a> {
    Terms { tags, ..for_secs(100) }
}

fn store(pages: &Pages, text: &str, tags: &[&str]) -> Outcome {
    pages.insert(&key(text), text.into(), &tagged(tags)).outcome
}

#[test]
fn a_tag_takes_all_that_carry_it_and_nothing_else() {
    // Would break: a changed product that is still shown on one of its pages.
    let pages = pages(&ManualClock::new(), EXACT);
    store(&pages, "/a", &["product-1", "list"]);
    store(&pages, "/b", &["product-2", "list"]);
    store(&pages, "/c", &[]);
    pages.purge_tag("product-1");
    pages.purge_tag("unknown");
    assert!(is_miss(&pages, "/a") && !is_miss(&pages, "/b") && !is_miss(&pages, "/c"));
    store(&pages, "/a", &["product-1", "list"]);
    pages.purge_tag("list");
    assert!(is_miss(&pages, "/a") && is_miss(&pages, "/b") && !is_miss(&pages, "/c"));
}

#[test]
fn no_purge_is_undone_by_a_fetch_that_began_before_it() {
    // Would break: the old page back for its whole life, because somebody fetched it while it was changed.
    type Purge = fn(&Pages);
    let purges: [Purge; 5] = [
        |pages| pages.purge(&key("/a")),
        |pages| pages.purge_tag("t"),
        |pages| pages.purge_matching(Pattern::glob("/*").unwrap()).unwrap(),
        |pages| pages.purge_where(|key| key.len() == 2).unwrap(),
        Pages::purge_all,
    ];
    for purge in purges {
        let pages = pages(&ManualClock::new(), EXACT);
        let fetch = lead(&pages, "/a");
        let mut before = Box::pin(wait(&pages, "/a").outcome());
        purge(&pages);
        // Sweeping forgets rules and tags; what they meant for fetches under way stays.
        while pages.sweep().step(100) {}
        // Whoever comes after the purge does not wait for what is older.
        let after = lead(&pages, "/a");
        let inserted = fetch.insert("old".into(), &tagged(&["t"]));
        assert_eq!(inserted.outcome, Outcome::Outdated);
        assert!(matches!(ready(&mut before), Waited::Found(_)));
        assert!(is_miss(&pages, "/a"));
        assert_eq!(after.insert("new".into(), &tagged(&["t"])).outcome, Outcome::Stored);
        assert_eq!(fresh(&pages, "/a").as_deref(), Some("new"));
    }
}

#[test]
fn a_tag_that_was_forgotten_still_holds_against_older_fetches() {
    // Would break: the same race, by way of the table of tags making room.
    let pages = pages(&ManualClock::new(), EXACT);
    store(&pages, "/b", &["t"]);
    let fetch = lead(&pages, "/a");
    pages.purge_tag("t");
    is_miss(&pages, "/b");
    while pages.sweep().step(100) {}
    assert_eq!(pages.snapshot().tags, 0);
    assert_eq!(fetch.insert("old".into(), &tagged(&["t"])).outcome, Outcome::Outdated);
}

#[test]
fn patterns_are_lazy_and_sweeps_fold_them_in() {
    // Would break: a list of rules that only grows, or a rule that is dropped before every entry has passed it.
    let pages = pages(&ManualClock::new(), EXACT);
    for name in 0..500 {
        store(&pages, &format!("/{}/{name}", name % 2), &[]);
    }
    pages.purge_matching(Pattern::glob("/0/*").unwrap()).unwrap();
    store(&pages, "/0/new", &[]);
    assert!(is_miss(&pages, "/0/0") && !is_miss(&pages, "/1/1") && !is_miss(&pages, "/0/new"));
    let mut sweep = pages.sweep();
    // A rule that comes while a sweep is under way stays for the next one.
    assert!(sweep.step(10));
    pages.purge_matching(Pattern::glob("/1/7*").unwrap()).unwrap();
    while sweep.step(10) {}
    assert_eq!(pages.snapshot().rules, 1);
    while pages.sweep().step(1_000) {}
    let snapshot = pages.snapshot();
    assert_eq!((snapshot.rules, fresh(&pages, "/0/new").is_some(), is_miss(&pages, "/1/7")), (0, true, true));
    assert_eq!(
        snapshot.entries,
        251 - (0..500).filter(|name| name % 2 == 1 && name.to_string().starts_with('7')).count() as u64
    );
}

#[test]
fn rules_are_bounded_and_everything_is_always_possible() {
    // Would break: each hit held against thousands of rules.
    let pages = pages(&ManualClock::new(), EXACT);
    store(&pages, "/a", &[]);
    for rule in 0..RULES_MAX {
        pages.purge_where(move |key| key.len() == rule + 10).unwrap();
    }
    assert!(pages.purge_where(|_| true).is_err());
    assert!(!is_miss(&pages, "/a"));
    pages.purge_all();
    assert!(is_miss(&pages, "/a") && pages.snapshot().rules == 0);
}

#[test]
fn tags_are_bounded_in_number_and_length() {
    // Would break: an origin that fills the memory with tags.
    let pages = pages(&ManualClock::new(), EXACT);
    let names: Vec<String> = (0..200).map(|name| name.to_string()).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(store(&pages, "/a", &all), Outcome::TooManyTags);
    assert_eq!(store(&pages, "/a", &["x".repeat(513).as_str()]), Outcome::TooManyTags);
    assert_eq!(store(&pages, "/a", &all[..99]), Outcome::Stored);
    assert_eq!(store(&pages, "/b", &all[99..103]), Outcome::TooManyTags);
    // Once they are free again there is room.
    pages.purge(&key("/a"));
    while pages.sweep().step(100) {}
    assert_eq!(store(&pages, "/b", &all[99..103]), Outcome::Stored);
}

#[test]
fn a_purge_of_other_keys_does_not_stop_anybody_from_sharing() {
    // Would break: writes to one page that make everybody fetch every other page anew.
    let pages = pages(&ManualClock::new(), EXACT);
    let fetch = lead(&pages, "/a");
    for name in 0..10 {
        pages.purge(&key(&format!("/other/{name}")));
    }
    let shared = (0..10).filter(|_| matches!(pages.begin(&key("/a")), Turn::Wait(_))).count();
    // All wait, unless a purged key happens to lie in the same slot: then one of them leads and the others wait for it.
    assert!(shared >= 9, "{shared} of 10 waited");
    drop(fetch);
}
