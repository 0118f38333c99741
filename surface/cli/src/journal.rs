//! `journal`: proving it, printing it, following it, saving it. Reads the files alone, beside a running engine or without one.

use crate::arguments::{Format, JournalVerb};
use crate::error::{CliError, Exit};
use crate::screen::{Screen, style_of};
use anstyle::Style;
use homeostat_store::{Entry, Journal, Reader, Verdict};
use homeostat_story::{LiveLine, Message, line_of};
use homeostat_vocabulary::Timestamp;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Entries read at a time.
const PAGE: usize = 500;

/// Time between two looks of `tail --follow`.
const FOLLOW_EVERY: Duration = Duration::from_millis(100);

/// Carries out one of the journal's verbs.
pub fn run(folder: &Path, verb: &JournalVerb, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    match verb {
        JournalVerb::Verify => verify(&Reader::open(folder)?, screen),
        JournalVerb::Export { from } => export(&Reader::open(folder)?, *from, screen),
        JournalVerb::Tail { follow, brief, lines } => tail(&Reader::open(folder)?, *follow, *brief, *lines, screen),
        JournalVerb::Backup { folder: to } => backup(folder, to, screen),
    }
}

fn verify(reader: &Reader, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let verdict = reader.verify(|seq| screen.progress(&format!("{seq} ...")))?;
    screen.progress("");
    match verdict {
        Verdict::Whole(summary) => {
            if screen.format == Format::Json {
                screen.json(&json!({
                    "sound": true, "records": summary.records, "first_seq": summary.first_seq,
                    "last_seq": summary.last_seq, "documents": summary.documents, "offsets": summary.offsets,
                    "remarks": summary.remarks,
                }))?;
            } else {
                let message = Message::new("journal-sound").number("records", summary.records);
                screen.answer(&message.text("first", &summary.first_seq).text("last", &summary.last_seq))?;
                for remark in &summary.remarks {
                    screen.note(&Message::new("name").text("name", remark));
                }
            }
            Ok(Exit::Ok)
        }
        Verdict::Broken(broken) => {
            if screen.format == Format::Json {
                screen.json(&json!({ "sound": false, "seq": broken.seq, "fault": broken.to_string() }))?;
            } else {
                let message = Message::new("journal-broken").text("fault", &broken);
                let style = style_of(homeostat_story::Tone::Bad);
                let said = screen.say(&message);
                screen.data(&format!("{style}{said}{style:#}\n"))?;
            }
            Ok(Exit::Findings)
        }
    }
}

fn export(reader: &Reader, from: u64, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let mut from_seq = from;
    loop {
        let page = reader.entries(from_seq, PAGE)?;
        let Some(last) = page.last() else { return Ok(Exit::Ok) };
        from_seq = last.seq + 1;
        for entry in &page {
            screen.json_line(&exported(entry))?;
        }
    }
}

/// An entry as JSON. A payload that is not JSON is given as text, so that the export shows all there is.
fn exported(entry: &Entry) -> Value {
    let record = &entry.record;
    let payload = serde_json::from_slice(&record.payload)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&record.payload).into_owned()));
    let hash: String = entry.hash.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "seq": entry.seq, "at": Timestamp(record.at_ms).to_string(), "class": record.class, "kind": record.kind,
        "subject": record.subject, "trace": record.trace, "payload": payload, "hash": hash,
    })
}

fn tail(reader: &Reader, follow: bool, brief: bool, lines: u64, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let last = reader.last()?.map_or(0, |entry| entry.seq);
    let mut from_seq = last.saturating_sub(lines) + 1;
    loop {
        let page = reader.entries(from_seq, PAGE)?;
        for entry in page.iter().filter(|entry| !brief || !is_step(entry)) {
            show(entry, screen)?;
        }
        match page.last() {
            Some(entry) => from_seq = entry.seq + 1,
            None if follow => std::thread::sleep(FOLLOW_EVERY),
            None => return Ok(Exit::Ok),
        }
    }
}

/// Whether a saga wrote it down for one of its steps: the facts around it tell the same in fewer words.
#[must_use]
pub fn is_step(entry: &Entry) -> bool {
    entry.record.kind.starts_with("saga.")
}

fn show(entry: &Entry, screen: &mut Screen<'_>) -> Result<(), CliError> {
    let line = line_of(entry, screen.catalogue);
    if screen.format == Format::Json {
        return screen.json_line(&line);
    }
    screen.data(&live_line(&line))
}

/// A told entry as a styled line of a terminal.
pub fn live_line(line: &LiveLine) -> String {
    let (dim, style) = (Style::new().dimmed(), style_of(line.tone));
    let (clock, trace, symbol, text) = (&line.clock, &line.trace, line.tone.symbol(), &line.text);
    format!("{dim}{clock}{dim:#}  {trace:6}  {style}{symbol}{style:#} {text}\n")
}

fn backup(folder: &Path, to: &Path, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    // Putting a journal into an empty folder after verifying it is the same act, whichever of the two is the copy.
    let saved = Journal::restore(folder, to)?;
    if screen.format == Format::Json {
        screen.json(&json!({ "folder": to, "last_seq": saved.last_seq, "size_bytes": saved.size_bytes }))?;
    } else {
        let message = Message::new("journal-saved").text("folder", &to.display()).text("last", &saved.last_seq);
        screen.answer(&message.number("bytes", saved.size_bytes))?;
    }
    Ok(Exit::Ok)
}
