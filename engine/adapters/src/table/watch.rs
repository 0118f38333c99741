//! Asks a table for new rows, again and again, and gives them on as a stream.
//!
//! Always holds: rows wait in a bounded queue, and the table is not asked while it is full; a row is given on once; a table that cannot
//! be read is asked again, later each time.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use homeostat_reactor::reactor::Backoff;
use homeostat_reactor::{Clock, Delivery, Event};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use super::cursor::{Position, TableCursor, Taken};
use super::{Table, TableError};

/// Asking without a pause would keep the table's database busy with us, and a processor with it.
const POLL_EVERY_MIN: Duration = Duration::from_millis(1);

/// How often and how much to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WatchOptions {
    /// How long to wait after rows have come; a millisecond at least. The other waits are never shorter than this one.
    pub poll_every: Duration,
    /// The wait doubles up to this while nothing comes, unless somebody gives a hint.
    pub idle_max: Duration,
    /// The wait doubles up to this while the table cannot be read.
    pub failing_max: Duration,
    /// Rows that are asked for at once.
    pub page_rows: usize,
    /// Rows that may wait for the reader.
    pub capacity: usize,
}

impl Default for WatchOptions {
    /// Every tenth of a second, every two seconds when idle, every half minute when failing; 256 rows at once, 1,024 waiting.
    fn default() -> Self {
        Self {
            poll_every: Duration::from_millis(100),
            idle_max: Duration::from_secs(2),
            failing_max: Duration::from_secs(30),
            page_rows: 256,
            capacity: 1_024,
        }
    }
}

/// What comes from a table.
#[derive(Debug)]
pub enum TableArrival<R> {
    /// A row.
    Row {
        /// Where it stands: to be given to the cursor that is saved with what the row did.
        position: Position,
        /// It appeared after rows that stand behind it.
        late: bool,
        /// The row.
        delivery: Delivery<R>,
    },
    /// A row that could not be understood. It is not read again.
    Unreadable {
        /// Where it stands.
        position: Position,
        /// Why.
        cause: String,
    },
}

/// How a watch stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchSnapshot {
    /// Questions asked.
    pub polls: u64,
    /// Rows given on.
    pub rows: u64,
    /// Of these, late ones.
    pub late: u64,
    /// Rows that could not be understood.
    pub unreadable: u64,
    /// Questions that failed.
    pub failures: u64,
    /// How often the overlap held too many rows and became shorter.
    pub overlap_shortened: u64,
    /// The last failure, until a question succeeds again.
    pub failing: Option<String>,
}

#[derive(Debug, Default)]
struct Counts {
    polls: AtomicU64,
    rows: AtomicU64,
    late: AtomicU64,
    unreadable: AtomicU64,
    failures: AtomicU64,
    overlap_shortened: AtomicU64,
    failing: Mutex<Option<String>>,
}

/// Tells a watch that there may be something new. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hint(Arc<Notify>);

impl Hint {
    /// There may be something new: it is asked at once.
    pub fn nudge(&self) {
        self.0.notify_one();
    }
}

/// The rows of a table as they come; made by [`watch`]. Dropping it ends the asking.
#[derive(Debug)]
pub struct WatchedTable<R> {
    arrivals: mpsc::Receiver<TableArrival<R>>,
    hint: Hint,
    counts: Arc<Counts>,
    _task: JoinSet<()>,
}

/// Watches a table from a cursor on.
pub fn watch<T>(table: T, cursor: TableCursor, options: WatchOptions, clock: Clock) -> WatchedTable<T::Row>
where
    T: Table,
    T::Row: Event,
{
    let (reader, arrivals) = mpsc::channel(options.capacity.max(1));
    let hint = Hint(Arc::new(Notify::new()));
    let counts = Arc::new(Counts::default());
    let mut task = JoinSet::new();
    let watcher =
        Watcher { table, cursor, options, clock, reader, hint: Arc::clone(&hint.0), counts: Arc::clone(&counts) };
    task.spawn(watcher.run());
    WatchedTable { arrivals, hint, counts, _task: task }
}

impl<R> WatchedTable<R> {
    /// Something to nudge it with.
    pub fn hint(&self) -> Hint {
        self.hint.clone()
    }

