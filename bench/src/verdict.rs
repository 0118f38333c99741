//! Promises and what became of them: the first table of a section whose issue names figures. Computed from the rows of a report, so that
//! a page can say nothing else than the figures do.

use std::fmt::Write as _;

/// A promise and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What was promised.
    pub promise: String,
    /// What was measured.
    pub measured: String,
    /// Whether it is met; `None` if it was not measured.
    pub is_met: Option<bool>,
}

/// A promise that is met by this much or more.
pub fn at_least(promise: &str, least: f64, measured: Option<f64>) -> Verdict {
    verdict(format!("{promise}: at least {least}"), measured, |value| value >= least)
}

/// A promise that is met by this much or less.
pub fn at_most(promise: &str, most: f64, measured: Option<f64>) -> Verdict {
    verdict(format!("{promise}: at most {most}"), measured, |value| value <= most)
}

fn verdict(promise: String, measured: Option<f64>, is_met: impl Fn(f64) -> bool) -> Verdict {
    let measured_text = measured.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.2}"));
    Verdict { promise, measured: measured_text, is_met: measured.map(is_met) }
}

/// A line a promise.
pub fn table(text: &mut String, verdicts: &[Verdict]) {
    text.push_str("| promise | measured | |\n|---|---:|---|\n");
    for Verdict { promise, measured, is_met } in verdicts {
        let said = match is_met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "not measured",
        };
        let _ = writeln!(text, "| {promise} | {measured} | {said} |");
    }
}
