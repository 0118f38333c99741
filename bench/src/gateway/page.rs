//! The figures of this benchmark side by side, in Markdown: for the page and, as it can be read as it is, for the terminal.

use std::fmt::Write as _;

use super::aims;
use super::cost::Protocol;
use super::parts::{BODIES, IDLE, OPEN_LOOP, RELOADED, UPGRADED};
use super::subjects::SubjectKind;
use crate::report::{Report, Row, figure};
use crate::verdict;

/// Everyone is compared with these two.
const YARDSTICKS: [SubjectKind; 2] = [SubjectKind::Nginx, SubjectKind::Envoy];
/// The processor time of a request.
pub const CPU: &str = "cpu_us_per_request";

/// All tables.
pub fn section(report: &Report) -> String {
    let mut text = String::new();
    let aims = aims::verdicts(report);
    if !aims.is_empty() {
        text.push_str("\n### Aims\n\n");
        verdict::table(&mut text, &aims);
    }
    for protocol in Protocol::ALL {
        costs(&mut text, report, "Forwarded", "", protocol);
    }
    costs(&mut text, report, "Cached", "cached, ", Protocol::Clear);
    for case in [IDLE, OPEN_LOOP, RELOADED, UPGRADED] {
        plain(&mut text, report, case);
    }
    text
}

/// What a terminal shows: the tables, and what is missing in them.
pub fn told(report: &Report) -> String {
    let mut text = section(report);
    for missing in &report.not_run {
        let _ = writeln!(text, "\nnot run: {missing}");
    }
    text
}

/// The processor time of a request, a line a subject and three columns a size.
fn costs(text: &mut String, report: &Report, title: &str, prefix: &str, protocol: Protocol) {
    let case = |size: &str| format!("{prefix}{}, {size}", protocol.name());
    let subjects = subjects(report, &case(BODIES[0].1), CPU);
    if subjects.is_empty() {
        return;
    }
    let _ = write!(text, "\n### {title}, {}: CPU of a request (us)\n\n| subject |", protocol.name());
    for (_, size) in BODIES {
        let _ = write!(text, " {size} |");
        for yardstick in YARDSTICKS {
            let _ = write!(text, " of {} |", yardstick.name());
        }
    }
    let _ = write!(text, "\n|---|{}", "---:|".repeat(BODIES.len() * (1 + YARDSTICKS.len())));
    for subject in &subjects {
        let _ = write!(text, "\n| {subject} |");
        for (_, size) in BODIES {
            let row = find(report, subject, &case(size), CPU);
            let _ = write!(text, " {} |", row.map_or_else(String::new, cell));
            for yardstick in YARDSTICKS {
                let other = find(report, yardstick.name(), &case(size), CPU);
                let ratio = row.zip(other).map(|(row, other)| format!("{:.2}", row.median / other.median));
                let _ = write!(text, " {} |", ratio.unwrap_or_default());
            }
        }
    }
    text.push('\n');
    rounds(text, find(report, subjects[0], &case(BODIES[0].1), CPU));
}

/// How often it was measured.
fn rounds(text: &mut String, row: Option<&Row>) {
    match row.map_or(0, |row| row.n) {
        0 => {}
        1 => text.push_str("\nOne round.\n"),
        rounds => {
            let _ = writeln!(text, "\nMedian of {rounds} rounds, and the lowest and the highest where they differ.");
        }
    }
}

/// A line a subject, a column a metric.
fn plain(text: &mut String, report: &Report, case: &str) {
    let mut metrics: Vec<(&str, &str)> = Vec::new();
    for row in report.rows.iter().filter(|row| row.case == case) {
        if !metrics.iter().any(|(metric, _)| *metric == row.metric) {
            metrics.push((&row.metric, &row.unit));
        }
    }
    let Some((first, _)) = metrics.first() else { return };
    let mut heading = case.to_owned();
    if let Some(letter) = heading.get_mut(..1) {
        letter.make_ascii_uppercase();
    }
    let _ = write!(text, "\n### {heading}\n\n| subject |");
    for (metric, unit) in &metrics {
        let _ = write!(text, " {} ({unit}) |", metric.trim_end_matches(&format!("_{unit}")).replace('_', " "));
    }
    let _ = write!(text, "\n|---|{}", "---:|".repeat(metrics.len()));
    let subjects = subjects(report, case, first);
    for subject in &subjects {
        let _ = write!(text, "\n| {subject} |");
        for (metric, _) in &metrics {
            let _ = write!(text, " {} |", find(report, subject, case, metric).map_or_else(String::new, cell));
        }
    }
    text.push('\n');
    rounds(text, find(report, subjects[0], case, first));
}

fn subjects<'a>(report: &'a Report, case: &str, metric: &str) -> Vec<&'a str> {
    let rows = report.rows.iter().filter(|row| row.case == case && row.metric == metric);
    rows.map(|row| row.subject.as_str()).collect()
}

/// The median and, where the rounds differ, the lowest and the highest.
fn cell(row: &Row) -> String {
    let [median, min, max] = [row.median, row.min, row.max].map(figure);
    if min == max { median } else { format!("{median} ({min} to {max})") }
}

/// The row of this subject.
pub fn find<'a>(report: &'a Report, subject: &str, case: &str, metric: &str) -> Option<&'a Row> {
    report.rows.iter().find(|row| row.subject == subject && row.case == case && row.metric == metric)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::machine::Machine;

    // Would break: a page that compares a subject with another one's figure.
    #[test]
    fn every_subject_is_compared_with_nginx_and_envoy() {
        let mut report = Report::new("gateway", true, Machine::describe(std::path::Path::new("/"), BTreeMap::new()));
        for (subject, us) in [("nginx", 10.0), ("Envoy", 40.0), ("homeostat", 20.0)] {
            report.add(subject, "HTTP/1.1, 128 B", CPU, "us", &[us]);
        }
        let part = section(&report);
        // The sizes that are missing may be the worst.
        assert!(
            part.contains(
                "forwarded, HTTP/1.1: CPU as a multiple of nginx's, the worst size: at most 1 | not measured |"
            ),
            "{part}"
        );
        for size in ["1 KiB", "64 KiB"] {
            for subject in ["nginx", "homeostat"] {
                report.add(subject, &format!("HTTP/1.1, {size}"), CPU, "us", &[10.0]);
            }
        }
        report.add("nginx", "10,000 idle connections", "rss_mib", "MiB", &[7.0, 9.0, 8.0]);
        let text = section(&report);
        assert!(text.contains("### Forwarded, HTTP/1.1: CPU of a request (us)\n"), "{text}");
        assert!(text.contains("| homeostat | 20.0 | 2.00 | 0.50 |"), "{text}");
        assert!(text.contains("nginx's, the worst size: at most 1 | 2.00 | **missed** |"), "{text}");
        assert!(text.contains("\nMedian of 3 rounds"), "{text}");
        assert!(text.contains("| subject | rss mib (MiB) |\n|---|---:|\n| nginx | 8.00 (7.00 to 9.00) |\n"), "{text}");
    }
}
