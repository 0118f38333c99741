//! Any order of fetches, purges, sweeps and look-ups beside a model that remembers everything: the cache never gives what the model
//! does not allow, and forgets nothing without a reason.

use std::collections::HashMap;

use homeostat_cache::{Fetch, Life, Lookup, Outcome, Pattern, Terms};
use homeostat_reactor::ManualClock;
use proptest::prelude::*;

use crate::pages::{EXACT, Key, Pages, advance, key, pages, secs};

#[derive(Debug, Clone)]
enum Step {
    Begin(usize),
    End(usize, u64, u64, Vec<usize>),
    GiveUp(usize),
    Look(usize),
    PurgeKey(usize),
    PurgeTag(usize),
    PurgePrefix(usize),
    PurgeAll,
    Sweep(usize),
    Wait(u64),
}

const KEYS: [&str; 6] = ["/a/1", "/a/2", "/b/1", "/b/2", "/b/3", "/c"];
const TAGS: [&str; 3] = ["red", "green", "blue"];
const PREFIXES: [&str; 3] = ["/a/*", "/b/*", "*1"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tags = prop::collection::vec(0..TAGS.len(), 0..3);
    let step = prop_oneof![
        4 => (0..KEYS.len()).prop_map(Step::Begin),
        4 => (0..8_usize, 0..20_u64, 0..20_u64, tags).prop_map(|(at, fresh, stale, tags)| Step::End(at, fresh, stale, tags)),
        1 => (0..8_usize).prop_map(Step::GiveUp),
        6 => (0..KEYS.len()).prop_map(Step::Look),
        1 => (0..KEYS.len()).prop_map(Step::PurgeKey),
        1 => (0..TAGS.len()).prop_map(Step::PurgeTag),
        1 => (0..PREFIXES.len()).prop_map(Step::PurgePrefix),
        1 => Just(Step::PurgeAll),
        1 => (1..10_usize).prop_map(Step::Sweep),
        2 => (0..10_u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..120)
}

/// One purge, as the model remembers it.
enum Purged {
    Key(usize),
    Tag(usize),
    Prefix(usize),
    All,
}

struct Known {
    value: String,
    tags: Vec<usize>,
    /// How many purges there were when its fetch began.
    purges: usize,
    begun: u64,
    fresh_until: u64,
    dead_at: u64,
    /// It was certainly stored; else it may have been.
    is_certain: bool,
}

struct Model {
    purges: Vec<Purged>,
    known: HashMap<usize, Known>,
    now: u64,
    next: u64,
}

impl Model {
    fn is_purged(&self, name: usize, known: &Known) -> bool {
        self.purges[known.purges..].iter().any(|purged| match purged {
            Purged::Key(purged) => *purged == name,
            Purged::Tag(tag) => known.tags.contains(tag),
            Purged::Prefix(at) => Pattern::glob(PREFIXES[*at]).unwrap().matches(KEYS[name]),
            Purged::All => true,
        })
    }

    fn check(&self, pages: &Pages, name: usize) -> Result<(), TestCaseError> {
        let known = self.known.get(&name).filter(|known| self.now < known.dead_at && !self.is_purged(name, known));
        match (pages.lookup(KEYS[name]), known) {
            (Lookup::Fresh { hit, .. }, Some(known)) => {
                prop_assert!(self.now < known.fresh_until && *hit == known.value);
            }
            (Lookup::Stale { hit, may_serve_on_error: true, .. }, Some(known)) => {
                prop_assert!(self.now >= known.fresh_until && *hit == known.value);
            }
            (Lookup::Miss, Some(known)) => prop_assert!(!known.is_certain, "{} was forgotten", KEYS[name]),
            (Lookup::Miss, None) => {}
            (found, _) => prop_assert!(false, "{found:?} should not be there"),
        }
        Ok(())
    }
}

struct Flying {
    fetch: Fetch<Key, String>,
    name: usize,
    purges: usize,
    begun: u64,
}

fn end(model: &mut Model, flying: Flying, spans: (u64, u64), tags: Vec<usize>) -> Result<(), TestCaseError> {
    model.next += 1;
    let value = format!("{}", model.next);
    let names: Vec<&str> = tags.iter().map(|tag| TAGS[*tag]).collect();
    let life = Life::fresh(secs(spans.0)).on_error(secs(spans.1));
    let outcome = flying.fetch.insert(value.clone(), &Terms { life, bytes: 10, tags: &names }).outcome;
    let is_certain = flying.purges == model.purges.len();
    let known = Known {
        value,
        tags,
        purges: flying.purges,
        begun: flying.begun,
        fresh_until: model.now + spans.0,
        dead_at: model.now + spans.0 + spans.1,
        is_certain,
    };
    let is_superseded = model.known.get(&flying.name).is_some_and(|there| there.begun > known.begun);
    match outcome {
        Outcome::Stored => {
            prop_assert!(!model.is_purged(flying.name, &known));
            model.known.insert(flying.name, known);
        }
        Outcome::NoLife => prop_assert_eq!(spans, (0, 0)),
        Outcome::Outdated => prop_assert!(is_superseded || !is_certain),
        other => prop_assert!(false, "{other:?}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn the_cache_gives_what_the_model_allows(steps in steps()) {
        // Would break: anything purged, dead or overtaken that is given away, or anything good that is lost.
        let time = ManualClock::new();
        let pages = pages(&time, EXACT);
        let mut model = Model { purges: Vec::new(), known: HashMap::new(), now: 0, next: 0 };
        let mut flying: Vec<Flying> = Vec::new();
        for step in steps {
            match step {
                Step::Begin(name) if flying.len() < 8 => {
                    let fetch = pages.fetch_alone(&key(KEYS[name]));
                    flying.push(Flying { fetch, name, purges: model.purges.len(), begun: model.now });
                }
                Step::End(at, fresh, stale, tags) if at < flying.len() => {
                    end(&mut model, flying.remove(at), (fresh, stale), tags)?;
                }
                Step::GiveUp(at) if at < flying.len() => drop(flying.remove(at)),
                Step::Begin(_) | Step::End(..) | Step::GiveUp(_) => {}
                Step::Look(name) => model.check(&pages, name)?,
                Step::PurgeKey(name) => {
                    pages.purge(&key(KEYS[name]));
                    model.purges.push(Purged::Key(name));
                }
                Step::PurgeTag(tag) => {
                    pages.purge_tag(TAGS[tag]);
                    model.purges.push(Purged::Tag(tag));
                }
                Step::PurgePrefix(at) => {
                    if pages.purge_matching(Pattern::glob(PREFIXES[at]).unwrap()).is_ok() {
                        model.purges.push(Purged::Prefix(at));
                    }
                }
                Step::PurgeAll => {
                    pages.purge_all();
                    model.purges.push(Purged::All);
                }
                Step::Sweep(steps) => {
                    pages.sweep().step(steps);
                }
                Step::Wait(seconds) => {
                    advance(&time, secs(seconds));
                    model.now += seconds;
                }
            }
        }
        (0..KEYS.len()).try_for_each(|name| model.check(&pages, name))?;
    }
}
