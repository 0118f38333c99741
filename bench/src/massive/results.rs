//! What came of all runs of one scenario: samples by subject and metric, one a seed.

use std::collections::BTreeMap;

use super::plan::Plan;
use super::round::Round;
use super::scenario::Scenario;
use super::score::{Score, regret_percent};
use super::subject::Subject;
use crate::report::Row;

/// The results of one scenario.
#[derive(Debug)]
pub struct Results {
    /// Which.
    pub scenario: Scenario,
    /// How many seeds.
    pub seeds: usize,
    /// In the order of the runs.
    scores: Vec<(Round, Score)>,
}

impl Results {
    /// Of these runs, which all are of this scenario.
    pub fn new(scenario: Scenario, seeds: usize, mut scores: Vec<(Round, Score)>) -> Self {
        let oracles: BTreeMap<u64, Score> = scores
            .iter()
            .filter(|(round, _)| round.subject == Subject::ORACLE)
            .map(|(round, score)| (round.seed, score.clone()))
            .collect();
        for (round, score) in &mut scores {
            if let Some(oracle) = oracles.get(&round.seed) {
                let regret = regret_percent(score, oracle);
                score.figures.insert("regret_percent", regret);
            }
        }
        Self { scenario, seeds, scores }
    }

    /// Who was measured, in the order of the runs.
    pub fn subjects(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (round, _) in &self.scores {
            let name = round.subject.name();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// One sample a seed.
    pub fn samples(&self, subject: &str, metric: &str) -> Vec<f64> {
        let of_subject = self.scores.iter().filter(|(round, _)| round.subject.name() == subject);
        of_subject.filter_map(|(_, score)| score.figures.get(metric).copied()).collect()
    }

    /// The median over the seeds.
    pub fn median(&self, subject: &str, metric: &str) -> Option<f64> {
        Row::of(subject, "", metric, "", &self.samples(subject, metric)).map(|row| row.median)
    }

    /// All metrics that anybody has, in alphabetical order.
    pub fn metrics(&self) -> Vec<&'static str> {
        let mut all: Vec<&'static str> =
            self.scores.iter().flat_map(|(_, score)| score.figures.keys().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The runs of a subject: who worked when, and what came of it.
    pub fn runs_of<'a>(&'a self, subject: &'a str) -> impl Iterator<Item = (Plan, &'a Score)> {
        let of_subject = self.scores.iter().filter(move |(round, _)| round.subject.name() == subject);
        of_subject.map(|(round, score)| (self.scenario.plan(round.seed), score))
    }
}
