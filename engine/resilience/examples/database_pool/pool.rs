//! Connections to one SQLite file, and calls on them that stop when nobody waits for them any more.
//!
//! It always holds that a connection is with one call or in the pool, and that a call that is dropped has its query interrupted: a
//! deadline that only stops the waiting would leave the work running, and the pool would be empty soon. Who may call at all, and
//! who first, is not decided here.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeostat_reactor::{Clock, Moment};
use rusqlite::{Connection, ErrorCode, InterruptHandle};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How often a query is told to stop until it has: an interrupt that comes just before a query begins is not noticed by it.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(5);
/// A query that does not stop within this many interrupts is not one that SQLite can stop.
const INTERRUPTS_MAX: u32 = 200;
/// After this long without a "busy" it is another lock that is met, and not the same one still.
const ANOTHER_LOCK_AFTER: Duration = Duration::from_secs(1);

/// Why a query has no result.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Somebody else writes. Nothing was done.
    #[error("the file has been locked for {locked_for:?}")]
    Busy {
        /// For how long nobody here could write.
        locked_for: Duration,
    },
    /// The query failed.
    #[error(transparent)]
    Failed(#[from] rusqlite::Error),
    /// The thread that ran it is gone.
    #[error("the query panicked")]
    Panicked,
}

/// Connections that calls share.
#[derive(Debug)]
pub struct Pool {
    clock: Clock,
    size: usize,
    idle: Mutex<Vec<Connection>>,
    /// As many as there are connections idle.
    places: Arc<Semaphore>,
    lock: Mutex<LockWatch>,
    stopped: AtomicU32,
}

impl Pool {
    /// So many connections to a file.
    pub fn open(path: &Path, size: usize, clock: &Clock) -> rusqlite::Result<Arc<Self>> {
        let idle: Vec<_> = (0..size).map(|_| connect(path)).collect::<Result<_, _>>()?;
        Ok(Arc::new(Self {
            clock: clock.clone(),
            size,
            idle: Mutex::new(idle),
            places: Arc::new(Semaphore::new(size)),
            lock: Mutex::default(),
            stopped: AtomicU32::new(0),
        }))
    }

    /// Runs a query on a thread where it may block. Dropped, it has the query interrupted.
    pub async fn run<R, W>(self: &Arc<Self>, work: W) -> Result<R, DbError>
    where
        R: Send + 'static,
        W: FnOnce(&mut Connection) -> rusqlite::Result<R> + Send + 'static,
    {
        let mut loan = self.lend().await;
        let _stop = StopOnDrop(Arc::clone(&loan.query));
        let done = tokio::task::spawn_blocking(move || {
            // A query that waited for a thread longer than its caller is not begun.
            let result = if loan.query.is_unwanted() { Err(interrupted()) } else { work(loan.connection()) };
            if is(&result, ErrorCode::OperationInterrupted) {
                loan.pool.stopped.fetch_add(1, Ordering::Relaxed);
            }
            result
        });
        let result = done.await.map_err(|_| DbError::Panicked)?;
        let now = self.clock.now();
        let mut lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if is(&result, ErrorCode::DatabaseBusy) {
            return Err(DbError::Busy { locked_for: lock.met(now) });
        }
        Ok(result?)
    }

    async fn lend(self: &Arc<Self>) -> Loan {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("the pool is never closed");
        let connection = self.idle().pop().expect("there is a connection for each place");
        let query = Arc::new(Query::of(&connection));
        Loan { pool: Arc::clone(self), query, connection: Some(connection), _place: place }
    }

    /// A write went through: whoever locked the file has let go.
    pub fn has_written(&self) {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).since = None;
    }

    /// How many queries were stopped because nobody waited for them any more.
    pub fn stopped(&self) -> u32 {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Whether no query runs.
    pub fn is_at_rest(&self) -> bool {
        self.idle().len() == self.size
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that does not wait by itself for a lock: SQLite would hold a thread and a connection meanwhile, and knows neither
/// how important a call is nor how long its caller waits.
pub fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // It is a file of this example alone; nobody wants it after a power cut.
    connection.pragma_update(None, "synchronous", "off")?;
    Ok(connection)
}

fn is<R>(result: &rusqlite::Result<R>, code: ErrorCode) -> bool {
    result.as_ref().is_err_and(|error| error.sqlite_error_code() == Some(code))
}

fn interrupted() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT), None)
}

