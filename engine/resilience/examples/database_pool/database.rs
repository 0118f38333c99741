//! The policies around the pool, composed by hand: each is a value, and nesting is all there is to it.
//!
//! By hand and not as a [`Stack`](homeostat_resilience::Stack), because there is one file and not several endpoints, and because
//! reads and writes fail differently: while somebody else writes, reads go on. From the outside in: the deadline; for writes the
//! breaker, and trying again while the file is busy; the bulkhead, which knows who goes first. It stands within the retry, so that
//! a write that waits for a lock does not keep a place from those who could use it.

use std::sync::Arc;
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_resilience::breaker::WindowShape;
use homeostat_resilience::{
    Advice, Breaker, BreakerSettings, Budget, BudgetSettings, Bulkhead, BulkheadSettings, Call, Deadline,
    DeadlineSettings, Failure, Listener, PerPriority, Retry, RetrySettings, Verdict,
};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::pool::{DbError, Pool};

/// A lock that lasts longer than this is not a busy file any more: nobody lets go of it.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);

/// A database that many kinds of callers share.
#[derive(Debug, Clone)]
pub struct Database {
    /// The connections.
    pub pool: Arc<Pool>,
    /// How long any call may take.
    pub deadline: Deadline,
    /// Whether writes are worth trying.
    pub writes: Breaker,
    /// Again while the file is busy.
    pub retry: Retry,
    /// Who may use a connection.
    pub places: Bulkhead,
}

impl Database {
    /// Around a pool of so many connections.
    pub fn around(pool: Arc<Pool>, connections: usize, clock: &Clock, listener: &Listener) -> Self {
        let places = BulkheadSettings {
            permits: connections,
            waiting_max: connections * 2,
            wait_ms_max: 500,
            // One connection of five is kept free for what must go through; the rest is for whoever is most important.
            guaranteed_shares: PerPriority { critical: 0.2, normal: 0.0, low: 0.0, background: 0.0 },
        };
        let writes = BreakerSettings {
            // The last calls and not the last seconds: what was good before the lock must not hide it.
            window: WindowShape::Calls(20),
            open_ms: 400,
            open_ms_max: 1_000,
            ..BreakerSettings::default()
        };
        let retry = RetrySettings {
            attempts_max: 20,
            // A write takes about a millisecond: who waits longer only loses time.
            pause_min_ms: 5,
            pause_max_ms: 100,
            waits_for_budget: true,
            ..RetrySettings::default()
        };
        let tell = || Listener::clone(listener);
        // The default pays for one further attempt in five calls, because elsewhere each is a further piece of work. Here it is a look
        // at a lock, and the breaker ends it when the lock stays.
        let budget = Budget::with_listener("writes", BudgetSettings { ratio: 5.0, minimum_per_s: 20.0 }, tell());
        let sound = "the settings above are sound";
        Self {
            pool,
            deadline: Deadline::with_listener("database", DeadlineSettings::of_millis(2_000), clock.clone(), tell()),
            writes: Breaker::builder("writes", clock).settings(writes).listener(tell()).build().expect(sound),
            retry: Retry::builder("writes", clock).settings(retry).budget(&budget).listener(tell()).build(),
            places: Bulkhead::builder("connections", clock).settings(places).listener(tell()).build(),
        }
    }

    /// Reads. Nothing but time and room can be missing: readers wait for no lock.
    pub async fn read<R, W>(&self, call: &Call, query: W) -> Result<R, Failure<DbError>>
    where
        R: Send + 'static,
        W: FnOnce(&mut Connection) -> rusqlite::Result<R> + Send + 'static,
    {
        let placed = async |call: Call| self.places.call(&call, || self.pool.run(query)).await;
        self.deadline.call(call, placed).await.map_err(Failure::flatten)
    }

    /// Writes, all or nothing and once.
    pub async fn write<R, W>(&self, call: &Call, change: W) -> Result<R, Failure<DbError>>
    where
        R: Send + 'static,
        W: Fn(&Transaction<'_>) -> rusqlite::Result<R> + Clone + Send + 'static,
    {
        let guarded = async |call: Call| {
            let permit = self.writes.begin(call.priority)?;
            let again = |result: &Result<R, Failure<DbError>>| advise(result);
            let once = async |_| self.places.call(&call, || self.transact(change.clone())).await;
            let result = self.retry.call(&call, again, once).await.map_err(Failure::flatten);
            permit.end(advise(&result).verdict);
            result
        };
        self.deadline.call(call, guarded).await.map_err(Failure::flatten)
    }

    async fn transact<R, W>(&self, change: W) -> Result<R, DbError>
    where
        R: Send + 'static,
        W: FnOnce(&Transaction<'_>) -> rusqlite::Result<R> + Send + 'static,
    {
        // "Immediate" takes the lock at the start. Otherwise the first statement that writes would meet it, with half of the work
        // done, and "busy" would not mean "never began".
        let transact = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = change(&transaction)?;
            transaction.commit().map(|()| result)
        };
        let result = self.pool.run(transact).await;
        if result.is_ok() {
            self.pool.has_written();
        }
        result
    }
}

/// What an outcome says. A busy file is full and not broken, as long as it is not for ever.
pub fn advise<R>(result: &Result<R, Failure<DbError>>) -> Advice {
    match result {
        Ok(_) => Verdict::Good.into(),
        Err(Failure::Inner(DbError::Busy { locked_for })) => {
            let verdict = if *locked_for < LOCK_PATIENCE { Verdict::Full } else { Verdict::Failed };
            Advice::from(verdict).never_began()
        }
        // A query that is wrong is wrong at every attempt. That is the caller's affair, and says nothing of the file.
        Err(Failure::Inner(DbError::Failed(_) | DbError::Panicked)) => Verdict::Ignored.into(),
        // Who was refused a place has made way for somebody: to come back at once would undo that.
        Err(Failure::Refused(_)) => Verdict::Ignored.into(),
    }
}
