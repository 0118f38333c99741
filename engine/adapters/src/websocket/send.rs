//! One session of the side that has the feed: greets, sends what is missing, goes on with what is new.

use std::sync::atomic::{AtomicU64, Ordering};

use futures::FutureExt;
use homeostat_reactor::Clock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::shelf::{After, FeedCounts, Hello, Shelf};
use super::wire::{Ended, Wire};
use super::words::{Received, Sent, text};

/// Messages that go out before the other side is listened to again.
const TURN_MESSAGES: usize = 64;

/// Sends a feed until the session ends; says why it did, and whether it is worth to come back at once.
pub(super) async fn send<S, F>(mut wire: Wire<S>, feed: &F, clock: &Clock) -> (Ended, bool)
where
    F: Shelf,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let counts = feed.counts();
    add(&counts.sessions, 1);
    let open = OpenSession::new(counts);
    let mut resumed = false;
    let Err(why) = converse(&mut wire, feed, clock, &mut resumed).await;
    match why {
        Ended::Slow => add(&counts.slow_dropped, 1),
        Ended::Misbehaved(_) | Ended::TooLarge => add(&counts.misbehaved, 1),
        _ => {}
    }
    drop(open);
    wire.end(&why).await;
    let outage = resumed && why.is_outage();
    (why, outage)
}

async fn converse<S, F>(
    wire: &mut Wire<S>,
    feed: &F,
    clock: &Clock,
    resumed: &mut bool,
) -> Result<std::convert::Infallible, Ended>
where
    F: Shelf,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Hello { feed: name, oldest, next } = feed.hello().await.map_err(Ended::Unavailable)?;
    wire.say(text(&Sent::Hello { feed: name, oldest, next })).await?;
    let mut sent_upto = match parse(&wire.hear_greeting().await?)? {
        Received::Resume { after } => after,
        Received::Seen { .. } => return Err(Ended::Misbehaved("it did not say where to begin")),
    };
    *resumed = true;
    loop {
        match feed.after(sent_upto, TURN_MESSAGES).await.map_err(Ended::Unavailable)? {
            After::Unknown => return Err(Ended::Misbehaved("it asked for a number that was never given")),
            After::Lost { next } => {
                add(&feed.counts().gaps, 1);
                add(&feed.counts().messages_missed, next.saturating_sub(sent_upto).saturating_sub(1));
                wire.say(text(&Sent::Gap { next })).await?;
                sent_upto = next.saturating_sub(1).max(sent_upto);
            }
            After::Words { words, messages, upto } => {
                wire.say_all(words).await?;
                sent_upto = upto;
                add(&feed.counts().sent, messages);
                // Listen as far as something has come, or a flood would deafen us.
                while let Some(heard) = wire.hear().now_or_never() {
                    listen(feed, sent_upto, heard?)?;
                }
            }
            After::Nothing => {
                let due = wire.due();
                tokio::select! {
                    heard = wire.hear() => listen(feed, sent_upto, heard?)?,
                    more = feed.more(sent_upto) => more.map_err(Ended::Unavailable)?,
                    () = clock.sleep_until(due) => wire.keep_alive(true).await?,
                }
            }
        }
    }
}

fn listen(feed: &impl Shelf, sent_upto: u64, heard: Option<Utf8Bytes>) -> Result<(), Ended> {
    let Some(heard) = heard else { return Ok(()) };
    match parse(&heard)? {
        Received::Seen { n } if n <= sent_upto => {
            feed.note_seen(n);
            Ok(())
        }
        Received::Seen { .. } => Err(Ended::Misbehaved("it has seen a number that it was not sent")),
        Received::Resume { .. } => Err(Ended::Misbehaved("it wanted to begin twice")),
    }
}

fn parse(text: &str) -> Result<Received, Ended> {
    serde_json::from_str(text).map_err(|_| Ended::Misbehaved("it said something that is no word"))
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

/// Counts a session as long as it is there, also when it is cut off.
struct OpenSession<'feed>(&'feed FeedCounts);

impl<'feed> OpenSession<'feed> {
    fn new(counts: &'feed FeedCounts) -> Self {
        add(&counts.sessions_open, 1);
        Self(counts)
    }
}

impl Drop for OpenSession<'_> {
    fn drop(&mut self) {
        self.0.sessions_open.fetch_sub(1, Ordering::Relaxed);
    }
}
