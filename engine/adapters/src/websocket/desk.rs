//! The receiving side: one session for each connection, one order for each feed.
//!
//! A session holds at most one message that the reader has no room for; behind it the connection itself fills up and holds the sender
//! back. Nothing counts as received before it is in the reader's queue, so a session may be cut off anywhere.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use homeostat_reactor::{Ack, Clock, Delivery, Event};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::incoming::{Arrival, IncomingSnapshot, ReceiveOptions};
use super::places::{GapCause, Greeting, Judged, Origin, Places, Progress};
use super::wire::{Ended, Wire};
use super::words::{FEED_BYTES_MAX, Received, Sent, text};

/// Where the sessions of a receiver meet.
#[derive(Debug)]
pub(super) struct Desk<T> {
    places: Mutex<Places>,
    reader: mpsc::Sender<Arrival<T>>,
    options: ReceiveOptions,
    clock: Clock,
    events: AtomicU64,
    duplicates: AtomicU64,
    gaps: AtomicU64,
    sessions: AtomicU64,
    sessions_open: AtomicU64,
    last_end: Mutex<Option<String>>,
}

/// Something heard that the reader has no room for yet.
enum Held {
    Message { number: u64, json: Box<RawValue> },
    Lost { next: u64 },
    Passed { next: u64 },
}

/// What a held word came to.
enum Handed {
    /// It is done with.
    Over,
    /// Something else had to be told first.
    Again(Held),
}

type Permit<'desk, T> = mpsc::Permit<'desk, Arrival<T>>;

impl<T> Desk<T> {
    pub(super) fn new(places: Places, options: ReceiveOptions, clock: Clock) -> (Self, mpsc::Receiver<Arrival<T>>) {
        let (reader, arrivals) = mpsc::channel(options.capacity.max(1));
        let options = ReceiveOptions { unsettled_max: options.unsettled_max.max(1), ..options };
        let desk = Self {
            places: Mutex::new(places),
            reader,
            options,
            clock,
            events: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
            sessions: AtomicU64::new(0),
            sessions_open: AtomicU64::new(0),
            last_end: Mutex::new(None),
        };
        (desk, arrivals)
    }

    pub(super) fn snapshot(&self) -> IncomingSnapshot {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (unsettled, feeds, given_up) = {
            let places = self.places();
            (places.pending_total(), places.len(), places.given_up())
        };
        IncomingSnapshot {
            events: get(&self.events),
            duplicates: get(&self.duplicates),
            gaps: get(&self.gaps),
            sessions: get(&self.sessions),
            sessions_open: get(&self.sessions_open),
            unsettled,
            given_up,
            feeds,
            last_end: self.last_end.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Keeps in mind why something ended.
    pub(super) fn note_end(&self, why: impl std::fmt::Display) {
        *self.last_end.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_string());
    }

    pub(super) const fn options(&self) -> &ReceiveOptions {
        &self.options
    }

    pub(super) const fn clock(&self) -> &Clock {
        &self.clock
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's feed, its number, and what the sender was told.
struct Session<'desk, T> {
    desk: &'desk Desk<T>,
    feed: String,
    number: u64,
    told: u64,
}

impl<T> Drop for Session<'_, T> {
    fn drop(&mut self) {
        self.desk.places().leave(&self.feed, self.number);
    }
}

/// Counts a session as long as it is there, also when it is cut off.
struct OpenSession<'desk>(&'desk AtomicU64);

impl Drop for OpenSession<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T: Event + DeserializeOwned> Desk<T> {
    /// Receives until the session ends; says whether it is worth to come back at once.
    pub(super) async fn receive<S>(&self, mut wire: Wire<S>) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        self.sessions_open.fetch_add(1, Ordering::Relaxed);
        let open = OpenSession(&self.sessions_open);
        let (why, greeted) = match self.greet(&mut wire).await {
            Err(why) => (why, false),
            Ok(mut session) => {
                let Err(why) = session.converse(&mut wire).await;
                (why, true)
            }
        };
        drop(open);
        self.note_end(&why);
        wire.end(&why).await;
        greeted && why.is_outage()
    }

    async fn greet<S>(&self, wire: &mut Wire<S>) -> Result<Session<'_, T>, Ended>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (feed, oldest, next) = match parse(&wire.hear_greeting().await?)? {
            Sent::Hello { feed, oldest, next } if !feed.is_empty() && feed.len() <= FEED_BYTES_MAX => {
                (feed, oldest, next)
            }
            _ => return Err(Ended::Misbehaved("it did not name its feed")),
        };
        if oldest == 0 || oldest > next {
            return Err(Ended::Misbehaved("its numbers cannot be"));
        }
        // Room for a gap first: from the greeting on it must be told, and the session may be cut off at any wait.
        let permit = self.permit(wire).await?;
        let greeting = self.places().greet(&feed, oldest, next);
        let Greeting { session, after, gap } = greeting.ok_or(Ended::NoRoom)?;
        let session = Session { desk: self, feed, number: session, told: 0 };
        match gap {
            Some(gap) => self.tell(permit, gap),
            None => drop(permit),
        }
        wire.say(text(&Received::Resume { after })).await?;
        Ok(session)
    }

    /// Waits for room with the reader, and keeps the connection alive meanwhile.
    async fn permit<S>(&self, wire: &mut Wire<S>) -> Result<Permit<'_, T>, Ended>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            let due = wire.due();
            tokio::select! {
                permit = self.reader.reserve() => return permit.map_err(|_| Ended::Unread),
                () = self.clock.sleep_until(due) => wire.keep_alive(false).await?,
            }
        }
    }

    fn tell(&self, permit: Permit<'_, T>, gap: super::Gap) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
        permit.send(Arrival::Gap(gap));
    }
}