/// A connection that is with a call. It comes back when this is dropped, also when the query panics.
struct Loan {
    pool: Arc<Pool>,
    query: Arc<Query>,
    connection: Option<Connection>,
    /// Given back after the connection.
    _place: OwnedSemaphorePermit,
}

impl Loan {
    const fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("only the end of a loan takes it")
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        // First: what is told to stop from now on would be another call's query.
        self.query.end();
        self.pool.idle().extend(self.connection.take());
    }
}

/// A query under way.
struct Query {
    handle: InterruptHandle,
    is_unwanted: AtomicBool,
    has_ended: Mutex<bool>,
}

impl Query {
    fn of(connection: &Connection) -> Self {
        let handle = connection.get_interrupt_handle();
        Self { handle, is_unwanted: AtomicBool::new(false), has_ended: Mutex::new(false) }
    }

    fn is_unwanted(&self) -> bool {
        self.is_unwanted.load(Ordering::Relaxed)
    }

    fn end(&self) {
        *self.has_ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Interrupts it unless it has ended; whether it goes on. Under the lock, because the connection is another call's afterwards.
    fn interrupt(&self) -> bool {
        let has_ended = self.has_ended.lock().unwrap_or_else(PoisonError::into_inner);
        if !*has_ended {
            self.handle.interrupt();
        }
        !*has_ended
    }
}

/// Ends the query when the one who asked goes away.
struct StopOnDrop(Arc<Query>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.is_unwanted.store(true, Ordering::Relaxed);
        if !self.0.interrupt() {
            return;
        }
        let query = Arc::clone(&self.0);
        tokio::spawn(async move {
            for _ in 0..INTERRUPTS_MAX {
                tokio::time::sleep(INTERRUPT_AGAIN).await;
                if !query.interrupt() {
                    break;
                }
            }
        });
    }
}

/// Since when the file is locked by somebody else, as far as was seen.
#[derive(Debug, Default)]
struct LockWatch {
    since: Option<Moment>,
    met: Moment,
}

impl LockWatch {
    /// The lock was met; for how long it has been there.
    fn met(&mut self, now: Moment) -> Duration {
        let is_another = now.since(self.met) > ANOTHER_LOCK_AFTER;
        let since = self.since.filter(|_| !is_another).unwrap_or(now);
        (self.since, self.met) = (Some(since), now);
        now.since(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::LONG_QUERY;

    #[test]
    fn a_lock_is_as_old_as_it_was_met_without_a_break() {
        // Would break: a collision now taken for the same lock as one of an hour ago, and the file for broken.
        let mut lock = LockWatch::default();
        let mut met = |millis| lock.met(Moment::from_millis(millis)).as_millis();
        assert_eq!([met(5_000), met(5_400), met(6_300), met(9_000), met(9_100)], [0, 400, 1_300, 0, 100]);
    }

    #[tokio::test]
    async fn a_query_that_panics_gives_its_connection_back() {
        // Would break: a pool of one that serves nobody any more.
        let folder = tempfile::tempdir().expect("a folder");
        let pool = Pool::open(&folder.path().join("test.db"), 1, &Clock::machine()).expect("a pool");
        let result: Result<(), _> = pool.run(|_| panic!("a query with a bug")).await;
        assert!(matches!(result, Err(DbError::Panicked)));
        assert!(pool.run(|_| Ok(())).await.is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_query_that_is_given_up_gives_its_connection_back() {
        // Would break: a pool that late queries empty, one after the other.
        let folder = tempfile::tempdir().expect("a folder");
        let pool = Pool::open(&folder.path().join("test.db"), 1, &Clock::machine()).expect("a pool");
        for given_up in 1..=3 {
            let late = pool.run(move |connection| connection.query_row(LONG_QUERY, [], |row| row.get::<_, i64>(0)));
            assert!(tokio::time::timeout(Duration::from_millis(20), late).await.is_err());
            let one = pool.run(|connection| connection.query_row("SELECT 1", [], |row| row.get::<_, i64>(0)));
            assert_eq!(one.await.expect("the connection is back"), 1);
            assert_eq!(pool.stopped(), given_up);
        }
    }
}
