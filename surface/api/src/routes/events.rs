//! `/v1/events`: the journal as server-sent events.
//!
//! The event's id is the record's place in the journal, so a client that was cut off goes on behind the last one it got, and
//! gets each record once. The journal itself is the buffer: a slow client reads older records, and only one small batch for each
//! stream is ever in memory. A client that takes nothing at all is disconnected by its connection.

use super::Shared;
use crate::code::Code;
use crate::extract::Parameters;
use crate::problem::Refused;
use crate::reading::Event;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use homeostat_store::{Reader, StoreError};
use http_body_util::channel::{Channel, Sender};
use hyper::body::{Frame, SizeHint};
use hyper::{HeaderMap, header};
use schemars::JsonSchema;
use serde::Deserialize;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

/// Records read and written at once.
const BATCH_RECORDS: usize = 64;

/// The pause after a batch that reached the end: under a burst of commits the stream reads a few times a second, not at each.
const COALESCE: Duration = Duration::from_millis(20);

/// A comment is sent after this long without a record, so that proxies and clients see a living stream, and we a dead client.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How soon a browser connects again, in milliseconds.
const RETRY_MS: u32 = 1_000;

/// Where the stream begins.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// Begin behind this record; 0 for all that is kept, and now when it is not said.
    pub after: Option<u64>,
}

pub async fn events(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Parameters(query): Parameters<EventsQuery>,
) -> Result<Response, Refused> {
    let slot = std::sync::Arc::clone(&shared.streams).try_acquire_owned().map_err(|_| {
        let detail = format!("{} event streams are open, and more are not served", shared.streams_max);
        Refused::new(Code::TooMany, detail, "close one, and connect again")
    })?;
    let after = match (headers.get("last-event-id"), query.after) {
        // An empty one is what a browser sends that has not had an event yet.
        (Some(id), after) if id.is_empty() => after,
        (Some(id), _) => Some(last_id(id)?),
        (None, after) => after,
    };
    let durable = *shared.journal.durable().borrow();
    let after = match after {
        None => durable,
        Some(0) => shared.journal.read(first_kept).await?.saturating_sub(1),
        Some(after) => still_there(after, shared.journal.read(first_kept).await?, durable)?,
    };
    let (sender, channel) = Channel::new(1);
    let mut producer = JoinSet::new();
    producer.spawn(produce(shared.clone(), after, sender));
    let body = Body::new(EventBody { channel, _producer: producer, _slot: slot });
    let head = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((head, body).into_response())
}

fn last_id(id: &header::HeaderValue) -> Result<u64, Refused> {
    let number = id.to_str().ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Refused::unreadable("Last-Event-ID is not a record's number"))
}

/// The place of the oldest record that is kept.
fn first_kept(reader: &Reader) -> Result<u64, StoreError> {
    Ok(reader.entries(0, 1)?.first().map_or(1, |entry| entry.seq))
}

/// Refuses to go on where records would be missing without a word.
fn still_there(after: u64, first_kept: u64, durable: u64) -> Result<u64, Refused> {
    if after > durable {
        let detail =
            format!("record {after} is not in this journal, which ends at {durable}; was it replaced by a backup?");
        return Err(Refused::new(Code::EventsGone, detail, "read /v1/status anew, and stream without Last-Event-ID"));
    }
    if after + 1 < first_kept {
        let detail = format!("the journal begins at record {first_kept}; those behind {after} are no longer kept");
        return Err(Refused::new(Code::EventsGone, detail, "read /v1/status anew, and stream with ?after=0"));
    }
    Ok(after)
}

/// Writes records behind `after`, as they become durable, until the client is gone or the engine stops.
async fn produce(shared: Shared, mut after: u64, mut sender: Sender<Bytes, Infallible>) {
    let mut durable = shared.journal.durable();
    let mut stopping = shared.stopping.clone();
    if sender.send_data(format!("retry: {RETRY_MS}\n\n").into()).await.is_err() {
        return;
    }
    loop {
        let end = *durable.borrow_and_update();
        if after < end {
            let read = shared.journal.read(move |reader| reader.entries(after + 1, BATCH_RECORDS)).await;
            let Ok(mut entries) = read else { return };
            // What is not durable yet may still vanish, and its number be given to another.
            entries.retain(|entry| entry.seq <= end);
            // A gap means that records were pruned away under a very slow client. Ending here makes it come back, and be told.
            let gapless = entries.first().is_some_and(|first| first.seq == after + 1);
            let Some(last) = entries.last().filter(|_| gapless) else { return };
            after = last.seq;
            let text = entries.iter().fold(String::new(), |mut text, entry| {
                let data = serde_json::to_string(&Event::from(entry)).expect("plain data always has a JSON form");
                write!(text, "id: {}\ndata: {data}\n\n", entry.seq).expect("a string takes all that is written to it");
                text
            });
            if sender.send_data(text.into()).await.is_err() {
                return;
            }
            if after < end {
                continue;
            }
            tokio::time::sleep(COALESCE).await;
        }
        tokio::select! {
            changed = durable.changed() => if changed.is_err() { return },
            () = stopping.heard() => return,
            () = tokio::time::sleep(HEARTBEAT) => {
                if sender.send_data(Bytes::from_static(b": still here\n\n")).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The stream as a body: its producer ends with it, and its place becomes free.
struct EventBody {
    channel: Channel<Bytes, Infallible>,
    _producer: JoinSet<()>,
    _slot: OwnedSemaphorePermit,
}

impl HttpBody for EventBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.channel).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.channel.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.channel.size_hint()
    }
}
