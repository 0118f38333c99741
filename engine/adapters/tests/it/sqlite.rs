//! Tables of SQLite: real files, written by others while they are read.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use homeostat_adapters::AdapterError;
use homeostat_adapters::sqlite::{RowSource, SqliteTable};
use homeostat_adapters::table::{Position, Table, TableArrival, TableCursor, WatchOptions, WatchedTable, watch};
use homeostat_reactor::Clock;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::order::{Order, soon, until};

const QUICK: WatchOptions = WatchOptions {
    poll_every: Duration::from_millis(1),
    idle_max: Duration::from_millis(5),
    failing_max: Duration::from_millis(5),
    page_rows: 7,
    capacity: 3,
};

const ORDERS: &str = "CREATE TABLE orders (id INTEGER PRIMARY KEY, text TEXT NOT NULL)";

fn create(path: &Path, schema: &str) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.execute_batch(schema).unwrap();
    connection
}

fn read_order(row: &Row<'_>) -> rusqlite::Result<Order> {
    let id: i64 = row.get("id")?;
    Ok(Order { text: row.get("text")?, ..Order::new(id.unsigned_abs()) })
}

fn watch_orders(path: &Path, cursor: TableCursor) -> WatchedTable<Order> {
    let source = RowSource::new(path, "orders", "id", "id").unwrap();
    watch(SqliteTable::new(source, read_order), cursor, QUICK, Clock::machine())
}

