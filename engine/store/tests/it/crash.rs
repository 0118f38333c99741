//! Acknowledged means on disk: real processes, killed and frozen at random instants.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use homeostat_store::{Commit, Expect, Journal, Options, Reader, Record, Verdict};
use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{
    DATABASE, HEAD, WAL, child, copy_files, exit_with_parent, folder_of_child, open, put, random_below, record, whole,
};

const KILLS: u32 = 25;
const COPIES: u32 = 20;
const PRODUCERS: u64 = 6;
/// More acknowledgements than a child gives before it is killed; beyond that the child waits.
const LINES_MAX: usize = 1 << 20;
const DEADLINE: Duration = Duration::from_secs(60);

/// What the child said: this commit of this producer was acknowledged with this sequence number.
#[derive(Debug, Clone, Copy)]
struct Acknowledged {
    producer: u64,
    number: u64,
    seq: u64,
}

/// If this breaks, the one promise of the journal is broken: an acknowledged record did not survive kill -9.
#[test]
fn acknowledged_survives_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for _ in 0..KILLS {
        let (mut writer, lines) = start_writer(folder.path());
        acknowledged.push(lines.recv_timeout(DEADLINE).unwrap());
        std::thread::sleep(Duration::from_micros(random_below(80_000)));
        writer.kill().unwrap();
        writer.wait().unwrap();
        acknowledged.extend(lines);
        open(folder.path()).close();
        check(folder.path(), &acknowledged);
    }
    println!("{KILLS} kills, {} commits acknowledged", acknowledged.len());
}

/// If this breaks, a power cut at the wrong moment loses acknowledged records: the files as they are at one instant,
/// with the process frozen, must hold everything acknowledged until then.
#[test]
fn acknowledged_is_in_a_frozen_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, lines) = start_writer(folder.path());
    let pid = Pid::from_child(&writer);
    let mut acknowledged = vec![lines.recv_timeout(DEADLINE).unwrap()];
    for _ in 0..COPIES {
        std::thread::sleep(Duration::from_micros(random_below(30_000)));
        kill_process(pid, Signal::STOP).unwrap();
        wait_until_frozen(writer.id());
        acknowledged.extend(lines.try_iter());
        let copy = tempfile::tempdir().unwrap();
        copy_files(folder.path(), copy.path(), &[DATABASE, WAL, HEAD]);
        kill_process(pid, Signal::CONT).unwrap();
        open(copy.path()).close();
        check(copy.path(), &acknowledged);
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
}

/// If this breaks, a careless copy of the files (`cp` beside a running engine) could pass for a good one although
/// records are missing from it.
#[test]
fn careless_copy_is_whole_or_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let (mut writer, lines) = start_writer(folder.path());
    let mut acknowledged = vec![lines.recv_timeout(DEADLINE).unwrap()];
    let mut whole_copies = 0;
    for _ in 0..COPIES {
        std::thread::sleep(Duration::from_micros(random_below(30_000)));
        acknowledged.extend(lines.try_iter());
        let copy = tempfile::tempdir().unwrap();
        copy_files(folder.path(), copy.path(), &[HEAD, DATABASE, WAL]);
        // Refused at opening is found out, too.
        let Ok(journal) = Journal::open(copy.path(), Options::default()) else { continue };
        journal.close();
        if let Ok(Verdict::Whole(_)) = Reader::open(copy.path()).and_then(|reader| reader.verify(|_| {})) {
            check(copy.path(), &acknowledged);
            whole_copies += 1;
        }
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    // The log is folded in rarely, so most copies are not torn by it.
    assert!(whole_copies > 0, "not one copy was whole");
}

/// Every acknowledged commit is there with its content, the chain is whole, and each producer's document and offset
/// agree with its last record: they were committed together.
fn check(folder: &Path, acknowledged: &[Acknowledged]) {
    let summary = whole(folder);
    let entries = Reader::open(folder).unwrap().entries(1, usize::MAX).unwrap();
    assert_eq!(entries.len() as u64, summary.records);
    for commit in acknowledged {
        let entry = entries.get(commit.seq as usize - 1).unwrap_or_else(|| panic!("{commit:?} is missing"));
        assert_eq!((entry.seq, &entry.record), (commit.seq, &record_of(commit.producer, commit.number)));
    }
    let mut last = BTreeMap::new();
    for entry in &entries {
        last.insert(entry.record.subject.clone(), entry.record.at_ms);
    }
    let reader = Reader::open(folder).unwrap();
    for (subject, number) in last {
        let document = reader.document("space", &subject).unwrap().unwrap();
        assert_eq!(document.value, number.to_le_bytes(), "{subject}");
        assert_eq!(reader.offset(&subject).unwrap(), Some(number), "{subject}");
    }
}

fn record_of(producer: u64, number: u64) -> Record {
    let payload = format!("payload {number} of producer {producer}, long enough to fill some pages of the log soon");
    Record { at_ms: number, subject: format!("producer {producer}"), ..record("crash", payload.as_bytes()) }
}

/// Starts the child and passes its acknowledgements on; the channel ends when the child does.
fn start_writer(folder: &Path) -> (Child, Receiver<Acknowledged>) {
    let mut writer = child("crash::child_writes_until_killed", folder).spawn().unwrap();
    let output = BufReader::new(writer.stdout.take().unwrap());
    let (sender, lines) = mpsc::sync_channel(LINES_MAX);
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let Some(rest) = line.strip_prefix("acknowledged ") else { continue };
            let numbers: Vec<u64> = rest.split(' ').map_while(|word| word.parse().ok()).collect();
            if let [producer, number, seq] = numbers[..] {
                let _ = sender.send(Acknowledged { producer, number, seq });
            }
        }
    });
    (writer, lines)
}

/// SIGSTOP is not instantaneous: every thread must have stopped before the files stand still.
fn wait_until_frozen(pid: u32) {
    let started = Instant::now();
    let stopped = |stat: String| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'));
    loop {
        let mut tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        if tasks.all(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).is_ok_and(stopped)) {
            return;
        }
        assert!(started.elapsed() < DEADLINE, "the child does not stop");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
#[ignore = "the child of the tests above"]
fn child_writes_until_killed() {
    let Some(folder) = folder_of_child() else { return };
    exit_with_parent();
    let journal = open(&folder);
    let reader = Reader::open(&folder).unwrap();
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let name = format!("producer {producer}");
            let first = reader.offset(&name).unwrap().unwrap_or(0) + 1;
            let journal = journal.clone();
            std::thread::spawn(move || {
                for number in first.. {
                    let commit = Commit {
                        records: vec![record_of(producer, number)],
                        puts: vec![put(&name, Some(&number.to_le_bytes()), Expect::Any)],
                        offsets: vec![(name.clone(), number)],
                        ..Commit::default()
                    };
                    let seq = journal.commit_blocking(commit).unwrap().first_seq;
                    println!("acknowledged {producer} {number} {seq}");
                }
            })
        })
        .collect();
    for producer in producers {
        producer.join().unwrap();
    }
}
