//! The frame of every result: rows of median, minimum and maximum, as a table for people and as JSON.
//!
//! A benchmark collects its samples, makes a [`Row`] of each series and returns a [`Report`]. The JSON form is fixed:
//! other tools and the results page read it.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// The version of the JSON form.
const JSON_VERSION: u32 = 1;

/// The subject that others are compared with.
pub const OURS: &str = "homeostat";

/// One measured series.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    /// Who was measured: [`OURS`] or a peer.
    pub subject: String,
    /// Under which conditions.
    pub case: String,
    /// What was measured, its unit last.
    pub metric: String,
    /// The unit.
    pub unit: String,
    /// The middle of the rounds.
    pub median: f64,
    /// The lowest round.
    pub min: f64,
    /// The highest round.
    pub max: f64,
    /// Rounds.
    pub n: usize,
}

impl Row {
    /// A row of one sample a round; `None` without samples, since there is nothing to say then.
    pub fn of(subject: &str, case: &str, metric: &str, unit: &str, samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            subject: subject.to_owned(),
            case: case.to_owned(),
            metric: metric.to_owned(),
            unit: unit.to_owned(),
            median: middle(&sorted)?,
            min: *sorted.first()?,
            max: *sorted.last()?,
            n: sorted.len(),
        })
    }
}

/// The median of sorted samples.
fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    let upper = *sorted.get(half)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted[half - 1] + upper) / 2.0)
}

/// The value that `share` (0 to 1) of the samples do not exceed; 0 without samples. Sorts the samples.
pub fn quantile(samples: &mut [u32], share: f64) -> f64 {
    samples.sort_unstable();
    let rank = (samples.len() as f64 * share).ceil() as usize;
    samples.get(rank.saturating_sub(1)).copied().map_or(0.0, f64::from)
}

/// The result of one benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// The benchmark's name.
    pub bench: String,
    /// The version of this form.
    pub version: u32,
    /// Whether this was the short run.
    pub quick: bool,
    /// Where.
    pub machine: Machine,
    /// What the rows mean, for the reader of the page: a sentence or two each.
    pub notes: Vec<String>,
    /// What was measured.
    pub rows: Vec<Row>,
    /// What could not be measured, and why.
    pub not_run: Vec<String>,
}

impl Report {
    /// An empty report.
    pub fn new(bench: &str, quick: bool, machine: Machine) -> Self {
        Self {
            bench: bench.to_owned(),
            version: JSON_VERSION,
            quick,
            machine,
            notes: Vec::new(),
            rows: Vec::new(),
            not_run: Vec::new(),
        }
    }

    /// Adds a row of samples, or says that there were none.
    pub fn add(&mut self, subject: &str, case: &str, metric: &str, unit: &str, samples: &[f64]) {
        match Row::of(subject, case, metric, unit, samples) {
            Some(row) => self.rows.push(row),
            None => self.not_run.push(format!("{subject}, {case}: {metric}")),
        }
    }

    /// The subject's median as a multiple of ours, where we have the same case and metric.
    pub fn ratio(&self, row: &Row) -> Option<f64> {
        let ours = self
            .rows
            .iter()
            .find(|other| other.subject == OURS && other.case == row.case && other.metric == row.metric)?;
        (ours.median != 0.0).then(|| row.median / ours.median)
    }

    /// The table for a terminal.
    pub fn table(&self) -> String {
        let mut lines = vec![["case", "metric", "subject", "median", "min", "max", "of ours"].map(str::to_owned)];
        for row in &self.rows {
            let ratio = self.ratio(row).map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            lines.push([
                row.case.clone(),
                row.metric.clone(),
                row.subject.clone(),
                figure(row.median),
                figure(row.min),
                figure(row.max),
                ratio,
            ]);
        }
        let mut text = String::new();
        let machine = &self.machine;
        let quick = if self.quick { " (quick)" } else { "" };
        let _ = writeln!(
            text,
            "{}{quick} on {}, {} cores, {}, {}, load {} before",
            self.bench, machine.cpu, machine.cores, machine.kernel, machine.data_filesystem, machine.load_before
        );
        for line in &lines {
            for (column, cell) in line.iter().enumerate() {
                let width = lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
                // Words to the left, figures to the right.
                let _ = if column < 3 { write!(text, "{cell:<width$}  ") } else { write!(text, "{cell:>width$}  ") };
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        for missing in &self.not_run {
            let _ = writeln!(text, "not run: {missing}");
        }
        text
    }

    /// Writes the JSON form.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// Reads the JSON form.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a benchmark's result", path.display()))
    }
}

/// A figure with three or four telling digits and thousands set apart.
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => thousands(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// If this breaks, every published figure is wrong.
    #[test]
    fn median_quantile_and_figures() {
        let row = Row::of("a", "b", "c", "d", &[3.0, 1.0, 2.0, 10.0]).expect("there are samples");
        assert_eq!((row.median, row.min, row.max, row.n), (2.5, 1.0, 10.0, 4));
        assert!(Row::of("a", "b", "c", "d", &[]).is_none());
        let mut samples: Vec<u32> = (1..=100).rev().collect();
        assert_eq!((quantile(&mut samples, 0.5), quantile(&mut samples, 0.99)), (50.0, 99.0));
        assert_eq!(quantile(&mut [], 0.5), 0.0);
        assert_eq!(
            [0.123, 12.34, 123.4, 1234.5, 1_234_567.0].map(figure),
            ["0.12", "12.3", "123", "1,234", "1,234,567"].map(str::to_owned)
        );
    }
}
