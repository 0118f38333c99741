//! The journal's benchmark: producers publish, and a record counts when it is durable.
//!
//! Two loads: 64 producers with one record in flight each (the engine's own pattern: publish, wait, go on) and with
//! sixteen (a burst, or callers that do not wait one by one). All subjects run in every round, one after the other,
//! each in a fresh folder on the same disk.

mod load;
pub mod reopen;
mod stores;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use homeostat_store::{Journal, Options};

use self::load::{Grouped, PRODUCERS, Round, WriteGroup, run_tasks, run_threads};
use self::stores::{Fjall, Ours, RawFile, Redb, SqliteDefault, SqliteTuned};
use crate::Common;
use crate::machine::{Machine, library_version};
use crate::report::{OURS, Report};

/// Records in flight of one producer in the burst case.
const BURST: usize = 16;

/// What the journal's benchmark takes.
#[derive(Debug, clap::Args)]
pub struct JournalArguments {
    #[command(flatten)]
    pub common: Common,
    /// Measures only the subjects whose name contains this, for tuning one of them
    #[arg(long, value_name = "PART", default_value = "")]
    only: String,
}

struct Length {
    rounds: usize,
    round: Duration,
    reopen_records: u64,
    reopen_rounds: usize,
}

impl Length {
    fn of(quick: bool) -> Self {
        if quick {
            return Self { rounds: 3, round: Duration::from_millis(700), reopen_records: 100_000, reopen_rounds: 3 };
        }
        Self { rounds: 5, round: Duration::from_secs(4), reopen_records: 1_000_000, reopen_rounds: 5 }
    }
}

/// The subjects in the order of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Ours,
    SqliteDefault,
    SqliteTuned,
    RedbDefault,
    RedbTuned,
    FjallDefault,
    FjallTuned,
    Bound,
}

impl Subject {
    const ALL: [Self; 8] = [
        Self::Ours,
        Self::SqliteDefault,
        Self::SqliteTuned,
        Self::RedbDefault,
        Self::RedbTuned,
        Self::FjallDefault,
        Self::FjallTuned,
        Self::Bound,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Ours => OURS,
            Self::SqliteDefault => "SQLite by hand, as it comes",
            Self::SqliteTuned => "SQLite by hand, grouped",
            Self::RedbDefault => "redb, as it comes",
            Self::RedbTuned => "redb, grouped",
            Self::FjallDefault => "fjall, as it comes",
            Self::FjallTuned => "fjall, grouped",
            Self::Bound => "bound: bare file",
        }
    }

    /// Whether more records in flight than producers make sense: a call that blocks its thread has only one.
    fn takes_burst(self) -> bool {
        !matches!(self, Self::SqliteDefault | Self::RedbDefault | Self::FjallDefault)
    }

    fn chosen(in_flight: usize, only: &str) -> Vec<Self> {
        let chosen = |subject: &Self| subject.name().contains(only) && (in_flight == 1 || subject.takes_burst());
        Self::ALL.into_iter().filter(chosen).collect()
    }

    fn run(self, folder: &Path, in_flight: usize, length: Duration) -> anyhow::Result<Round> {
        match self {
            Self::Ours => {
                let journal = Journal::open(folder, Options::default())?;
                let round = run_tasks(&Ours(journal.clone()), in_flight, length);
                journal.close();
                round
            }
            Self::SqliteDefault => run_threads(&Arc::new(SqliteDefault::open(folder)?), length),
            Self::SqliteTuned => run_grouped(SqliteTuned::open(folder)?, in_flight, length),
            Self::RedbDefault => run_threads(&Arc::new(Redb::open(folder)?), length),
            Self::RedbTuned => run_grouped(Redb::open(folder)?, in_flight, length),
            Self::FjallDefault => run_threads(&Arc::new(Fjall::open(folder)?), length),
            Self::FjallTuned => run_grouped(Fjall::open_tuned(folder)?, in_flight, length),
            Self::Bound => run_grouped(RawFile::open(folder)?, in_flight, length),
        }
    }
}

fn run_grouped(store: impl WriteGroup, in_flight: usize, length: Duration) -> anyhow::Result<Round> {
    let (grouped, thread) = Grouped::start(store);
    let round = run_tasks(&grouped, in_flight, length);
    drop(grouped);
    thread.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    round
}

/// Measures everything.
pub fn run(arguments: &JournalArguments) -> anyhow::Result<Report> {
    let JournalArguments { common, only } = arguments;
    let data = common.data_folder();
    let length = Length::of(common.quick);
    let versions = BTreeMap::from([
        (OURS.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("SQLite".to_owned(), rusqlite::version().to_owned()),
        ("redb".to_owned(), library_version("redb")),
        ("fjall".to_owned(), library_version("fjall")),
    ]);
    let mut report = Report::new("journal", common.quick, Machine::describe(&data, versions));
    report.notes = notes();
    for (case, in_flight) in [("64 producers, 1 in flight each", 1), ("64 producers, 16 in flight each", BURST)] {
        let subjects = Subject::chosen(in_flight, only);
        measure_case(&mut report, &data, &length, case, in_flight, &subjects)?;
    }
    reopen::measure(&mut report, &data, only, length.reopen_records, length.reopen_rounds)?;
    Ok(report)
}

fn measure_case(
    report: &mut Report,
    data: &Path,
    length: &Length,
    case: &str,
    in_flight: usize,
    subjects: &[Subject],
) -> anyhow::Result<()> {
    let mut rounds: Vec<Vec<Round>> = vec![Vec::new(); subjects.len()];
    for number in 1..=length.rounds {
        for (subject, rounds) in subjects.iter().zip(&mut rounds) {
            eprintln!("{case}: round {number} of {}, {}", length.rounds, subject.name());
            let folder = tempfile::tempdir_in(data)?;
            // Or this subject would pay for writing out what the last one left.
            rustix::fs::syncfs(File::open(folder.path())?)?;
            rounds.push(subject.run(folder.path(), PRODUCERS * in_flight, length.round)?);
        }
    }
    type Metric = (&'static str, &'static str, fn(&Round) -> f64);
    let metrics: [Metric; 4] = [
        ("durable_records_per_s", "records/s", |round| round.records_per_s),
        ("publish_to_durable_p50_ms", "ms", |round| round.p50_ms),
        ("publish_to_durable_p99_ms", "ms", |round| round.p99_ms),
        ("cpu_us_per_record", "us", |round| round.cpu_us_per_record),
    ];
    for (metric, unit, value) in metrics {
        for (subject, rounds) in subjects.iter().zip(&rounds) {
            let samples: Vec<f64> = rounds.iter().map(value).collect();
            report.add(subject.name(), case, metric, unit, &samples);
        }
    }
    Ok(())
}

fn notes() -> Vec<String> {
    [
        "A record has a payload of 200 random bytes and the fields of a journal entry. It counts when the store says that it is on disk.",
        "Closed loop: a producer publishes its next record when the last one is durable, so latency and rate are two sides of one figure.",
        "As it comes: default settings, one record a transaction, every producer on a thread of its own. Grouped: one thread writes what \
         is queued, up to 512 records or 2 ms, with one sync; queue and producers are the same as ours.",
        "Ours also chains every record by SHA-256, writes the head file, and keeps documents and offsets in the same transaction; the \
         peers do not. SQLite by hand has the same columns and the index by kind.",
        "The bound writes the same bytes into a file that is already allocated, one data sync a group. CPU is the whole process, producers included.",
    ]
    .map(str::to_owned)
    .into()
}
