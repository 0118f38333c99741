//! Tests of `route`: patterns, rules as data, and what becomes of events on their way to targets.

mod glob;
mod rules;
mod targets;

use std::borrow::Cow;
use std::time::Duration;

use homeostat_reactor::route::{Condition, Router, Rule, Rules, When};
use homeostat_reactor::{Class, Delivery, Event, Holds, Moment, Receipt};

/// An event that says whatever a test wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub number: u32,
    pub kind: &'static str,
    pub subject: String,
    pub region: Option<&'static str>,
    pub class: Class,
}

impl Note {
    pub fn new(number: u32) -> Self {
        Self { number, kind: "note", subject: format!("notes.{number}"), region: None, class: Class::Sense }
    }
}

impl Event for Note {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn class(&self) -> Class {
        self.class
    }

    fn subject(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.subject)
    }

    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "region").then_some(self.region).flatten().map(Cow::Borrowed)
    }
}

impl Holds<Note> for Note {
    fn get(&self) -> Option<&Note> {
        Some(self)
    }

    fn take(self) -> Option<Note> {
        Some(self)
    }
}

pub fn delivery(note: Note) -> Delivery<Note> {
    let class = note.class;
    Delivery::new(note, class, Moment::ZERO)
}

pub fn tracked(note: Note) -> (Delivery<Note>, Receipt) {
    let (ack, receipt) = homeostat_reactor::Ack::new();
    (delivery(note).with_trail(ack, tracing::Span::none()), receipt)
}

pub fn rule(name: &str, when: When, to: &[&str]) -> Rule {
    let to = to.iter().map(|name| (*name).to_owned()).collect();
    Rule { name: name.to_owned(), when, to, sample: None, limit: None }
}

pub fn everything_to(targets: &[&str]) -> Rules {
    Rules { rules: vec![rule("everything", When::default(), targets)], ..Rules::default() }
}

pub fn region(value: &str) -> When {
    let attributes = [("region".to_owned(), Condition::Equal(value.to_owned()))].into();
    When { attributes, ..When::default() }
}

/// What must hold of every router in which nothing is on its way any more.
pub fn assert_conserved(router: &Router<Note>) {
    let now = router.snapshot();
    assert_eq!(now.received, now.routed + now.unmatched + now.sampled_out + now.over_limit, "{now:#?}");
    for target in &now.targets {
        let ended = target.delivered + target.dropped + target.coalesced + target.dead;
        assert_eq!(target.offered, ended + target.waiting + target.in_flight, "{target:#?}");
    }
    for rule in &now.rules {
        assert_eq!(rule.matched, rule.routed + rule.sampled_out + rule.over_limit, "{rule:#?}");
    }
}

/// Looks again and again until something holds.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..20_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{what} did not come to pass");
}
