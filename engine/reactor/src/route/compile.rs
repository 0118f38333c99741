//! Rules made ready: patterns compiled, names turned into places, everything judged at once.
//!
//! Called when a router is built and when its rules are exchanged. What comes out decides in time that only the rules' own size
//! bounds, allocates nothing for an event, and counts what it decides.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::glob::Glob;
use super::refused::{Problem, RulesRefused, Step, names_there_are};
use super::rules::{Choose, Condition, Rule, Rules};
use super::tally::{Passed, RuleTally};
use crate::class::{Class, PerClass};
use crate::clock::Moment;
use crate::event::Event;

/// Most rules: each is asked for each event.
pub const RULES_MAX: usize = 1024;

/// Most targets: one bit each says where an event goes.
pub const TARGETS_MAX: usize = 64;

/// Longest name of a rule or a target: it stands in every picture and metric.
pub const NAME_BYTES_MAX: usize = 64;

/// Deepest `not` of a `not`; more than one is a joke already.
const CONDITION_DEPTH_MAX: usize = 4;

/// Targets as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TargetSet(u64);

impl TargetSet {
    pub(super) const fn add(&mut self, target: usize) {
        self.0 |= 1 << target;
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        (0..TARGETS_MAX).filter(move |target| self.0 >> target & 1 == 1)
    }
}

/// Where an event goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// To these targets, because rules say so.
    Routed(TargetSet),
    /// To these targets, because no rule matched.
    Default(TargetSet),
    /// Nowhere: rules matched, but their sampling left it out.
    SampledOut,
    /// Nowhere: rules matched, but their limit was reached.
    OverLimit,
    /// Nowhere: no rule matched and there is no default.
    Unmatched,
}

/// Rules that can be asked.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) source: Rules,
    pub(super) default: TargetSet,
    pub(super) rules: Vec<CompiledRule>,
}

#[derive(Debug)]
pub(super) struct CompiledRule {
    pub(super) name: String,
    kind: Option<Glob>,
    subject: Option<Glob>,
    classes: Option<PerClass<bool>>,
    attributes: Vec<(String, Condition)>,
    pub(super) to: TargetSet,
    rule: Rule,
    pub(super) tally: Arc<RuleTally>,
}

impl Compiled {
    /// Judges and compiles. Rules that were there before, by name, go on counting where they were.
    pub(super) fn new(source: Rules, targets: &[&str], before: Option<&Self>) -> Result<Self, RulesRefused> {
        let mut judge = Judge { targets, problems: Vec::new() };
        if source.rules.len() > RULES_MAX {
            let what = format!("there are {} rules, more than {RULES_MAX}", source.rules.len());
            judge.refuse(vec![Step::Key("rule".to_owned())], None, what, "every event is asked of each: merge some");
            return Err(RulesRefused { problems: judge.problems });
        }
        let default = judge.targets(&source.default, &[Step::Key("default".to_owned())], None);
        let tallies: HashMap<&str, &Arc<RuleTally>> =
            before.iter().flat_map(|before| &before.rules).map(|rule| (rule.name.as_str(), &rule.tally)).collect();
        let mut names = HashSet::new();
        let mut rules = Vec::with_capacity(source.rules.len());
        for (index, rule) in source.rules.iter().enumerate() {
            let tally = tallies.get(rule.name.as_str()).map_or_else(Arc::default, |tally| Arc::clone(tally));
            rules.push(judge.rule(index, rule, tally, &mut names));
        }
        if judge.problems.is_empty() {
            return Ok(Self { default, rules, source });
        }
        Err(RulesRefused { problems: judge.problems })
    }

    /// Says where an event goes, and counts it with the rules that matched.
    pub(super) fn decide<E: Event>(&self, event: &E, class: Class, now: Moment) -> Verdict {
        let subject = OnceCell::new();
        let mut targets = TargetSet::default();
        let mut withheld = None;
        for rule in &self.rules {
            if !rule.matches(event, class, &subject) {
                continue;
            }
            match rule.tally.pass(rule.rule.sample, rule.rule.limit, now) {
                Passed::On => targets.0 |= rule.to.0,
                // The worse reason of several is told: a limit loses events, sampling is meant to.
                Passed::SampledOut => withheld = withheld.or(Some(Verdict::SampledOut)),
                Passed::OverLimit => withheld = Some(Verdict::OverLimit),
            }
            if self.source.choose == Choose::First {
                break;
            }
        }
        match withheld {
            _ if !targets.is_empty() => Verdict::Routed(targets),
            Some(verdict) => verdict,
            None if self.default.is_empty() => Verdict::Unmatched,
            None => Verdict::Default(self.default),
        }
    }
}

