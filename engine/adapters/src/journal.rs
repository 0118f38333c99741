//! The journal as a target of rules.
//!
//! A batch is one commit. Always holds: it is in the journal once, however often it is tried. With each batch the commit changes a
//! document of the sink's name, and only if nobody else has since: a second attempt at a batch that is there already is recognised
//! by what the document says. That holds for as long as the sink lives: an event that its source sends again after this process died
//! comes in another batch, and is a second record.

use std::sync::{Mutex, MutexGuard, PoisonError};

use homeostat_reactor::route::{Batch, Sink, SinkError};
use homeostat_store::{Commit, Document, Expect, Journal, Put, Record, StoreError};

use crate::unique::unique_name;

/// Where the sinks' documents are.
const SPACE: &str = "journal-sink";

/// Appends events to the journal as records that a function makes of them.
///
/// ```
/// use homeostat_adapters::journal::JournalSink;
/// use homeostat_reactor::route::{Router, Rules, Target};
/// use homeostat_reactor::{Class, Delivery, Event, Moment};
/// use homeostat_store::{Journal, Options, Record};
///
/// #[derive(Clone)]
/// struct Order(&'static str);
/// impl Event for Order {
///     fn kind(&self) -> &'static str { "order" }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let folder = tempfile::tempdir()?;
/// let journal = Journal::open(folder.path(), Options::default())?;
/// let record = |order: &Order| Record { subject: order.0.to_owned(), ..Record::default() };
/// let router = Router::builder()
///     .target(Target::sink(JournalSink::new("journal", journal.clone(), record)))
///     .rules(Rules { default: vec!["journal".to_owned()], ..Rules::default() })
///     .start()?;
/// router.route(Delivery::new(Order("apples"), Class::Act, Moment::ZERO)).await;
/// router.shutdown(std::time::Duration::from_secs(5)).await;
/// assert_eq!(journal.reader()?.entries(1, 10)?[0].record.subject, "apples");
/// # Ok(())
/// # }
/// ```
pub struct JournalSink<F> {
    name: String,
    journal: Journal,
    record: F,
    /// Batches are numbered anew by each router: the name keeps them apart.
    sender: String,
    /// The batch that was written last and the document's version with it, while they are known.
    last: Mutex<Option<(u64, Expect)>>,
}

impl<F> JournalSink<F> {
    /// Appends what `record` makes of each event. One sink of a name for each journal.
    pub fn new(name: impl Into<String>, journal: Journal, record: F) -> Self {
        Self { name: name.into(), journal, record, sender: unique_name(), last: Mutex::default() }
    }

    async fn document(&self) -> Result<Option<Document>, SinkError> {
        let (journal, name) = (self.journal.clone(), self.name.clone());
        let reading = tokio::task::spawn_blocking(move || journal.reader()?.document(SPACE, &name));
        let read = reading.await.map_err(SinkError::retry)?;
        read.map_err(SinkError::retry)
    }

    fn last(&self) -> MutexGuard<'_, Option<(u64, Expect)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E, F> Sink<E> for JournalSink<F>
where
    E: Clone + Send + Sync + 'static,
    F: Fn(&E) -> Record + Send + Sync + 'static,
{
    fn name(&self) -> &str {
        &self.name
    }

    async fn deliver(&self, batch: Batch<'_, E>) -> Result<(), SinkError> {
        let batch_name = format!("{}-{}", self.sender, batch.id).into_bytes();
        // Not known again until the answer is here: this may be dropped while it waits.
        let last = self.last().take();
        let records = batch.deliveries.iter().map(|delivery| (self.record)(&delivery.event)).collect();
        let expect = match last {
            Some((id, _)) if id == batch.id => {
                *self.last() = last;
                return Ok(());
            }
            Some((_, expect)) => expect,
            None => match self.document().await? {
                Some(document) if document.value == batch_name => return Ok(()),
                Some(document) => Expect::Version(document.version),
                None => Expect::Absent,
            },
        };
        let put = Put { space: SPACE.to_owned(), key: self.name.clone(), value: Some(batch_name.clone()), expect };
        match self.journal.commit(Commit { records, puts: vec![put], ..Commit::default() }).await {
            Ok(committed) => {
                *self.last() = committed.versions.first().map(|version| (batch.id, Expect::Version(*version)));
                Ok(())
            }
            // Somebody else wrote the document: an earlier attempt of ours, or another sink of this name.
            Err(StoreError::Conflict { .. }) => match self.document().await? {
                Some(document) if document.value == batch_name => Ok(()),
                _ => Err(SinkError::retry("another sink of this name writes to the journal too")),
            },
            Err(error @ StoreError::Invalid { .. }) => Err(SinkError::refused(error)),
            Err(error) => Err(SinkError::retry(error)),
        }
    }
}

impl<F> std::fmt::Debug for JournalSink<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("JournalSink").field("name", &self.name).finish_non_exhaustive()
    }
}
