//! How a router stands: as numbers for a console, and as a picture in text or mermaid.
//!
//! Taken at any moment without holding anything up: numbers that change together may be read a moment apart.

use std::fmt::Write as _;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::compile::TargetSet;
use super::router::{Post, Router};
use super::target::Shape;
use crate::event::Event;
use crate::queue::lanes::Lane;
use crate::reactor::DeadLetterSnapshot;

/// A router's counts, in events; those of its targets in copies.
///
/// `received = routed + unmatched + sampled_out + over_limit`, and for each target
/// `offered = delivered + dropped + coalesced + dead + waiting + in_flight`, whenever nothing is being routed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterSnapshot {
    /// Events that came in.
    pub received: u64,
    /// Events that went to at least one target.
    pub routed: u64,
    /// Of these, the ones that no rule matched.
    pub by_default: u64,
    /// Events that no rule matched and that have no default.
    pub unmatched: u64,
    /// Events that every rule that matched left out by sampling.
    pub sampled_out: u64,
    /// Events that were over the limit of a rule, and that no other rule let through.
    pub over_limit: u64,
    /// How often the rules have been exchanged.
    pub exchanges: u64,
    /// The names of the default targets.
    pub default: Vec<String>,
    /// The rules in use, in their order.
    pub rules: Vec<RuleSnapshot>,
    /// The targets, in the order they were given.
    pub targets: Vec<TargetSnapshot>,
    /// How many dead letters there are.
    pub dead_letters: DeadLetterSnapshot,
}

/// A rule's counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleSnapshot {
    /// Its name.
    pub name: String,
    /// The names of its targets.
    pub to: Vec<String>,
    /// Events it matched: `routed + sampled_out + over_limit`.
    pub matched: u64,
    /// Events it let through.
    pub routed: u64,
    /// Events its sampling left out.
    pub sampled_out: u64,
    /// Events over its limit.
    pub over_limit: u64,
}

/// A target's counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSnapshot {
    /// Its name.
    pub name: String,
    /// Copies that rules sent to it.
    pub offered: u64,
    /// Copies that arrived.
    pub delivered: u64,
    /// Copies lost to its queue's limit, to a shutdown, or to a stream that is gone.
    pub dropped: u64,
    /// Copies that a newer event with the same key replaced.
    pub coalesced: u64,
    /// Copies that became dead letters.
    pub dead: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Copies that wait in its queue.
    pub waiting: u64,
    /// Copies that its worker has in its hands.
    pub in_flight: u64,
    /// How many may wait in each class, and what happens to more.
    pub lane: Lane,
}

impl<E: Event> Router<E> {
    /// How it stands.
    pub fn snapshot(&self) -> RouterSnapshot {
        let (tally, posts) = (&self.0.tally, &self.0.posts);
        let names = |set: TargetSet| set.iter().map(|target| posts[target].name.to_string()).collect();
        let compiled = self.0.rules.read().unwrap_or_else(PoisonError::into_inner);
        let rules = compiled.rules.iter().map(|rule| RuleSnapshot {
            name: rule.name.clone(),
            to: names(rule.to),
            matched: rule.tally.matched.get(),
            routed: rule.tally.routed.get(),
            sampled_out: rule.tally.sampled_out.get(),
            over_limit: rule.tally.over_limit.get(),
        });
        RouterSnapshot {
            received: tally.received.get(),
            routed: tally.routed.get(),
            by_default: tally.by_default.get(),
            unmatched: tally.unmatched.get(),
            sampled_out: tally.sampled_out.get(),
            over_limit: tally.over_limit.get(),
            exchanges: self.0.exchanges.get(),
            default: names(compiled.default),
            rules: rules.collect(),
            targets: posts.iter().map(Post::snapshot).collect(),
            dead_letters: self.0.dead.snapshot(),
        }
    }