impl CompiledRule {
    fn matches<'event, E: Event>(
        &self,
        event: &'event E,
        class: Class,
        subject: &OnceCell<std::borrow::Cow<'event, str>>,
    ) -> bool {
        self.classes.is_none_or(|classes| classes[class])
            && self.kind.as_ref().is_none_or(|kind| kind.matches(event.kind()))
            && self.subject.as_ref().is_none_or(|wanted| wanted.matches(subject.get_or_init(|| event.subject())))
            && self.attributes.iter().all(|(name, condition)| condition.holds(event.attribute(name).as_deref()))
    }
}

/// Collects what is wrong.
struct Judge<'a> {
    targets: &'a [&'a str],
    problems: Vec<Problem>,
}

impl Judge<'_> {
    fn refuse(&mut self, path: Vec<Step>, rule: Option<&Rule>, what: String, remedy: impl Into<String>) {
        let rule = rule.map(|rule| rule.name.clone());
        self.problems.push(Problem { path, rule, what, remedy: remedy.into() });
    }

    fn rule(&mut self, index: usize, rule: &Rule, tally: Arc<RuleTally>, names: &mut HashSet<String>) -> CompiledRule {
        let at = |keys: &[&str]| -> Vec<Step> {
            let keys = keys.iter().map(|key| Step::Key((*key).to_owned()));
            [Step::Key("rule".to_owned()), Step::Index(index)].into_iter().chain(keys).collect()
        };
        if let Some(what) = wrong_name(&rule.name) {
            self.refuse(at(&["name"]), Some(rule), what, "a short name that says which events are meant");
        } else if !names.insert(rule.name.clone()) {
            let what = format!("a rule before it is called \"{}\" too", rule.name);
            self.refuse(at(&["name"]), Some(rule), what, "counts go by name: give it one of its own");
        }
        if rule.to.is_empty() {
            let remedy = names_there_are("", self.targets);
            self.refuse(at(&["to"]), Some(rule), "it names no target".to_owned(), remedy);
        }
        let to = self.targets(&rule.to, &at(&["to"]), Some(rule));
        let kind = self.glob(rule.when.kind.as_deref(), at(&["when", "kind"]), rule);
        let subject = self.glob(rule.when.subject.as_deref(), at(&["when", "subject"]), rule);
        for (name, condition) in &rule.when.attributes {
            if let Some((what, remedy)) = wrong_condition(condition, 0) {
                self.refuse(at(&["when", "attributes", name]), Some(rule), what.to_owned(), remedy);
            }
        }
        let classes =
            (!rule.when.classes.is_empty()).then(|| PerClass::from_fn(|class| rule.when.classes.contains(&class)));
        let attributes = rule.when.attributes.clone().into_iter().collect();
        CompiledRule { name: rule.name.clone(), kind, subject, classes, attributes, to, rule: rule.clone(), tally }
    }

    fn targets(&mut self, names: &[String], path: &[Step], rule: Option<&Rule>) -> TargetSet {
        let mut set = TargetSet::default();
        for (index, name) in names.iter().enumerate() {
            if let Some(target) = self.targets.iter().position(|target| target == name) {
                set.add(target);
                continue;
            }
            let path = path.iter().cloned().chain([Step::Index(index)]).collect();
            let remedy = names_there_are(name, self.targets);
            self.refuse(path, rule, format!("there is no target \"{name}\""), remedy);
        }
        set
    }

    fn glob(&mut self, pattern: Option<&str>, path: Vec<Step>, rule: &Rule) -> Option<Glob> {
        let pattern = pattern?;
        Glob::new(pattern)
            .map_err(|bad| self.refuse(path, Some(rule), bad.to_string(), "see the patterns of `route::Glob`"))
            .ok()
    }
}

/// What is wrong with a name, if anything.
pub(super) fn wrong_name(name: &str) -> Option<String> {
    if name.trim().is_empty() {
        Some("the name is empty".to_owned())
    } else if name.len() > NAME_BYTES_MAX {
        Some(format!("the name has {} bytes; at most {NAME_BYTES_MAX} are allowed", name.len()))
    } else if name.chars().any(char::is_control) {
        Some("the name has letters that cannot be printed".to_owned())
    } else {
        None
    }
}

fn wrong_condition(condition: &Condition, depth: usize) -> Option<(&'static str, &'static str)> {
    match condition {
        Condition::In { r#in } if r#in.is_empty() => {
            Some(("`in` names no value, so nothing can hold", "name at least one, or use `exists = false`"))
        }
        Condition::Not { .. } if depth >= CONDITION_DEPTH_MAX => {
            Some(("`not` stands too deep in other `not`s", "two of them cancel out"))
        }
        Condition::Not { not } => wrong_condition(not, depth + 1),
        _ => None,
    }
}
