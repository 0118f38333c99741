//! Reopening after `kill -9`: a child fills a store and is killed; the time counts from opening the files it left until
//! the last record has been read.
//!
//! The killed folder is copied for each round, because the first opening repairs it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::Context;
use clap::{Args, ValueEnum};
use homeostat_store::{Commit, Journal, Options};

use super::load::{Sample, WriteGroup};
use super::stores::{Fjall, Redb, SqliteTuned, record};
use crate::report::{OURS, Report};

/// Records in one group while filling.
const FILL_GROUP: u64 = 512;

const FILLED: &str = "filled";

/// What the child is told.
#[derive(Debug, Args)]
pub struct FillArguments {
    /// Which store to fill
    #[arg(value_enum)]
    store: Store,
    /// How many records
    records: u64,
    /// Where
    folder: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Store {
    Ours,
    Sqlite,
    Redb,
    Fjall,
}

impl Store {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => OURS,
            Self::Sqlite => "SQLite by hand, grouped",
            Self::Redb => "redb, grouped",
            Self::Fjall => "fjall, grouped",
        }
    }

    /// Opens what a killed process left and returns the last record's number and the milliseconds it took; the closing
    /// is not part of them.
    fn open_and_read_last(self, folder: &Path) -> anyhow::Result<(u64, f64)> {
        let started = Instant::now();
        let elapsed_ms = || started.elapsed().as_secs_f64() * 1000.0;
        match self {
            Self::Ours => {
                let journal = Journal::open(folder, Options::default())?;
                let last = journal.reader()?.last()?;
                Ok((last.map_or(0, |entry| entry.seq), elapsed_ms()))
            }
            Self::Sqlite => {
                let store = SqliteTuned::open(folder)?;
                Ok((store.last()?, elapsed_ms()))
            }
            Self::Redb => {
                let store = Redb::open(folder)?;
                Ok((store.last()?, elapsed_ms()))
            }
            Self::Fjall => {
                let store = Fjall::open_tuned(folder)?;
                Ok((store.last()?, elapsed_ms()))
            }
        }
    }
}

/// The child's part: fill, say so, wait for the end.
pub fn fill(arguments: &FillArguments) -> anyhow::Result<()> {
    let (records, folder) = (arguments.records, &arguments.folder);
    match arguments.store {
        Store::Ours => {
            let journal = Journal::open(folder, Options::default())?;
            fill_groups(records, |samples| {
                let records = samples.into_iter().map(record).collect();
                journal.commit_blocking(Commit { records, ..Commit::default() })?;
                Ok(())
            })
        }
        Store::Sqlite => fill_peer(records, SqliteTuned::open(folder)?),
        Store::Redb => fill_peer(records, Redb::open(folder)?),
        Store::Fjall => fill_peer(records, Fjall::open_tuned(folder)?),
    }
}

fn fill_peer(records: u64, mut store: impl WriteGroup) -> anyhow::Result<()> {
    fill_groups(records, |samples| store.write_group(&samples))
}

fn fill_groups(records: u64, mut write: impl FnMut(Vec<Sample>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut next = 1;
    while next <= records {
        let end = (next + FILL_GROUP).min(records + 1);
        write((next..end).map(Sample::new).collect())?;
        next = end;
    }
    println!("{FILLED}");
    std::io::stdout().flush()?;
    // Until killed, or until the parent is gone.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// Fills, kills and reopens every store.
pub fn measure(report: &mut Report, data: &Path, only: &str, records: u64, rounds: usize) -> anyhow::Result<()> {
    let case = format!("reopen after kill -9, {records} records");
    let stores = [Store::Ours, Store::Sqlite, Store::Redb, Store::Fjall];
    for store in stores.into_iter().filter(|store| store.name().contains(only)) {
        eprintln!("{case}: {}", store.name());
        let killed = tempfile::tempdir_in(data)?;
        fill_and_kill(store, records, killed.path())?;
        let mut samples = Vec::new();
        for _ in 0..rounds {
            let copy = tempfile::tempdir_in(data)?;
            copy_folder(killed.path(), copy.path())?;
            // Or the first sync of the opening would pay for writing out the copy.
            rustix::fs::syncfs(File::open(copy.path())?)?;
            let (last, elapsed_ms) = store.open_and_read_last(copy.path())?;
            samples.push(elapsed_ms);
            anyhow::ensure!(last == records, "{} lost records: {last} of {records} are left", store.name());
        }
        report.add(store.name(), &case, "reopen_ms", "ms", &samples);
    }
    Ok(())
}

fn fill_and_kill(store: Store, records: u64, folder: &Path) -> anyhow::Result<()> {
    let name = store.to_possible_value().context("every store has a name")?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["fill", name.get_name(), &records.to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting the child that fills a store")?;
    let filled = wait_until_filled(&mut child);
    // SIGKILL, whatever was said: nothing is left running.
    child.kill()?;
    child.wait()?;
    filled
}

fn wait_until_filled(child: &mut Child) -> anyhow::Result<()> {
    let output = child.stdout.take().context("the child's output is piped")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    anyhow::ensure!(line.trim() == FILLED, "the child that fills a store has failed");
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
