//! What settings mean together, and what is likely a mistake though it could be compiled.
//!
//! Called by `surface/config` for `homeostat check`, at the start and at each reload. Always holds: everything is told at once, each with its
//! place below `gateway` and with a remedy. It looks at nothing outside the settings: no file, no socket.

mod conflict;
mod door;
mod names;
mod numbers;
mod reference;
mod shadow;

pub use door::listen_address;

use crate::problem::{Problem, Problems};
use crate::settings::Gateway;
use crate::table::Table;
use homeostat_vocabulary::Sentence;
use std::collections::{BTreeMap, BTreeSet};

/// The services of the configuration that the gateway stands in, each with the names of its ports (`port` for its own). Without an engine
/// there are none.
pub type Services = BTreeMap<String, BTreeSet<String>>;

/// Everything that is wrong with the settings.
#[must_use]
pub fn check(settings: &Gateway, services: &Services) -> Problems {
    let mut problems = Vec::new();
    match Table::compile(settings) {
        Ok(table) => shadow::check(&table, &mut problems),
        Err(found) => problems.extend(found.0),
    }
    names::check(settings, &mut problems);
    door::check(settings, &mut problems);
    reference::check(settings, services, &mut problems);
    conflict::check(settings, &mut problems);
    numbers::check(settings, &mut problems);
    Problems(problems)
}

/// A way below `gateway`, put together from its parts.
fn way<'a>(parts: &[&[&'a str]]) -> Vec<&'a str> {
    parts.concat()
}

/// Reports under a way that is put together.
fn report(problems: &mut Vec<Problem>, kind: crate::ProblemKind, path: &[&str], words: (Sentence, Sentence, Sentence)) {
    let (message, remedy, label) = words;
    problems.push(Problem::new(kind, path, message, remedy, label));
}
