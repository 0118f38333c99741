//! Numbered messages over WebSocket, resumed after a break.
//!
//! One side has a [`Feed`], which numbers messages from 1 and keeps the last of them, or a [`DurableFeed`], which reads them where they
//! are on disk and so goes on after its process was killed. The other side says which number it saw last; what came after is sent
//! again, and what is no longer kept is announced as a [`Gap`]. It does not matter which of them opens the connection:
//!
//! | | events go out | events come in |
//! |---|---|---|
//! | we listen | [`serve`]: many may follow the feed | [`collect`]: many may push theirs |
//! | we connect, again and again | [`push`] | [`follow`] |
//!
//! Always holds on the receiving side: the numbers of a feed are taken in order, and one that is missing is told in its place. A
//! message counts as seen once it has had its end here: it was handled, left out on purpose, or failed, which leaves a dead letter
//! here. Where it had none, because it was dropped at a limit or in a shutdown, or whoever had it went away, the session ends and the
//! feed is resumed before it: it is taken again, and what came behind it too, so a message arrives at least once, and exactly once
//! while nothing is lost here. After eight such losses of the same message it counts as seen, so that one message cannot stop a feed;
//! [`IncomingSnapshot::given_up`] counts these.
//!
//! The words are text messages of JSON under the subprotocol `homeostat.events.v1`: the sender says
//! `{"hello":{"feed":"..","oldest":1,"next":9}}`, the receiver `{"resume":{"after":4}}`, then the sender `{"gap":{"next":7}}` where it
//! must, `{"pass":{"next":7}}` over numbers that are none of its messages, and `{"event":{"n":7,"it":{..}}}`, and the receiver
//! `{"seen":{"n":7}}`.

mod client;
mod desk;
mod durable;
mod feed;
mod incoming;
mod places;
mod ring;
mod send;
mod server;
mod shelf;
mod sink;
mod wire;
mod words;

pub use client::{Pusher, follow, push};
pub use durable::DurableFeed;
pub use feed::{Feed, FeedLimits, Keep, Unpublished};
pub use incoming::{Arrival, Incoming, IncomingSnapshot, ReceiveOptions, Start};
pub use places::{Gap, GapCause, Origin};
pub use server::{FeedServer, collect, serve};
pub use shelf::{FeedSnapshot, Outgoing};
pub use sink::FeedSink;
pub use wire::Liveness;