    /// A mermaid flowchart of rules and targets with their counts.
    pub fn mermaid(&self) -> String {
        let snapshot = self.snapshot();
        let mut picture = format!("flowchart LR\n  events([\"events<br/>{} received\"])\n", snapshot.received);
        let target = |name: &String| snapshot.targets.iter().position(|target| target.name == *name);
        for (index, rule) in snapshot.rules.iter().enumerate() {
            line(&mut picture, format_args!("rule_{index}[\"{}\"]", rule.label()));
            line(&mut picture, format_args!("events -- {} --> rule_{index}", rule.matched));
            for target in rule.to.iter().filter_map(target) {
                line(&mut picture, format_args!("rule_{index} -- {} --> target_{target}", rule.routed));
            }
        }
        for target in snapshot.default.iter().filter_map(target) {
            line(&mut picture, format_args!("events -. \"default {}\" .-> target_{target}", snapshot.by_default));
        }
        if snapshot.default.is_empty() {
            line(&mut picture, format_args!("events -. {} .-> unmatched([\"unmatched\"])", snapshot.unmatched));
        }
        for (index, (target, post)) in snapshot.targets.iter().zip(&self.0.posts).enumerate() {
            let (open, close) = match post.shape {
                Shape::Sink => ("[(", ")]"),
                Shape::Handler => ("[[", "]]"),
                Shape::Stream => ("([", "])"),
            };
            line(&mut picture, format_args!("target_{index}{open}\"{}\"{close}", target.label()));
        }
        picture
    }

    /// The same for a terminal: a line for each rule, then one for each target.
    pub fn text(&self) -> String {
        let snapshot = self.snapshot();
        let mut picture = String::new();
        let default = match snapshot.default.as_slice() {
            [] => format!("unmatched {}", snapshot.unmatched),
            names => format!("default -> {} {}", names.join(", "), snapshot.by_default),
        };
        line(&mut picture, format_args!("events {} routed {} {default}", snapshot.received, snapshot.routed));
        for rule in &snapshot.rules {
            let counts: String = rule.counts().iter().map(|(name, count)| format!(" {name} {count}")).collect();
            line(&mut picture, format_args!("rule {} -> {}:{counts}", rule.name, rule.to.join(", ")));
        }
        for target in &snapshot.targets {
            let counts: String = target.counts().iter().map(|(name, count)| format!(" {name} {count}")).collect();
            line(&mut picture, format_args!("target {}:{counts}", target.name));
        }
        picture
    }
}

fn line(picture: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String never fails.
    let _ = writeln!(picture, "  {text}");
}

/// What mermaid would read as its own becomes an entity.
fn quoted(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, letter| {
        match letter {
            '"' => text.push_str("#quot;"),
            '#' => text.push_str("#35;"),
            '&' => text.push_str("#amp;"),
            '<' => text.push_str("#lt;"),
            '>' => text.push_str("#gt;"),
            '`' => text.push_str("#96;"),
            letter => text.push(letter),
        }
        text
    })
}

/// The first count always, the others when there is something to tell.
fn telling(counts: Vec<(&'static str, u64)>) -> Vec<(&'static str, u64)> {
    counts
        .into_iter()
        .enumerate()
        .filter(|(index, (_, count))| *index == 0 || *count > 0)
        .map(|(_, told)| told)
        .collect()
}

fn label(name: &str, counts: &[(&'static str, u64)]) -> String {
    counts.iter().fold(quoted(name), |mut label, (name, count)| {
        let _ = write!(label, "<br/>{name} {count}");
        label
    })
}

impl RuleSnapshot {
    fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = [("matched", self.matched), ("sampled out", self.sampled_out), ("over limit", self.over_limit)];
        telling(counts.to_vec())
    }

    fn label(&self) -> String {
        label(&self.name, &self.counts())
    }
}

impl TargetSnapshot {
    fn counts(&self) -> Vec<(&'static str, u64)> {
        telling(vec![
            ("delivered", self.delivered),
            ("waiting", self.waiting + self.in_flight),
            ("dropped", self.dropped),
            ("coalesced", self.coalesced),
            ("dead", self.dead),
            ("retries", self.retries),
        ])
    }

    fn label(&self) -> String {
        label(&self.name, &self.counts())
    }
}

impl<E: Event> Post<E> {
    fn snapshot(&self) -> TargetSnapshot {
        TargetSnapshot {
            name: self.name.to_string(),
            offered: self.tally.offered.get(),
            delivered: self.tally.delivered.get(),
            dropped: self.tally.dropped.get(),
            coalesced: self.tally.coalesced.get(),
            dead: self.tally.dead.get(),
            retries: self.tally.retries.get(),
            waiting: self.mailbox.depth() as u64,
            in_flight: self.tally.in_flight.load(Ordering::Relaxed),
            lane: self.lane,
        }
    }
}
