//! The results page: every JSON file of a folder as one section of Markdown. Written by this program only, never by
//! hand, so that the page can say nothing that was not measured.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;

use crate::gateway;
use crate::massive;
use crate::policies::{self, table};
use crate::reactor::picture;
use crate::report::{Report, figure};

/// Reads all results in `json_dir` and writes the page `out`, and beside it the picture of a degradation, where there is one. With
/// `keep`, sections of benchmarks that are not in `json_dir` stay on the page as they were written when those were measured.
pub fn write(json_dir: &Path, out: &Path, keep: bool) -> anyhow::Result<()> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(json_dir).with_context(|| format!("reading {}", json_dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    paths.sort();
    anyhow::ensure!(!paths.is_empty(), "there is no JSON file in {}", json_dir.display());
    let reports = paths.iter().map(|path| Report::read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    for svg in reports.iter().filter_map(picture::draw) {
        let path = out.with_file_name(picture::FILE);
        std::fs::write(&path, svg).with_context(|| format!("writing {}", path.display()))?;
    }
    for svg in reports.iter().filter_map(massive::picture::draw) {
        let path = out.with_file_name(massive::picture::FILE);
        std::fs::write(&path, svg).with_context(|| format!("writing {}", path.display()))?;
    }
    let kept = if keep { read_sections(out)? } else { BTreeMap::new() };
    std::fs::write(out, render(&reports, kept)).with_context(|| format!("writing {}", out.display()))
}

/// What opens a section, before its name.
const SECTION: &str = "\n## ";

/// The sections of a page that was written before, by name; none if there is no page.
fn read_sections(page: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = match std::fs::read_to_string(page) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        read => read.with_context(|| format!("reading {}", page.display()))?,
    };
    let sections = text.split(SECTION).skip(1);
    Ok(sections
        .map(|section| (section.lines().next().unwrap_or_default().to_owned(), format!("{SECTION}{section}")))
        .collect())
}

fn render(reports: &[Report], mut sections: BTreeMap<String, String>) -> String {
    let mut text = String::from(
        "# Benchmarks\n\nWritten by `cargo xtask bench all`, or a section by `cargo xtask bench NAME --page`, from what was measured; not edited \
         by hand.\nEach table shows the median of all rounds with the lowest and the highest; \"of ours\" is the subject's median \
         divided by that of\n`homeostat` in the same run. Machines differ and are noisy: compare within a table, not across.\n",
    );
    for report in reports {
        let mut written = String::new();
        section(&mut written, report);
        sections.insert(report.bench.clone(), written);
    }
    sections.into_values().for_each(|section| text.push_str(&section));
    text
}

fn section(text: &mut String, report: &Report) {
    let machine = &report.machine;
    let _ = writeln!(text, "\n## {}\n", report.bench);
    if report.quick {
        text.push_str("A quick run: short rounds, rough figures.\n\n");
    }
    let versions: Vec<String> = machine.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let _ = writeln!(
        text,
        "Machine: {}, {} cores, {} MiB, {}, data on {}, load {} before. Versions: {}.\n",
        machine.cpu,
        machine.cores,
        machine.memory_mib,
        machine.kernel,
        machine.data_filesystem,
        machine.load_before,
        versions.join(", ")
    );
    for note in &report.notes {
        let _ = writeln!(text, "- {note}");
    }
    if report.bench == policies::NAME {
        // Many figures of few calls: side by side they can be read, each for itself they fill a book.
        text.push_str(&table::tables(report));
    } else if report.bench == massive::NAME {
        text.push_str(&massive::page::section(report));
    } else if report.bench == gateway::NAME {
        text.push_str(&gateway::page::section(report));
    } else {
        rows(text, report);
    }
    for missing in &report.not_run {
        let _ = writeln!(text, "\nNot run: {missing}");
    }
}

/// A table for each case and metric.
fn rows(text: &mut String, report: &Report) {
    let mut heading = None;
    // The degradation is a curve: its rows are drawn, and stand in one table.
    for row in report.rows.iter().filter(|row| !picture::draws(row)) {
        if heading != Some((&row.case, &row.metric)) {
            heading = Some((&row.case, &row.metric));
            let _ = writeln!(text, "\n### {}: {}\n", row.case, row.metric);
            let _ = writeln!(text, "| subject | median ({}) | min | max | rounds | of ours |", row.unit);
            text.push_str("|---|---:|---:|---:|---:|---:|\n");
        }
        let ratio = report.ratio(row).map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let (median, min, max) = (figure(row.median), figure(row.min), figure(row.max));
        let _ = writeln!(text, "| {} | {median} | {min} | {max} | {} | {ratio} |", row.subject, row.n);
    }
    if picture::draw(report).is_some() {
        let _ = writeln!(text, "\n### degradation\n\n![What is handled as the load grows]({})\n", picture::FILE);
        text.push_str(&picture::table(report));
    }
}
