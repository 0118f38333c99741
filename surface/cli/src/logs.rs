//! `logs`: what services have written, from the files alone.
//!
//! What a service writes comes from outside: its control characters never reach the terminal.

use crate::arguments::{Format, LogsArguments};
use crate::error::{CliError, Exit, shown};
use crate::say;
use crate::screen::Screen;
use anstyle::{AnsiColor, Style};
use homeostat_driver_process::logs::{Follower, LogLine, Stream, tail_and_follow};
use homeostat_vocabulary::InstanceId;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// Time between two looks of `--follow`.
const FOLLOW_EVERY: Duration = Duration::from_millis(200);

/// Looks of `--follow` between two searches for instances that are new.
const LOOKS_A_SEARCH: u32 = 10;

/// Where the driver keeps what it knows of each instance, by service.
const RUNS: &str = "runs";

/// Shows the latest lines, and with `--follow` those that come. `known` are the names of services, where the configuration can be read.
pub fn run(
    data_folder: &Path,
    asked: &LogsArguments,
    known: Option<&[String]>,
    screen: &mut Screen<'_>,
) -> Result<Exit, CliError> {
    let mut open: Vec<(InstanceId, Follower)> = Vec::new();
    let mut latest: Vec<(InstanceId, LogLine)> = Vec::new();
    for instance in instances(data_folder, asked)? {
        let (lines, follower) = begin(data_folder, &instance, asked.lines)?;
        latest.extend(lines.into_iter().map(|line| (instance.clone(), line)));
        open.push((instance, follower));
    }
    let name = asked.of.service.as_str();
    // What has left the configuration may still be read about; what was never there would be waited for in vain.
    if let Some(known) = known.filter(|known| open.is_empty() && known.iter().all(|one| one != name)) {
        return Err(CliError::NoService { name: name.to_owned(), known: known.to_vec() });
    }
    if open.is_empty() && !asked.follow {
        let of = asked
            .of
            .index
            .map_or_else(|| asked.of.service.to_string(), |index| format!("{}/{index}", asked.of.service));
        return Err(CliError::NoLogs { of, folder: data_folder.join(RUNS) });
    }
    // Times are RFC 3339 in UTC, so the order of the texts is the order of the times.
    latest.sort_by(|(_, one), (_, other)| one.at.cmp(&other.at));
    let surplus = latest.len().saturating_sub(asked.lines);
    let several = asked.of.index.is_none() && open.len() > 1;
    for (instance, line) in &latest[surplus..] {
        show(several.then_some(instance), instance, line, screen)?;
    }
    if asked.follow { follow(data_folder, asked, open, screen) } else { Ok(Exit::Ok) }
}

fn follow(
    data_folder: &Path,
    asked: &LogsArguments,
    mut open: Vec<(InstanceId, Follower)>,
    screen: &mut Screen<'_>,
) -> Result<Exit, CliError> {
    for look in 1_u32.. {
        let several = asked.of.index.is_none() && open.len() > 1;
        for (instance, follower) in &mut open {
            let lines = follower
                .next_lines()
                .map_err(|error| CliError::failed(say::reading(shown(data_folder.join(RUNS))), &error))?;
            for line in &lines {
                show(several.then_some(&*instance), instance, line, screen)?;
            }
        }
        if look.is_multiple_of(LOOKS_A_SEARCH) {
            for instance in instances(data_folder, asked)? {
                if open.iter().all(|(known, _)| *known != instance) {
                    let (lines, follower) = begin(data_folder, &instance, asked.lines)?;
                    for line in &lines {
                        show(Some(&instance), &instance, line, screen)?;
                    }
                    open.push((instance, follower));
                }
            }
        }
        std::thread::sleep(FOLLOW_EVERY);
    }
    Ok(Exit::Ok)
}

fn begin(data_folder: &Path, instance: &InstanceId, lines: usize) -> Result<(Vec<LogLine>, Follower), CliError> {
    let begun = tail_and_follow(data_folder, instance, lines);
    begun.map_err(|error| CliError::failed(say::reading(shown(data_folder.join(RUNS))), &error))
}

/// The instances that were asked for and have ever run.
fn instances(data_folder: &Path, asked: &LogsArguments) -> Result<Vec<InstanceId>, CliError> {
    let service = &asked.of.service;
    let folder = data_folder.join(RUNS).join(service.as_str());
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CliError::failed(say::reading(shown(folder)), &error)),
    };
    let indexes = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u16>().ok());
    let mut indexes: Vec<u16> = indexes.filter(|index| asked.of.index.is_none_or(|only| only == *index)).collect();
    indexes.sort_unstable();
    Ok(indexes.into_iter().map(|index| InstanceId::new(service.clone(), index)).collect())
}

fn show(
    named: Option<&InstanceId>,
    instance: &InstanceId,
    line: &LogLine,
    screen: &mut Screen<'_>,
) -> Result<(), CliError> {
    if screen.format == Format::Json {
        let stream = match line.stream {
            Stream::Out => "out",
            Stream::Err => "err",
            Stream::Shim => "homeostat",
        };
        return screen.json_line(&json!({
            "at": line.at, "instance": instance, "stream": stream, "continues": line.continues, "text": line.text,
        }));
    }
    let dim = Style::new().dimmed();
    let style = match line.stream {
        Stream::Out => Style::new(),
        Stream::Err => AnsiColor::Yellow.on_default(),
        Stream::Shim => dim,
    };
    let name = named.map(|instance| format!("{dim}{instance}{dim:#} ")).unwrap_or_default();
    let text = printable(&line.text);
    screen.data(&format!("{dim}{}{dim:#} {name}{style}{text}{style:#}\n", line.at))
}

/// A line without escape sequences and control characters; unlike a sentence, it keeps its indentation.
fn printable(text: &str) -> String {
    let stripped = anstream::adapter::strip_str(text).to_string();
    stripped
        .chars()
        .map(|character| if character.is_control() && character != '\t' { '·' } else { character })
        .collect()
}
