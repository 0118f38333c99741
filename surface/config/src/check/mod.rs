//! Everything that can be wrong, found in one go: first the shape of the tree against the schema, then what the values mean
//! together.
//!
//! The shape check takes out what is wrong and remembers where; the later checks run on the rest, and keep silent about what
//! they cannot judge because a part of it was taken out. So one mistake brings one problem, and never hides another.

mod bound;
mod dependency;
mod gateway;
mod health;
mod kind;
mod name;
mod open_secret;
mod placeholder;
mod port;
mod program;
mod shape;
mod suggest;

pub use bound::listen_address;
pub use shape::check as shape;

use crate::place::Place;
use crate::problem::Problem;
use crate::section::{Document, Service};
use crate::source::Source;
use crate::tree::{Node, Path};
use std::path::Path as FilePath;

/// What the checks of meaning look at, and what they have found.
pub struct Judge<'a> {
    /// The sections, with every default filled in.
    pub document: &'a Document,
    /// The tree they were read from, for its places.
    pub tree: &'a Node,
    /// What the shape check took out.
    pub broken: &'a [Path],
    /// The environment that programs and secrets are searched in.
    pub source: &'a Source,
    /// Where relative paths begin.
    pub folder: &'a FilePath,
    /// What was found.
    pub problems: Vec<Problem>,
}

impl Judge<'_> {
    /// Runs all checks.
    pub fn run(&mut self) {
        name::check(self);
        bound::check(self);
        dependency::check(self);
        port::check(self);
        placeholder::check(self);
        health::check(self);
        program::check(self);
        open_secret::check(self);
        gateway::check(self);
    }

    /// Whether something at, above or below this path was taken out, so that nothing can be said about it.
    fn is_broken(&self, path: &Path) -> bool {
        self.broken.iter().any(|broken| broken.leads_through(path) || path.leads_through(broken))
    }

    /// The place of a value, or of the nearest table around it that was written.
    fn place(&self, path: &Path) -> Option<Place> {
        if let Some(node) = self.tree.at(path) {
            return Some(node.place.clone());
        }
        self.key_place(&Path(path.0[..path.0.len().checked_sub(1)?].to_vec()))
    }

    /// The place of a key, or of the nearest table around it that was written.
    fn key_place(&self, path: &Path) -> Option<Place> {
        let names = (1..=path.0.len()).rev().map(|length| Path(path.0[..length].to_vec()));
        let written = names.into_iter().find_map(|path| self.tree.at(&path));
        Some(written.unwrap_or(self.tree).key_place.clone()).filter(|place| place.order() > (0, 0))
    }

    fn report(&mut self, path: Path, problem: Problem) {
        self.problems.push(problem.about(path));
    }

    fn services(&self) -> impl Iterator<Item = (&String, &Service)> {
        self.document.services.iter()
    }
}

/// Every text of a service in which placeholders are filled in, with its path.
fn placeholder_texts(name: &str, service: &Service) -> Vec<(Path, String)> {
    let mut texts = Vec::new();
    let mut words_at = |keys: &[&str], words: &[String]| {
        texts.extend(words.iter().map(|word| (Path::of_service(name, keys), word.clone())));
    };
    if let Some(command) = &service.command {
        words_at(&["command"], &command.0);
    }
    if let Some(health) = &service.health {
        words_at(&["health", "exec"], health.exec.as_ref().map_or(&[], |words| words.0.as_slice()));
        words_at(&["health", "http"], health.http.as_slice());
        words_at(&["health", "tcp"], health.tcp.as_slice());
    }
    for (variable, value) in &service.environment {
        if let homeostat_vocabulary::EnvironmentValue::Plain(text) = value.resolve() {
            texts.push((Path::of_service(name, &["environment", variable]), text));
        }
    }
    texts
}
