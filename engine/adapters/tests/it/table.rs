//! Tables in general: how often they are asked, what a cursor takes, what happens to one that fails or lies.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use homeostat_adapters::table::{
    Position, ReadRow, SEEN_MAX, Table, TableArrival, TableCursor, TableError, Taken, WatchOptions, WatchedTable, watch,
};
use homeostat_reactor::ManualClock;
use proptest::prelude::*;

use super::order::Order;

/// What a table in memory does when it is asked.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Shown>>);

#[derive(Default)]
struct Shown {
    rows: BTreeSet<Position>,
    asked: u64,
    /// Answers that come before the true ones.
    first: VecDeque<Result<Vec<Position>, TableError>>,
}

impl Shelf {
    fn put(&self, rows: impl IntoIterator<Item = (i64, i64)>) {
        self.0.lock().unwrap().rows.extend(rows.into_iter().map(|(at, key)| Position { at, key }));
    }

    fn answer_first(&self, answer: Result<Vec<Position>, TableError>) {
        self.0.lock().unwrap().first.push_back(answer);
    }

    fn asked(&self) -> u64 {
        self.0.lock().unwrap().asked
    }
}

impl Table for Shelf {
    type Row = Order;

    async fn rows_after(&mut self, after: Position, limit: usize) -> Result<Vec<ReadRow<Order>>, TableError> {
        let mut shown = self.0.lock().unwrap();
        shown.asked += 1;
        let rows = match shown.first.pop_front() {
            Some(answer) => answer?,
            None => shown.rows.iter().filter(|row| **row > after).take(limit).copied().collect(),
        };
        Ok(rows.into_iter().map(|row| (row, Ok(Order::new(row.key.unsigned_abs())))).collect())
    }
}

const OPTIONS: WatchOptions = WatchOptions {
    poll_every: Duration::from_secs(1),
    idle_max: Duration::from_secs(8),
    failing_max: Duration::from_secs(4),
    page_rows: 3,
    capacity: 100,
};

fn start(overlap: u64) -> (Shelf, ManualClock, WatchedTable<Order>) {
    let (shelf, time) = (Shelf::default(), ManualClock::new());
    let rows = watch(shelf.clone(), TableCursor::from_start(overlap), OPTIONS, time.clock());
    (shelf, time, rows)
}

/// The keys that are there now, each with whether it came late.
async fn taken(rows: &mut WatchedTable<Order>) -> Vec<(u64, bool)> {
    let mut keys = Vec::new();
    while let std::task::Poll::Ready(Some(arrival)) = futures::poll!(rows.next()) {
        let TableArrival::Row { delivery, late, .. } = arrival else { panic!("all rows can be read") };
        keys.push((delivery.event.id, late));
    }
    keys
}

#[tokio::test]
async fn an_idle_table_is_asked_less_and_less_and_at_once_after_a_hint() {
    // Would break: a database that a thousand idle watches keep busy, or a row that waits although somebody said it was there.
    let (shelf, time, mut rows) = start(0);
    time.turn(Duration::from_secs(100)).await;
    let polls = shelf.asked();
    assert!((14..=18).contains(&polls), "1, 2, 4, then every 8 seconds: {polls}");
    shelf.put([(1, 1)]);
    rows.hint().nudge();
    time.turn(Duration::ZERO).await;
    assert_eq!(taken(&mut rows).await, [(1, false)]);
    shelf.put([(2, 2)]);
    time.turn(Duration::from_secs(1)).await;
    assert_eq!(taken(&mut rows).await, [(2, false)], "after rows it is asked soon again");
}

#[tokio::test]
async fn a_table_is_not_asked_without_a_pause_whatever_the_options_say() {
    // Would break: a processor and a database that one zero in a configuration keeps busy.
    let (shelf, time) = (Shelf::default(), ManualClock::new());
    let zero = Duration::ZERO;
    let options = WatchOptions { poll_every: zero, idle_max: zero, failing_max: zero, ..OPTIONS };
    let _rows = watch(shelf.clone(), TableCursor::from_start(0), options, time.clock());
    time.turn(Duration::from_millis(10)).await;
    assert!((2..=11).contains(&shelf.asked()), "{}", shelf.asked());
}

#[tokio::test]
async fn rows_that_were_committed_late_are_found_within_the_overlap_and_known_ones_are_not_repeated() {
    // Would break: an order that is never seen because a slower transaction had a lower number.
    let (shelf, time, mut rows) = start(10);
    shelf.put([(100, 1), (103, 2), (105, 4)]);
    time.turn(Duration::from_secs(1)).await;
    assert_eq!(taken(&mut rows).await, [(1, false), (2, false), (4, false)]);
    shelf.put([(104, 3), (95, 9), (94, 8), (105, 5)]);
    time.turn(Duration::from_secs(4)).await;
    // 94 lies behind the overlap: no reader of this kind can tell it from one that was seen.
    assert_eq!(taken(&mut rows).await, [(9, true), (3, true), (5, false)]);
    assert_eq!((rows.snapshot().rows, rows.snapshot().late), (6, 2));
}