impl<T: Event + DeserializeOwned> Session<'_, T> {
    async fn converse<S>(&mut self, wire: &mut Wire<S>) -> Result<std::convert::Infallible, Ended>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let desk = self.desk;
        let mut held: Option<Held> = None;
        loop {
            let listening = held.is_none() && desk.places().pending(&self.feed) < desk.options.unsettled_max;
            let due = wire.due();
            tokio::select! {
                biased;
                permit = desk.reader.reserve(), if held.is_some() => {
                    let permit = permit.map_err(|_| Ended::Unread)?;
                    if let Some(word) = held.take()
                        && let Handed::Again(word) = self.hand_over(word, permit)?
                    {
                        held = Some(word);
                    }
                }
                heard = wire.hear(), if listening => match heard {
                    Ok(None) => {}
                    Ok(Some(heard)) => held = Some(word(&heard)?),
                    Err(why) => return Err(self.give_up(wire, why).await),
                },
                // After what has come: so many handled messages are told at once.
                progress = self.progress() => match progress {
                    Progress::Lost => return Err(Ended::Unhandled),
                    Progress::Seen(number) => {
                        self.told = number;
                        wire.say(text(&Received::Seen { n: number })).await?;
                    }
                },
                () = desk.clock.sleep_until(due) => wire.keep_alive(listening).await?,
            }
        }
    }

    async fn progress(&self) -> Progress {
        poll_fn(|context| self.desk.places().poll_progress(&self.feed, self.number, self.told, context)).await
    }

    /// Gives the reader what it has room for now. Nothing waits here, so nothing can be lost on the way.
    fn hand_over(&self, held: Held, permit: Permit<'_, T>) -> Result<Handed, Ended> {
        let desk = self.desk;
        let mut places = desk.places();
        let judged = match &held {
            Held::Message { number, .. } => places.judge(&self.feed, self.number, *number),
            Held::Passed { next } => places.pass(&self.feed, self.number, *next),
            Held::Lost { next } => places.lose(&self.feed, self.number, *next, GapCause::Overwritten),
        };
        match (judged, held) {
            (Judged::Superseded, _) => return Err(Ended::Superseded),
            (Judged::Known, _) => {
                desk.duplicates.fetch_add(1, Ordering::Relaxed);
            }
            (Judged::Missing(gap), held) => {
                desk.tell(permit, gap);
                // A message behind a gap comes next; a gap that was announced has been told with this.
                if matches!(held, Held::Message { .. }) {
                    return Ok(Handed::Again(held));
                }
            }
            (Judged::Next, Held::Lost { .. } | Held::Passed { .. }) => {}
            (Judged::Next, Held::Message { number, json }) => match serde_json::from_str::<T>(json.get()) {
                Ok(event) => {
                    let (ack, receipt) = Ack::new();
                    places.take(&self.feed, self.number, receipt);
                    desk.events.fetch_add(1, Ordering::Relaxed);
                    let class = event.class();
                    let delivery = Delivery::new(event, class, desk.clock.now()).with_trail(ack, tracing::Span::none());
                    permit.send(Arrival::Event { delivery, origin: Origin { feed: self.feed.clone(), number } });
                }
                Err(error) => {
                    let cause = GapCause::Unreadable(error.to_string());
                    if let Judged::Missing(gap) = places.lose(&self.feed, self.number, number.saturating_add(1), cause)
                    {
                        desk.tell(permit, gap);
                    }
                }
            },
        }
        Ok(Handed::Over)
    }

    /// A message that is too large would come again with every connection: it is told as a gap, and the next session goes on behind.
    async fn give_up<S>(&self, wire: &mut Wire<S>, why: Ended) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if why == Ended::TooLarge {
            let permit = match self.desk.permit(wire).await {
                Ok(permit) => permit,
                Err(why) => return why,
            };
            let mut places = self.desk.places();
            let next = places.last(&self.feed).saturating_add(2);
            if let Judged::Missing(gap) = places.lose(&self.feed, self.number, next, GapCause::TooLarge) {
                self.desk.tell(permit, gap);
            }
        }
        why
    }
}

fn word(heard: &str) -> Result<Held, Ended> {
    match parse(heard)? {
        Sent::Event { n, it } => Ok(Held::Message { number: n, json: it.to_owned() }),
        Sent::Gap { next } => Ok(Held::Lost { next }),
        Sent::Pass { next } => Ok(Held::Passed { next }),
        Sent::Hello { .. } => Err(Ended::Misbehaved("it greeted twice")),
    }
}

fn parse(text: &str) -> Result<Sent<'_>, Ended> {
    serde_json::from_str(text).map_err(|_| Ended::Misbehaved("it said something that is no word"))
}
