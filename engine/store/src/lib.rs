//! The journal: records that are chained, documents with versions, and consumers' offsets, durable together in one
//! SQLite file.
//!
//! A [`Commit`] carries any mixture of the three and becomes durable as a whole or not at all. One writer thread
//! takes all commits that are waiting, makes them durable in one transaction with one sync, and answers each: many
//! callers share the price of a sync, and an answer means *on disk*.
//!
//! What always holds:
//! - a commit that was answered with `Ok` survives `kill -9` and a power cut;
//! - records are numbered 1, 2, 3 ... without a gap, each chained to the one before by SHA-256;
//! - a document's version only grows, also across a deletion, so a stale writer's [`Expect::Version`] always fails;
//! - after the first failed write the journal is read-only until the process ends, and says why;
//! - one process at a time writes a folder; any number may read it.
//!
//! What it must never do: acknowledge what is not synced, drop what was acknowledged without `verify` and `open`
//! noticing, or panic on damaged bytes.
//!
//! ```
//! use homeostat_store::{Commit, Expect, Journal, Options, Put, Record};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let journal = Journal::open(folder.path(), Options::default())?;
//!
//! // A fact and the state it leads to, in one commit: there is no moment at which only one of them is on disk.
//! let committed = journal.commit_blocking(Commit {
//!     records: vec![Record { kind: "order.placed".into(), payload: b"3 apples".to_vec(), ..Record::default() }],
//!     puts: vec![Put {
//!         space: "orders".into(),
//!         key: "17".into(),
//!         value: Some(b"placed".to_vec()),
//!         expect: Expect::Absent,
//!     }],
//!     offsets: vec![("mailer".into(), 0)],
//!     expected_offsets: vec![("mailer".into(), None)],
//! })?;
//! assert_eq!((committed.first_seq, committed.versions), (1, vec![1]));
//!
//! let reader = journal.reader()?;
//! assert_eq!(reader.entries(1, 10)?[0].record.payload, b"3 apples");
//! assert_eq!(reader.document("orders", "17")?.map(|document| document.version), Some(1));
//! journal.close();
//! # Ok(())
//! # }
//! ```
//!
//! [`Journal::source`] is the journal as a source of the reactor's durable consumers: they fold its records and commit
//! what follows from them together with their offset (`cargo run -p homeostat-store --example replay`).
//!
//! Files in the folder: `journal.db` with SQLite's `-wal` and `-shm` beside it, `journal.head` (what was
//! acknowledged last, see [`Reader::verify`]) and `journal.lock` (the writer's process id).

mod backup;
mod chain;
mod error;
mod group;
mod head;
mod journal;
mod lock;
mod options;
mod reader;
mod record;
mod retention;
mod schema;
mod source;
mod verify;
mod writer;

pub use backup::BackedUp;
pub use error::StoreError;
pub use journal::{Journal, StoreHealth};
pub use options::{Options, Retention};
pub use reader::Reader;
pub use record::{
    COMMIT_BYTES_MAX, COMMIT_ITEMS_MAX, Commit, Committed, Document, Entry, Expect, NAME_BYTES_MAX, Put, Record,
    VALUE_BYTES_MAX,
};
pub use retention::Pruned;
pub use source::{JournalEffects, JournalSource, SNAPSHOT_SPACE};
pub use verify::{Broken, Fault, Summary, Verdict};
