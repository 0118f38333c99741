//! The figures of this benchmark side by side, in Markdown: for the page and, as it can be read as it is, for the terminal.

use std::fmt::Write as _;

use super::selection;
use crate::report::{OURS, Report, Row, figure};

/// What a call through the full stack should cost at most.
const STACK_CPU_NS_MAX: f64 = 1_000.0;
/// What is learned of an endpoint should take at most: one kibibyte.
const ENDPOINT_BYTES_MAX: f64 = 1_024.0;
/// What a choice among ten thousand endpoints should take less than.
const CHOICE_CPU_NS_MAX: f64 = 1_000.0;

/// All tables.
pub fn tables(report: &Report) -> String {
    let mut text = String::new();
    aims(&mut text, report);
    healthy(&mut text, report);
    threads(&mut text, report);
    refusals(&mut text, report);
    choices(&mut text, report);
    state(&mut text, report);
    text
}

/// What was aimed at, and whether it was met: by the median, and said plainly.
fn aims(text: &mut String, report: &Report) {
    let at = |case: &str, metric: &str| find(report, OURS, case, metric);
    let open = report.rows.iter().filter(|row| row.subject == OURS && row.metric == "asked_behind");
    let asked_most = open.max_by(|one, other| one.max.total_cmp(&other.max));
    let aims = [
        (
            "processor time of a healthy call through the full stack",
            STACK_CPU_NS_MAX,
            at("full stack", "at_once_cpu_ns"),
        ),
        ("the same, when it waits once", STACK_CPU_NS_MAX, at("full stack", "waiting_cpu_ns")),
        ("its allocations in steady state", 0.0, at("full stack", "at_once_allocations")),
        ("the same, when it waits once", 0.0, at("full stack", "waiting_allocations")),
        ("learned of an endpoint", ENDPOINT_BYTES_MAX, at("state of an endpoint", "held_bytes")),
        ("a choice among 10,000 endpoints", CHOICE_CPU_NS_MAX, at(&selection::case(10_000), "choice_cpu_ns")),
        ("calls that came through a refusing policy", 0.0, asked_most),
    ];
    let _ = writeln!(text, "\n### Aims\n\n| what | aim | measured | |\n|---|---:|---:|---|");
    for (what, most, row) in aims {
        let Some(row) = row else { continue };
        let is_met = if row.median <= most { "met" } else { "**missed**" };
        let aim = if most == 0.0 { "none".to_owned() } else { format!("at most {} {}", figure(most), row.unit) };
        let _ = writeln!(text, "| {what} | {aim} | {} | {is_met} |", in_its_unit(row, row.median));
    }
}

fn healthy(text: &mut String, report: &Report) {
    let columns = [
        ("CPU, at once (ns)", "at_once_cpu_ns"),
        ("CPU, waits once (ns)", "waiting_cpu_ns"),
        ("allocations, at once", "at_once_allocations"),
        ("bytes", "at_once_allocated_bytes"),
        ("allocations, waits once", "waiting_allocations"),
        ("bytes", "waiting_allocated_bytes"),
        ("future (bytes)", "future_bytes"),
    ];
    table(text, report, "A healthy call", "policy", &columns);
}

fn threads(text: &mut String, report: &Report) {
    let columns = [
        ("CPU, one thread (ns)", "at_once_cpu_ns"),
        ("CPU, two threads (ns)", "two_threads_cpu_ns"),
        ("calls/s, one thread", "calls_per_s"),
        ("calls/s, two threads", "two_threads_calls_per_s"),
    ];
    table(text, report, "Two threads through one policy, answers at once", "policy", &columns);
}

fn refusals(text: &mut String, report: &Report) {
    let columns = [
        ("CPU (ns)", "refusal_cpu_ns"),
        ("time (ns)", "refusal_wall_ns"),
        ("allocations", "refusal_allocations"),
        ("came through", "asked_behind"),
    ];
    table(text, report, "A refusal", "policy", &columns);
}

fn choices(text: &mut String, report: &Report) {
    let columns = [("CPU of a choice (ns)", "choice_cpu_ns"), ("with begin and end (ns)", "choice_and_end_cpu_ns")];
    table(text, report, "Choosing an endpoint", "endpoints", &columns);
}

fn state(text: &mut String, report: &Report) {
    table(text, report, "What is held", "of what", &[("bytes", "held_bytes")]);
}

/// A line for each case and subject that has the first of the columns, the subjects of a case side by side.
fn table(text: &mut String, report: &Report, title: &str, of: &str, columns: &[(&str, &str)]) {
    let (_, first) = columns[0];
    let mut lines: Vec<&Row> = Vec::new();
    for row in report.rows.iter().filter(|row| row.metric == first) {
        let after_its_case = lines.iter().rposition(|line| line.case == row.case);
        lines.insert(after_its_case.map_or(lines.len(), |place| place + 1), row);
    }
    if lines.is_empty() {
        return;
    }
    let _ = write!(text, "\n### {title}\n\n| {of} | subject |");
    for (name, _) in columns {
        let _ = write!(text, " {name} |");
    }
    let _ = write!(text, "\n|---|---|{}", "---:|".repeat(columns.len()));
    for line in lines {
        let _ = write!(text, "\n| {} | {} |", line.case, line.subject);
        for (_, metric) in columns {
            let cell = find(report, &line.subject, &line.case, metric).map_or_else(String::new, cell);
            let _ = write!(text, " {cell} |");
        }
    }
    text.push('\n');
}

/// The median and, where the rounds differ, the lowest and the highest.
fn cell(row: &Row) -> String {
    let [median, min, max] = [row.median, row.min, row.max].map(|value| in_its_unit(row, value));
    if min == max { median } else { format!("{median} ({min} to {max})") }
}

fn in_its_unit(row: &Row, value: f64) -> String {
    match row.unit.as_str() {
        "bytes" | "allocations" | "calls" => whole(value),
        _ => figure(value),
    }
}

/// Counts are whole numbers, unless something is not as steady as it should be.
fn whole(value: f64) -> String {
    let rounded = value.round();
    if (value - rounded).abs() < 0.005 { format!("{rounded}") } else { figure(value) }
}

fn find<'a>(report: &'a Report, subject: &str, case: &str, metric: &str) -> Option<&'a Row> {
    report.rows.iter().find(|row| row.subject == subject && row.case == case && row.metric == metric)
}
