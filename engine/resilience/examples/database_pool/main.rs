//! A pool of database connections that gives the important calls what there is, stops late queries for real, and bears locks:
//! `cargo run -p homeostat-resilience --example database_pool`
//!
//! Read [`database`] first: the policies around the pool, composed by hand. [`pool`] is what they are around: connections to an
//! SQLite file, and queries that end with the one who waits for them. It ends by itself, and with a failure if one of its
//! promises was broken.

mod database;
mod pool;
mod workload;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_resilience::{Call, Failure, Listener, PerPriority, PolicyEvent, Priority, Refusal};
use rusqlite::Connection;

use database::Database;
use pool::{Pool, connect};
use workload::{Payments, SLICES, count_for_long, look_up, overload, pay, prepare, report};

/// As many as there are in the pool.
const CONNECTIONS: usize = 5;
/// One of them is kept free for critical calls.
const FREE_FOR_ALL: usize = CONNECTIONS - 1;
/// Nothing here takes longer on any machine; if it does, a promise is broken.
const LONGEST: Duration = Duration::from_secs(10);

/// A promise, and whether it was held.
type Promise = (&'static str, bool);

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let promises = run().await?;
    println!();
    for (promise, held) in &promises {
        println!("{} {promise}", if *held { "held:  " } else { "BROKEN:" });
    }
    Ok(if promises.iter().all(|(_, held)| *held) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The whole story; what was promised, and whether it was held.
async fn run() -> Result<Vec<Promise>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("payments.db");
    prepare(&connect(&file)?)?;
    let clock = Clock::machine();
    let listener = Listener::new(|event| {
        if let PolicyEvent::BreakerMoved { from, to, because, .. } = event {
            println!("   The breaker of the writes goes from {from} to {to}: {because}.");
        }
    });
    let pool = Pool::open(&file, CONNECTIONS, &clock)?;
    let database = Database::around(pool, CONNECTIONS, &clock, &listener);
    let mut payments = Payments::default();
    let mut promises = crowd(&database, &clock, &mut payments).await;
    promises.extend(late_query(&database, &clock).await);
    promises.extend(short_lock(&database, &clock, &mut payments, &file).await?);
    promises.extend(long_lock(&database, &clock, &mut payments, &file).await?);
    promises.extend(count(&payments, &file)?);
    Ok(promises)
}

async fn crowd(database: &Database, clock: &Clock, payments: &mut Payments) -> Vec<Promise> {
    println!(
        "1. {CONNECTIONS} connections make 250 queries a second. For two seconds 440 are wanted; a report begins."
    );
    let nightly = tokio::spawn(report(database.clone(), clock.clone()));
    let a_round = PerPriority { critical: 1, normal: 3, low: 4, background: 3 };
    let got = overload(database, clock, payments, 80, a_round).await;
    println!("   {:<11} {:>6} {:>9} {:>7} {:>12}", "", "asked", "answered", "share", "95 % within");
    for priority in Priority::ALL {
        let got = &got[priority];
        let (answered, share, p95) = (got.answers.len(), got.share() * 100.0, got.p95().as_secs_f64() * 1e3);
        println!("   {:<11} {:>6} {answered:>9} {share:>5.0} % {p95:>9.1} ms", priority.name(), got.asked);
    }
    let shares = Priority::ALL.map(|priority| got[priority].share());
    let report = clock.within(LONGEST, nightly).await.and_then(Result::ok).flatten();
    if let Some((_, made_way)) = report {
        println!("   The report was made after that, in {SLICES} slices; it made way {made_way} times.");
    }
    vec![
        ("under overload every critical call was answered", shares[0] >= 1.0),
        ("the less important made way for the more important", shares.is_sorted_by(|more, less| more >= less)),
        ("the background report was made all the same", report.is_some()),
    ]
}

async fn late_query(database: &Database, clock: &Clock) -> Vec<Promise> {
    println!("2. {FREE_FOR_ALL} queries that would take ten seconds or more, with 200 ms each.");
    let call = Call::idempotent().within(Duration::from_millis(200), clock);
    let stopped_before = database.pool.stopped();
    let late = futures::future::join_all((0..FREE_FOR_ALL).map(|_| count_for_long(database, call))).await;
    // The queries were begun, so they are not told that nothing was.
    let is_late = |failure: &Failure<_>| matches!(failure, Failure::Refused(Refusal::TimedOut { .. }));
    let all_late = late.iter().all(|result| result.as_ref().is_err_and(is_late));
    let told = late.iter().find_map(|result| result.as_ref().err().map(ToString::to_string)).unwrap_or_default();
    let at_rest = async {
        while !database.pool.is_at_rest() {
            clock.sleep(Duration::from_millis(5)).await;
        }
    };
    let is_at_rest = clock.within(LONGEST, at_rest).await.is_some();
    let stopped = database.pool.stopped() - stopped_before;
    println!(
        "   Every caller had his answer: \"{told}\". {stopped} queries were interrupted, their connections are back."
    );
    let next = look_up(database, Call::idempotent(), 0).await;
    vec![
        ("a late caller is told in time", all_late),
        ("a late query is really stopped", is_at_rest && stopped == FREE_FOR_ALL as u32 && next.is_ok()),
    ]
}

async fn short_lock(
    database: &Database,
    clock: &Clock,
    payments: &mut Payments,
    file: &Path,
) -> Result<Vec<Promise>, Box<dyn Error>> {
    println!("3. Somebody else locks the file for 200 ms. 12 payments meanwhile.");
    let before = database.retry.snapshot();
    let somebody = connect(file)?;
    somebody.execute_batch("BEGIN IMMEDIATE")?;
    let numbers: Vec<i64> = (0..12).map(|_| payments.number()).collect();
    let all = futures::future::join_all(numbers.iter().map(|number| pay(database, Call::default(), *number)));
    let unlock = async {
        clock.sleep(Duration::from_millis(200)).await;
        somebody.execute_batch("COMMIT")
    };
    let (results, unlocked) = futures::future::join(all, unlock).await;
    unlocked?;
    numbers.iter().zip(&results).for_each(|(number, result)| payments.note(*number, result));
    let written = results.iter().filter(|result| result.is_ok()).count();
    let retries = database.retry.snapshot().retries - before.retries;
    println!(
        "   {written} written, after {retries} further attempts; \"busy\" is full and not broken, and never began."
    );
    Ok(vec![("a short lock costs no payment", written == 12)])
}

async fn long_lock(
    database: &Database,
    clock: &Clock,
    payments: &mut Payments,
    file: &Path,
) -> Result<Vec<Promise>, Box<dyn Error>> {
    println!("4. Somebody locks the file and does not let go. A payment every 20 ms, each with 300 ms.");
    let somebody = connect(file)?;
    somebody.execute_batch("BEGIN IMMEDIATE")?;
    let locked = pay_for(database, clock, payments, Duration::from_secs(2)).await;
    let reads = look_up(database, Call::idempotent(), 0).await.is_ok();
    println!("   {} waited in vain, {} were refused at once. Reads go on: {reads}.", locked.in_vain, locked.at_once);
    somebody.execute_batch("ROLLBACK")?;
    println!("   He lets go.");
    let mut closed = false;
    for _ in 0..20 {
        let freed = pay_for(database, clock, payments, Duration::from_millis(250)).await;
        closed = freed.written > 0 && freed.at_once == 0;
        if closed {
            println!("   {} of {} payments written in a quarter of a second.", freed.written, freed.asked());
            break;
        }
    }
    Ok(vec![
        ("while the file is locked callers are refused at once", locked.at_once > 0 && locked.written == 0),
        ("reads go on while writes cannot", reads),
        ("when it is free again, payments are made again", closed),
    ])
}

/// How payments ended.
#[derive(Debug, Default)]
struct Ends {
    written: u32,
    in_vain: u32,
    at_once: u32,
}

impl Ends {
    const fn asked(&self) -> u32 {
        self.written + self.in_vain + self.at_once
    }
}

/// A payment every 20 ms for so long.
async fn pay_for(database: &Database, clock: &Clock, payments: &mut Payments, time: Duration) -> Ends {
    let until = clock.now() + time;
    let mut calls = tokio::task::JoinSet::new();
    while clock.now() < until {
        let (database, number) = (database.clone(), payments.number());
        let call = Call::default().within(Duration::from_millis(300), clock);
        calls.spawn(async move { (number, pay(&database, call, number).await) });
        clock.sleep(Duration::from_millis(20)).await;
    }
    let mut ends = Ends::default();
    while let Some(Ok((number, result))) = calls.join_next().await {
        payments.note(number, &result);
        match result {
            Ok(()) => ends.written += 1,
            Err(Failure::Refused(Refusal::Open { .. })) => ends.at_once += 1,
            Err(_) => ends.in_vain += 1,
        }
    }
    ends
}

/// What is in the file against what callers were told.
fn count(payments: &Payments, file: &Path) -> Result<Vec<Promise>, rusqlite::Error> {
    let connection = Connection::open(file)?;
    let mut query = connection.prepare("SELECT number, count(*) FROM payments GROUP BY number")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: BTreeMap<i64, i64> = rows.collect::<Result<_, _>>()?;
    println!(
        "5. {} payments were sent, {} answered as written; {} are in the file.",
        payments.next,
        payments.written.len(),
        found.len()
    );
    Ok(vec![
        (
            "every payment that was answered is in the file",
            payments.written.iter().all(|number| found.contains_key(number)),
        ),
        ("no payment was made twice", found.values().all(|times| *times == 1)),
    ])
}

#[cfg(test)]
mod tests {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_its_promises() {
        // Would break: an example that people copy from and that does not do what it says.
        let promises = super::run().await.expect("the example runs");
        assert_eq!(promises.len(), 11);
        assert_eq!(promises.into_iter().filter(|(_, held)| !held).collect::<Vec<_>>(), []);
    }
}
