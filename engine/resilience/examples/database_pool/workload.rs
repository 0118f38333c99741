//! Who calls the database: payments, screens, suggestions, a nightly report; and what each of them got.

use std::collections::BTreeSet;
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_resilience::{Call, Failure, PerPriority, Priority};
use rusqlite::Connection;
use tokio::task::JoinSet;

use crate::database::Database;
use crate::pool::DbError;

/// A query keeps its connection for so long beside what it computes, as it would with a slow disk. So five connections make some 250
/// queries a second, on any machine.
const DISK: Duration = Duration::from_millis(20);
/// The report is made in so many slices.
pub const SLICES: i64 = 20;
/// Who was refused waits so long before he asks again; somebody more important needed the place.
const MAKE_WAY: Duration = Duration::from_millis(40);

/// Runs for ten seconds or more. Not without end: where it is not stopped, the example must end all the same to say so.
pub const LONG_QUERY: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 30000000) SELECT count(*) FROM n";

/// What callers of one priority got.
#[derive(Debug, Default, Clone)]
pub struct Got {
    /// Calls made.
    pub asked: u32,
    /// How long the answers took.
    pub answers: Vec<Duration>,
}

impl Got {
    /// The share that was answered.
    pub fn share(&self) -> f64 {
        self.answers.len() as f64 / f64::from(self.asked.max(1))
    }

    /// The time within which 19 of 20 answers came.
    pub fn p95(&self) -> Duration {
        let mut answers = self.answers.clone();
        answers.sort();
        answers.get(answers.len() * 95 / 100).copied().unwrap_or_default()
    }
}

/// Payments that were sent: which were answered as written. For the others nothing is known.
#[derive(Debug, Default)]
pub struct Payments {
    /// The next number.
    pub next: i64,
    /// Answered as written.
    pub written: BTreeSet<i64>,
}

impl Payments {
    /// Notes how a payment ended.
    pub fn note(&mut self, number: i64, result: &Result<(), Failure<DbError>>) {
        if result.is_ok() {
            self.written.insert(number);
        }
    }

    /// A number for a payment.
    pub fn number(&mut self) -> i64 {
        self.next += 1;
        self.next
    }
}

/// The table. The number is not unique on purpose: a payment that was made twice shall be seen.
pub fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("CREATE TABLE payments (number INTEGER NOT NULL, cents INTEGER NOT NULL)")
}

/// Makes a payment. It is critical, and not idempotent: it is tried again only where it certainly never began.
pub async fn pay(database: &Database, call: Call, number: i64) -> Result<(), Failure<DbError>> {
    let insert = "INSERT INTO payments (number, cents) VALUES (?1, ?2)";
    let write = move |transaction: &rusqlite::Transaction<'_>| transaction.execute(insert, (number, 100)).map(|_| ());
    database.write(&call.priority(Priority::Critical), write).await
}

/// Looks something up, slowly.
pub async fn look_up(database: &Database, call: Call, slice: i64) -> Result<i64, Failure<DbError>> {
    let query = "SELECT coalesce(sum(cents), 0) FROM payments WHERE number % ?1 = ?2";
    let read = move |connection: &mut Connection| {
        std::thread::sleep(DISK);
        connection.query_row(query, (SLICES, slice), |row| row.get(0))
    };
    database.read(&call, read).await
}

/// Counts for too long.
pub async fn count_for_long(database: &Database, call: Call) -> Result<i64, Failure<DbError>> {
    database.read(&call, |connection| connection.query_row(LONG_QUERY, [], |row| row.get(0))).await
}

/// Makes the report, slice by slice, and makes way at each. Gives the sum, and how often it had to wait.
pub async fn report(database: Database, clock: Clock) -> Option<(i64, u32)> {
    let (mut sum, mut made_way) = (0, 0);
    for slice in 0..SLICES {
        // Bounded: a report that never gets a place ends without a sum.
        let mut patience = 500;
        sum += loop {
            match look_up(&database, Call::idempotent().priority(Priority::Background), slice).await {
                Ok(part) => break part,
                Err(Failure::Refused(_)) if patience > 0 => {
                    (made_way, patience) = (made_way + 1, patience - 1);
                    clock.sleep(MAKE_WAY).await;
                }
                Err(_) => return None,
            }
        };
    }
    Some((sum, made_way))
}

/// Much more than there is room for: each round asks for so many of each priority, whether or not those before are answered.
pub async fn overload(
    database: &Database,
    clock: &Clock,
    payments: &mut Payments,
    rounds: u32,
    a_round: PerPriority<u32>,
) -> PerPriority<Got> {
    let mut calls = JoinSet::new();
    let mut got = PerPriority::<Got>::default();
    for _ in 0..rounds {
        for priority in Priority::ALL {
            for _ in 0..a_round[priority] {
                got[priority].asked += 1;
                let (database, clock) = (database.clone(), clock.clone());
                let number = if priority == Priority::Critical { payments.number() } else { 0 };
                calls.spawn(async move {
                    let began = clock.now();
                    let result = match priority {
                        Priority::Critical => pay(&database, Call::default(), number).await,
                        _ => look_up(&database, Call::idempotent().priority(priority), 0).await.map(|_| ()),
                    };
                    (priority, number, result, clock.now().since(began))
                });
            }
        }
        clock.sleep(Duration::from_millis(25)).await;
    }
    while let Some(Ok((priority, number, result, took))) = calls.join_next().await {
        if priority == Priority::Critical {
            payments.note(number, &result);
        }
        if result.is_ok() {
            got[priority].answers.push(took);
        }
    }
    got
}
