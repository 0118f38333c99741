//! The queue in front of the writer is bounded: callers wait, memory does not grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use homeostat_store::{Journal, Options};

use crate::sandbox::{numbered, whole};

const QUEUE: usize = 4;
const CALLERS: usize = 64;
const DEADLINE: Duration = Duration::from_secs(30);

/// If this breaks, a stalled disk would fill the memory with commits, or commits that waited for room would be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_queue_makes_callers_wait() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { queue_commits_max: QUEUE, ..Options::default() };
    let journal = Journal::open(folder.path(), options).unwrap();
    // Stalls the writer: another connection holds SQLite's write lock.
    let stall = rusqlite::Connection::open(folder.path().join("journal.db")).unwrap();
    stall.execute_batch("BEGIN IMMEDIATE").unwrap();

    let answered = Arc::new(AtomicUsize::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (journal, answered) = (journal.clone(), Arc::clone(&answered));
        callers.spawn(async move {
            let result = journal.commit(numbered(1, 1)).await;
            answered.fetch_add(1, Ordering::SeqCst);
            result
        });
    }
    // One commit is with the writer and QUEUE are queued; the others must wait outside.
    let started = Instant::now();
    while journal.queued() < QUEUE {
        assert!(started.elapsed() < DEADLINE, "the queue never filled");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!((journal.queued(), answered.load(Ordering::SeqCst)), (QUEUE, 0));
    stall.execute_batch("ROLLBACK").unwrap();

    let results = callers.join_all().await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(whole(folder.path()).records, CALLERS as u64);
}