#[tokio::test]
async fn a_table_that_fails_or_lies_is_asked_again_later_each_time_and_says_so() {
    // Would break: a watch that ends with a restart of its database, floods it while it starts, or never ends asking a liar.
    let (shelf, time, mut rows) = start(0);
    shelf.put([(1, 1)]);
    let at = |at| Position { at, key: 1 };
    for _ in 0..5 {
        shelf.answer_first(Err(TableError("no such table".to_owned())));
    }
    shelf.answer_first(Ok(vec![at(i64::MIN), at(i64::MIN).min(Position::START)]));
    shelf.answer_first(Ok((1..=4).map(at).collect()));
    time.turn(Duration::ZERO).await;
    assert_eq!(rows.snapshot().failing.as_deref(), Some("no such table"));
    time.turn(Duration::from_secs(10)).await;
    rows.hint().nudge();
    time.turn(Duration::ZERO).await;
    assert_eq!(
        (shelf.asked(), rows.snapshot().failures),
        (4, 4),
        "after 1, 2, 4 and then every 4 seconds, hint or not"
    );
    time.turn(Duration::from_secs(12)).await;
    assert_eq!(rows.snapshot().failing.as_deref(), Some("the table answered with rows that were not asked for"));
    time.turn(Duration::from_secs(4)).await;
    assert_eq!((taken(&mut rows).await, rows.snapshot().failing), (vec![(1, false)], None));
}

#[tokio::test]
async fn a_reader_that_takes_nothing_stops_the_asking_and_one_that_goes_ends_it() {
    // Would break: memory that grows with a table nobody reads, or a task that outlives its reader.
    let (shelf, time) = (Shelf::default(), ManualClock::new());
    shelf.put((0..1_000).map(|number| (number, number)));
    let mut rows =
        watch(shelf.clone(), TableCursor::from_start(0), WatchOptions { capacity: 5, ..OPTIONS }, time.clock());
    time.turn(Duration::from_secs(100)).await;
    assert_eq!((shelf.asked(), rows.snapshot().rows), (2, 5));
    let mut keys = Vec::new();
    while keys.len() < 1_000 {
        keys.extend(taken(&mut rows).await.into_iter().map(|(key, _)| key));
        time.turn(Duration::ZERO).await;
    }
    assert_eq!(keys, (0..1_000).collect::<Vec<_>>());
    let asked = shelf.asked();
    drop(rows);
    time.turn(Duration::from_secs(100)).await;
    assert_eq!(shelf.asked(), asked);
}

#[test]
fn a_cursor_remembers_so_much_and_no_more() {
    // Would break: a saved cursor that grows with a busy second, or one that cannot be read back.
    let mut cursor = TableCursor::from_start(1_000_000);
    for at in 0..SEEN_MAX as i64 + 10 {
        assert_eq!(cursor.take(Position { at, key: 0 }), Taken::InOrder);
    }
    assert_eq!(cursor.shortened(), 10);
    assert_eq!(cursor.read_from(), Position { at: 9, key: 0 });
    let saved = serde_json::to_string(&cursor).unwrap();
    assert_eq!(serde_json::from_str::<TableCursor>(&saved).unwrap(), cursor);
}

proptest! {
    #[test]
    fn whatever_the_order_within_the_overlap_each_row_is_taken_once(
        times in proptest::collection::vec((0_i64..200, 0_i64..4), 1..80),
        jitter in proptest::collection::vec(0_i64..20, 80),
        again in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
        restart in any::<prop::sample::Index>(),
    ) {
        // Would break: a row lost or doubled by the order of commits, by looking again, or by a restart in between.
        let rows: BTreeSet<Position> = times.into_iter().map(|(at, key)| Position { at, key }).collect();
        let mut arriving: Vec<(i64, Position)> = rows.iter().zip(&jitter).map(|(row, jitter)| (row.at + jitter, *row)).collect();
        arriving.sort_unstable();
        let mut cursor = TableCursor::from_start(20);
        let mut taken = Vec::new();
        let restart = restart.index(arriving.len());
        for (index, (_, row)) in arriving.iter().enumerate() {
            if index == restart {
                cursor = serde_json::from_str(&serde_json::to_string(&cursor).unwrap()).unwrap();
            }
            if cursor.take(*row) != Taken::Known {
                taken.push(*row);
            }
            for earlier in again.iter().map(|again| arriving[again.index(index + 1)].1) {
                prop_assert_eq!(cursor.take(earlier), Taken::Known);
            }
        }
        taken.sort_unstable();
        prop_assert_eq!(taken, rows.into_iter().collect::<Vec<_>>());
    }
}
