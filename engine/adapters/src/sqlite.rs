//! A table or view of SQLite as a source, read in the order of a column.
//!
//! Used through [`watch`](crate::table::watch). The file is opened for reading only, on a thread that may block, one question at a
//! time; nothing of a name reaches SQLite but as a quoted name.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row, params};

use crate::error::AdapterError;
use crate::table::{Position, ReadRow, Table, TableError};

/// How long SQLite waits for somebody else's lock before it says that it is busy.
const BUSY_TIME_MAX: Duration = Duration::from_secs(1);

/// Longest name of a table or column.
const NAME_BYTES_MAX: usize = 128;

/// Which rows, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSource {
    path: PathBuf,
    query: String,
}

impl RowSource {
    /// The rows of a table or view in the order of `at`, a column of integers that grows; `key` is a column of integers that tells
    /// rows with the same `at` apart, for a table of its own `rowid`. An index on both makes it fast.
    pub fn new(path: &Path, table: &str, at: &str, key: &str) -> Result<Self, AdapterError> {
        let (table, at, key) = (quoted(table)?, quoted(at)?, quoted(key)?);
        let query = format!(
            "SELECT {at} AS position_at, {key} AS position_key, * FROM {table} \
             WHERE ({at}, {key}) > (?1, ?2) ORDER BY {at}, {key} LIMIT ?3"
        );
        Ok(Self { path: path.to_owned(), query })
    }
}

/// A name as SQL has it, whatever letters it is made of. Between double quotes a misspelt column would be read as a text.
fn quoted(name: &str) -> Result<String, AdapterError> {
    let wrong = |reason| AdapterError::Name { name: name.to_owned(), reason };
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(wrong("it has none or too many letters"));
    }
    if name.contains('\0') {
        return Err(wrong("it ends before its end"));
    }
    Ok(format!("`{}`", name.replace('`', "``")))
}

/// A table of SQLite.
///
/// ```
/// use futures::StreamExt;
/// use homeostat_adapters::sqlite::{RowSource, SqliteTable};
/// use homeostat_adapters::table::{TableArrival, TableCursor, WatchOptions, watch};
/// use homeostat_reactor::{Clock, Event, Outcome};
///
/// #[derive(Clone)]
/// struct Order(String);
/// impl Event for Order {
///     fn kind(&self) -> &'static str { "order" }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("shop.db");
/// let shop = rusqlite::Connection::open(&path)?;
/// shop.execute_batch("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT); INSERT INTO orders VALUES (7, 'apples')")?;
///
/// let table = SqliteTable::new(RowSource::new(&path, "orders", "id", "id")?, |row| Ok(Order(row.get("item")?)));
/// let mut cursor = TableCursor::from_start(0);
/// let mut rows = watch(table, cursor.clone(), WatchOptions::default(), Clock::machine());
/// if let Some(TableArrival::Row { position, delivery, .. }) = rows.next().await {
///     assert_eq!((position.at, delivery.settle(Outcome::Done).0.as_str()), (7, "apples"));
///     // To be saved with what the row did.
///     cursor.take(position);
/// }
/// # Ok(())
/// # }
/// ```
///
/// The file is opened for reading only, when it is first asked and again after a failure.
pub struct SqliteTable<F> {
    source: RowSource,
    read: Arc<F>,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl<R, F> SqliteTable<F>
where
    R: Send + 'static,
    F: Fn(&Row<'_>) -> rusqlite::Result<R> + Send + Sync + 'static,
{
    /// Reads rows with `read`, which asks for columns by their names.
    pub fn new(source: RowSource, read: F) -> Self {
        Self { source, read: Arc::new(read), connection: Arc::default() }
    }
}

impl<F> std::fmt::Debug for SqliteTable<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SqliteTable").field("source", &self.source).finish_non_exhaustive()
    }
}

impl<R, F> Table for SqliteTable<F>
where
    R: Send + 'static,
    F: Fn(&Row<'_>) -> rusqlite::Result<R> + Send + Sync + 'static,
{
    type Row = R;

    async fn rows_after(&mut self, after: Position, limit: usize) -> Result<Vec<ReadRow<R>>, TableError> {
        let (source, read, connection) = (self.source.clone(), Arc::clone(&self.read), Arc::clone(&self.connection));
        let reading = tokio::task::spawn_blocking(move || {
            let mut kept = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let rows = match kept.as_ref() {
                Some(connection) => select(connection, &source, &*read, after, limit),
                None => open(&source).and_then(|opened| select(kept.insert(opened), &source, &*read, after, limit)),
            };
            if rows.is_err() {
                *kept = None;
            }
            rows
        });
        match reading.await {
            Ok(rows) => rows.map_err(|error| TableError(format!("{}: {error}", self.source.path.display()))),
            Err(error) => Err(TableError(format!("reading {} broke off: {error}", self.source.path.display()))),
        }
    }
}

fn open(source: &RowSource) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&source.path, flags)?;
    connection.busy_timeout(BUSY_TIME_MAX)?;
    Ok(connection)
}

fn select<R>(
    connection: &Connection,
    source: &RowSource,
    read: &impl Fn(&Row<'_>) -> rusqlite::Result<R>,
    after: Position,
    limit: usize,
) -> rusqlite::Result<Vec<ReadRow<R>>> {
    let mut statement = connection.prepare(&source.query)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![after.at, after.key, limit])?;
    let mut read_rows = Vec::new();
    while let Some(row) = rows.next()? {
        match position(row) {
            Ok(position) => read_rows.push((position, read(row).map_err(|error| error.to_string()))),
            // No whole number: it has no place in the order, and leaving it out would lose it without a word. What stands before it
            // is given on; asked for what follows, the table fails until somebody mends the row.
            Err(_) if !read_rows.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(read_rows)
}

fn position(row: &Row<'_>) -> rusqlite::Result<Position> {
    Ok(Position { at: row.get("position_at")?, key: row.get("position_key")? })
}
