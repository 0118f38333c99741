//! The section of the results page: the bar first, then a table a scenario with a line a subject, then the picture.
//!
//! Called by the page for this benchmark alone: thousands of rows of one figure each would fill a book.

use std::fmt::Write as _;

use super::bar;
use super::picture;
use super::rows::CURVE;
use super::schedule::Schedule;
use super::suite::ABLATION;
use crate::report::{OURS, Report, Row, figure};
use crate::verdict;

/// What a table shows, and under which heading. A column without a figure in any line is left out.
const COLUMNS: [(&str, &str); 22] = [
    ("good within 5 s, %", "goodput_5s_percent"),
    ("of the burst, %", "goodput_burst_percent"),
    ("2 s, %", "goodput_2s_percent"),
    ("1 s, %", "goodput_1s_percent"),
    ("2 s after a switch on, %", "goodput_calm_percent"),
    ("POST, %", "goodput_post_percent"),
    ("critical, %", "goodput_critical_percent"),
    ("normal, %", "goodput_normal_percent"),
    ("low, %", "goodput_low_percent"),
    ("lost to the oracle, %", "regret_percent"),
    ("attempts", "attempts_per_request"),
    ("in any 10 s", "attempts_10s_max_per_request"),
    ("at healthy", "attempts_healthy_per_request"),
    ("wasted, s", "backend_wasted_s"),
    ("to 90 %, s", "recovery_90_s"),
    ("to 99 %, s", "recovery_99_s"),
    ("twice", "duplicate_posts"),
    ("p50, ms", "p50_ms"),
    ("p99, ms", "p99_ms"),
    ("p99.9, ms", "p999_ms"),
    ("CPU, us", "cpu_us_per_request"),
    ("peak, MiB", "peak_rss_mib"),
];
/// Columns that only one schedule is about.
const SPECIAL: [(&str, Schedule); 3] = [
    ("p999_ms", Schedule::Healthy),
    ("goodput_normal_percent", Schedule::Overload),
    ("goodput_low_percent", Schedule::Overload),
];

/// The body of the section.
pub fn section(report: &Report) -> String {
    let mut text = String::new();
    for subject in [OURS, "homeostat-tuned", "homeostat-gateway"] {
        let _ = writeln!(text, "\n### The bar, {subject}\n");
        verdict::table(&mut text, &bar::verdicts(report, subject));
    }
    let costs = bar::costs(report);
    if !costs.is_empty() {
        text.push_str("\n### The aims of the ablation\n\n");
        verdict::table(&mut text, &costs);
    }
    for case in cases(report) {
        table(&mut text, report, case);
        if case.starts_with(ABLATION) {
            relative(&mut text, report, case);
        }
    }
    if picture::draw(report).is_some() {
        let _ = writeln!(
            text,
            "\n### Around a switch\n\n![Goodput around a switch of the healthy endpoints]({})",
            picture::FILE
        );
    }
    text
}

fn cases(report: &Report) -> Vec<&str> {
    let mut cases: Vec<&str> = Vec::new();
    for row in &report.rows {
        if !cases.contains(&row.case.as_str()) {
            cases.push(&row.case);
        }
    }
    cases
}

fn rows_of<'a>(report: &'a Report, case: &'a str) -> impl Iterator<Item = &'a Row> {
    report.rows.iter().filter(move |row| row.case == case && !row.metric.starts_with(CURVE))
}

fn subjects<'a>(report: &'a Report, case: &'a str) -> Vec<&'a str> {
    let mut subjects: Vec<&str> = Vec::new();
    for row in rows_of(report, case) {
        if !subjects.contains(&row.subject.as_str()) {
            subjects.push(&row.subject);
        }
    }
    subjects
}

fn table(text: &mut String, report: &Report, case: &str) {
    let columns: Vec<(&str, &str)> = COLUMNS
        .into_iter()
        .filter(|(_, metric)| rows_of(report, case).any(|row| row.metric == *metric) && belongs(metric, case))
        .collect();
    let _ = write!(text, "\n### {case}\n\n| subject |");
    columns.iter().for_each(|(heading, _)| {
        let _ = write!(text, " {heading} |");
    });
    text.push_str("\n|---|");
    text.push_str(&"---:|".repeat(columns.len()));
    text.push('\n');
    for subject in subjects(report, case) {
        let _ = write!(text, "| {subject} |");
        for (_, metric) in &columns {
            let row = rows_of(report, case).find(|row| row.subject == subject && row.metric == *metric);
            let _ = write!(text, " {} |", row.map_or_else(|| "-".to_owned(), cell));
        }
        text.push('\n');
    }
}

/// Whether a column is what this scenario is about.
fn belongs(metric: &str, case: &str) -> bool {
    let special = SPECIAL.iter().find(|(name, _)| *name == metric);
    special.is_none_or(|(_, schedule)| case.contains(schedule.name()))
}

/// The median, and the extremes where they are not the same.
fn cell(row: &Row) -> String {
    if row.min == row.max {
        return figure(row.median);
    }
    format!("{} ({}-{})", figure(row.median), figure(row.min), figure(row.max))
}

/// What each row of the ablation costs beside the first, which is no policy.
fn relative(text: &mut String, report: &Report, case: &str) {
    let subjects = subjects(report, case);
    let value = |subject: &str, metric: &str| {
        rows_of(report, case).find(|row| row.subject == subject && row.metric == metric).map(|row| row.median)
    };
    let Some(first) = subjects.first() else { return };
    let mut lines = Vec::new();
    for subject in &subjects {
        let times = |metric| Some(value(subject, metric)? / value(first, metric)?);
        if let (Some(cpu), Some(memory)) = (times("cpu_us_per_request"), times("peak_rss_mib")) {
            lines.push(format!("{subject} {cpu:.2} and {memory:.2}"));
        }
    }
    let _ =
        writeln!(text, "\nProcessor time a request and peak memory as multiples of {first}'s: {}.", lines.join(", "));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::machine::Machine;

    // Would break: a page without the bar, or with a table of empty columns.
    #[test]
    fn the_page_has_the_bar_and_a_line_for_each_subject() {
        let mut report =
            Report::new("massive-failure", true, Machine::describe(std::path::Path::new("/"), BTreeMap::new()));
        let case = "switch80, uniform, tight, load 0.7";
        report.add("homeostat", case, "goodput_5s_percent", "%", &[90.0, 92.0, 94.0]);
        report.add("oracle", case, "goodput_5s_percent", "%", &[100.0]);
        report.add("homeostat", case, "goodput_low_percent", "%", &[90.0]);
        report.add("homeostat", case, &super::super::rows::curve_metric(3), "%", &[90.0]);
        let text = section(&report);
        assert!(text.contains("### The bar, homeostat\n"), "{text}");
        assert!(text.contains("| 92.00 | **missed** |"), "{text}");
        assert!(text.contains("| subject | good within 5 s, % |\n|---|---:|\n"), "{text}");
        assert!(text.contains("| homeostat | 92.0 (90.0-94.0) |\n| oracle | 100 |\n"), "{text}");
    }
}