/// Inserts orders in transactions of a few, as fast as they go in.
fn insert(path: &Path, ids: std::ops::Range<i64>) -> std::thread::JoinHandle<()> {
    let path = path.to_owned();
    std::thread::spawn(move || {
        let mut connection = create(&path, "");
        let ids: Vec<i64> = ids.collect();
        for some in ids.chunks(11) {
            let transaction = connection.transaction().unwrap();
            for id in some {
                transaction.execute("INSERT INTO orders VALUES (?1, 'x')", [id]).unwrap();
            }
            transaction.commit().unwrap();
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_inserted_while_others_are_read_all_come_in_order_and_once() {
    // Would break: rows skipped between two pages, or a reader that locks the writers out.
    const ROWS: i64 = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    create(&path, ORDERS);
    let mut rows = watch_orders(&path, TableCursor::from_start(0));
    let writing = insert(&path, 1..ROWS + 1);
    for expected in 1..=ROWS {
        let Some(TableArrival::Row { position, late, delivery }) = soon(rows.next()).await else { panic!("a row") };
        assert_eq!((position.at, late, delivery.event.id), (expected, false, expected.unsigned_abs()));
    }
    writing.join().unwrap();
    assert!(rows.snapshot().polls > 100 && rows.snapshot().failures == 0);
    assert!(futures::poll!(rows.next()).is_pending(), "nothing came twice");
}

/// Where effects are kept: one row an order, and the cursor beside them.
fn load_cursor(effects: &Connection) -> TableCursor {
    let saved: Option<String> = effects.query_row("SELECT saved FROM cursor", [], |row| row.get(0)).optional().unwrap();
    saved.map_or(TableCursor::from_start(0), |saved| serde_json::from_str(&saved).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_stopped_anywhere_goes_on_from_its_stored_cursor() {
    // Would break: effects lost or doubled by a restart, which is what a cursor is there for.
    const ROWS: i64 = 500;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    create(&path, ORDERS);
    let schema = "CREATE TABLE done (id INTEGER); CREATE TABLE cursor (one INTEGER PRIMARY KEY, saved TEXT)";
    let mut effects = create(&folder.path().join("effects.db"), schema);
    let writing = insert(&path, 1..ROWS + 1);
    let (mut done, mut runs) = (0, 0);
    while done < ROWS {
        let mut cursor = load_cursor(&effects);
        let mut rows = watch_orders(&path, cursor.clone());
        runs += 1;
        for _ in 0..(runs * 7 % 31).min(ROWS - done) {
            let Some(TableArrival::Row { position, delivery, .. }) = soon(rows.next()).await else { panic!("a row") };
            cursor.take(position);
            let transaction = effects.transaction().unwrap();
            let id = i64::try_from(delivery.event.id).unwrap();
            transaction.execute("INSERT INTO done VALUES (?1)", [id]).unwrap();
            let saved = serde_json::to_string(&cursor).unwrap();
            transaction.execute("REPLACE INTO cursor VALUES (1, ?1)", [saved]).unwrap();
            transaction.commit().unwrap();
            done += 1;
        }
        // Whatever it has read ahead is dropped with it.
    }
    writing.join().unwrap();
    let mut statement = effects.prepare("SELECT id FROM done ORDER BY rowid").unwrap();
    let ids: Vec<i64> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(ids, (1..=ROWS).collect::<Vec<_>>());
    assert!(runs > 20);
}

#[tokio::test]
async fn a_database_that_is_not_there_yet_or_goes_away_is_waited_for() {
    // Would break: a watch that must be started after its database, or that ends when a file is exchanged.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let mut rows = watch_orders(&path, TableCursor::from_start(0));
    let failing = |rows: &WatchedTable<Order>| rows.snapshot().failing.unwrap_or_default();
    until("it to fail", || failing(&rows).contains("unable to open")).await;
    assert!(!path.exists(), "a reader creates nothing");
    let connection = create(&path, "");
    until("it to miss the table", || failing(&rows).contains("no such table: orders")).await;
    connection.execute_batch(ORDERS).unwrap();
    connection.execute("INSERT INTO orders VALUES (1, 'x')", []).unwrap();
    assert!(matches!(soon(rows.next()).await, Some(TableArrival::Row { .. })));
    until("it to be well", || rows.snapshot().failing.is_none()).await;
    connection.execute_batch("ALTER TABLE orders RENAME COLUMN id TO number").unwrap();
    until("it to miss the column", || failing(&rows).contains("no such column")).await;
}

#[tokio::test]
async fn a_row_that_cannot_be_understood_is_told_and_the_rest_goes_on() {
    // Would break: one bad row that stops a source for good, or that vanishes without a word.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let connection = create(&path, "CREATE TABLE orders (id INTEGER PRIMARY KEY, text)");
    connection.execute_batch("INSERT INTO orders VALUES (1, 'x'), (2, NULL), (3, x'ff'), (4, 'y')").unwrap();
    let mut rows = watch_orders(&path, TableCursor::from_start(0));
    let mut seen = Vec::new();
    while seen.len() < 4 {
        seen.push(match soon(rows.next()).await.unwrap() {
            TableArrival::Row { position, .. } => (position.at, true),
            TableArrival::Unreadable { position, cause } => {
                assert!(cause.contains("text"), "{cause}");
                (position.at, false)
            }
        });
    }
    assert_eq!(seen, [(1, true), (2, false), (3, false), (4, true)]);
    assert_eq!((rows.snapshot().rows, rows.snapshot().unreadable), (2, 2));
}

#[tokio::test]
async fn a_row_without_a_place_in_the_order_stops_what_is_behind_it_and_says_so() {
    // Would break: rows that are passed over because SQLite lets a text stand where a number should.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let connection = create(&path, "CREATE TABLE orders (at, id INTEGER PRIMARY KEY, text TEXT)");
    connection
        .execute_batch("INSERT INTO orders VALUES (1, 1, 'x'), (1, 2, 'x'), ('soon', 3, 'x'), (NULL, 4, 'x')")
        .unwrap();
    let source = RowSource::new(&path, "orders", "at", "id").unwrap();
    let mut rows = watch(SqliteTable::new(source, read_order), TableCursor::from_start(5), QUICK, Clock::machine());
    for expected in [1, 2] {
        let Some(TableArrival::Row { delivery, .. }) = soon(rows.next()).await else { panic!("a row") };
        assert_eq!(delivery.event.id, expected);
    }
    until("it to say so", || rows.snapshot().failing.is_some_and(|cause| cause.contains("position_at"))).await;
    connection.execute("UPDATE orders SET at = 2 WHERE at = 'soon'", []).unwrap();
    let Some(TableArrival::Row { delivery, .. }) = soon(rows.next()).await else { panic!("a row") };
    assert_eq!(delivery.event.id, 3);
}

#[tokio::test]
async fn names_are_names_whatever_they_look_like() {
    // Would break: a table's name from a file of settings that deletes the table.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let odd = "order's \"`list`\"; DROP TABLE x --";
    let connection = create(&path, "");
    let quoted = odd.replace('"', "\"\"");
    connection.execute_batch(&format!("CREATE TABLE \"{quoted}\" (id INTEGER PRIMARY KEY, text TEXT)")).unwrap();
    connection.execute(&format!("INSERT INTO \"{quoted}\" VALUES (?1, ?2)"), params![7, "x"]).unwrap();
    let mut table = SqliteTable::new(RowSource::new(&path, odd, "id", "rowid").unwrap(), read_order);
    let rows = table.rows_after(Position::START, 10).await.unwrap();
    assert_eq!(rows.into_iter().map(|(_, row)| row.unwrap().id).collect::<Vec<_>>(), [7]);
    let mut missing = SqliteTable::new(RowSource::new(&path, odd, "idd", "id").unwrap(), read_order);
    assert!(missing.rows_after(Position::START, 10).await.unwrap_err().to_string().contains("no such column"));
    for wrong in ["", "a\0b", &"x".repeat(129)] {
        assert!(matches!(RowSource::new(&path, wrong, "id", "id"), Err(AdapterError::Name { .. })));
    }
}
