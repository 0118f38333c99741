//! What the two sides say to each other.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// The subprotocol both sides must name, so that nobody talks to something else by mistake.
pub(super) const PROTOCOL: &str = "homeostat.events.v1";

/// Longest name of a feed: names are kept.
pub(super) const FEED_BYTES_MAX: usize = 128;

/// Largest word of a receiver: two numbers.
pub(super) const RECEIVER_WORD_BYTES_MAX: usize = 4 * 1024;

/// What surrounds an event on the wire, at most.
pub(super) const ENVELOPE_BYTES_MAX: usize = 64;

/// Words of the side that has the feed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Sent<'a> {
    /// First of all.
    Hello {
        feed: String,
        /// The oldest message that is kept; `next` when none is.
        oldest: u64,
        /// The number that the next message will have.
        next: u64,
    },
    /// Everything up to this number, exclusive, that was not sent is lost.
    Gap { next: u64 },
    /// Everything up to this number, exclusive, that was not sent is none of this feed's messages.
    Pass { next: u64 },
    /// A message.
    Event {
        n: u64,
        #[serde(borrow)]
        it: &'a RawValue,
    },
}

/// Words of the side that receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Received {
    /// Where to begin: after this number.
    Resume { after: u64 },
    /// Everything up to this number has been handled.
    Seen { n: u64 },
}

/// A message as it goes over the wire.
pub(super) fn event_text(number: u64, json: &str) -> Utf8Bytes {
    format!("{{\"event\":{{\"n\":{number},\"it\":{json}}}}}").into()
}

/// A word as it goes over the wire.
pub(super) fn text(word: &impl Serialize) -> Utf8Bytes {
    serde_json::to_string(word).expect("words are plain data").into()
}