    /// How it stands.
    pub fn snapshot(&self) -> WatchSnapshot {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        WatchSnapshot {
            polls: get(&self.counts.polls),
            rows: get(&self.counts.rows),
            late: get(&self.counts.late),
            unreadable: get(&self.counts.unreadable),
            failures: get(&self.counts.failures),
            overlap_shortened: get(&self.counts.overlap_shortened),
            failing: self.counts.failing.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl<R> Stream for WatchedTable<R> {
    type Item = TableArrival<R>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<TableArrival<R>>> {
        self.arrivals.poll_recv(context)
    }
}

struct Watcher<T: Table> {
    table: T,
    cursor: TableCursor,
    options: WatchOptions,
    clock: Clock,
    reader: mpsc::Sender<TableArrival<T::Row>>,
    hint: Arc<Notify>,
    counts: Arc<Counts>,
}

/// The reader has gone.
struct Unread;

impl<T: Table> Watcher<T>
where
    T::Row: Event,
{
    async fn run(mut self) {
        let first = self.options.poll_every.max(POLL_EVERY_MIN);
        let backoff = |longest: Duration| Backoff { first, longest: longest.max(first), failures_max: u32::MAX };
        let (idle, failing) = (backoff(self.options.idle_max), backoff(self.options.failing_max));
        let [mut idle_rounds, mut failures] = [0_u32; 2];
        loop {
            let wait = match self.round().await {
                Err(Unread) => return,
                Ok(Ok(rows)) => {
                    self.note(None);
                    failures = 0;
                    idle_rounds = if rows { 1 } else { idle_rounds.saturating_add(1) };
                    idle.pause(idle_rounds)
                }
                Ok(Err(error)) => {
                    tracing::warn!(target: "homeostat_adapters", %error, "a table cannot be read and will be asked again");
                    self.counts.failures.fetch_add(1, Ordering::Relaxed);
                    self.note(Some(error.0));
                    failures = failures.saturating_add(1);
                    failing.pause(failures)
                }
            };
            tokio::select! {
                () = self.clock.sleep(wait) => {}
                // A failing table is not asked more often for being nudged.
                () = self.hint.notified(), if failures == 0 => {}
                () = self.reader.closed() => return,
            }
        }
    }

    /// Reads everything there is from the cursor's floor on; says whether anything was new.
    async fn round(&mut self) -> Result<Result<bool, TableError>, Unread> {
        let page_rows = self.options.page_rows.max(1);
        let mut after = self.cursor.read_from();
        let mut any = false;
        loop {
            self.counts.polls.fetch_add(1, Ordering::Relaxed);
            let rows = match self.table.rows_after(after, page_rows).await {
                Ok(rows) => rows,
                Err(error) => return Ok(Err(error)),
            };
            let Some((last, _)) = rows.last() else { return Ok(Ok(any)) };
            // A table that answers with what was not asked for would be asked for ever.
            if *last <= after || rows.len() > page_rows {
                return Ok(Err(TableError("the table answered with rows that were not asked for".to_owned())));
            }
            after = *last;
            for (position, row) in rows {
                let permit = self.reader.reserve().await.map_err(|_| Unread)?;
                let taken = self.cursor.take(position);
                if taken == Taken::Known {
                    continue;
                }
                any = true;
                permit.send(self.arrival(position, row, taken));
            }
            self.counts.overlap_shortened.store(self.cursor.shortened(), Ordering::Relaxed);
        }
    }

    fn arrival(&self, position: Position, row: Result<T::Row, String>, taken: Taken) -> TableArrival<T::Row> {
        match row {
            Ok(row) => {
                let late = taken == Taken::Late;
                self.counts.rows.fetch_add(1, Ordering::Relaxed);
                self.counts.late.fetch_add(u64::from(late), Ordering::Relaxed);
                let class = row.class();
                TableArrival::Row { position, late, delivery: Delivery::new(row, class, self.clock.now()) }
            }
            Err(cause) => {
                self.counts.unreadable.fetch_add(1, Ordering::Relaxed);
                TableArrival::Unreadable { position, cause }
            }
        }
    }

    fn note(&self, failing: Option<String>) {
        *self.counts.failing.lock().unwrap_or_else(PoisonError::into_inner) = failing;
    }
}
