//! One WebSocket connection: what is said and heard on it, within limits of size and time.
//!
//! Used by both kinds of session. Always holds: whoever takes nothing of what is written, or says nothing at all for too long, is cut
//! off; a message beyond the limit is never held in memory.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use homeostat_reactor::{Clock, Moment};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

/// Read and write buffers of a connection: sixteen messages of a kibibyte.
const BUFFER_BYTES: usize = 16 * 1024;

/// Asking oftener for a sign of life would be all that a connection does.
const PING_EVERY_MIN: Duration = Duration::from_millis(10);

/// How long the other side may take to hear that we go.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// How long a connection waits for the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Liveness {
    /// How often a sign of life is asked for; every 10 ms at most.
    pub ping_every: Duration,
    /// Without any sign for so long, the other side is gone.
    pub silence_max: Duration,
    /// When nothing of what is written is taken for so long, the other side is too slow.
    pub write_time_max: Duration,
    /// The first words must come in this time.
    pub greeting_time_max: Duration,
}

impl Default for Liveness {
    /// Every 15 seconds, three of which may be missed; ten seconds for everything else.
    fn default() -> Self {
        Self {
            ping_every: Duration::from_secs(15),
            silence_max: Duration::from_secs(45),
            write_time_max: Duration::from_secs(10),
            greeting_time_max: Duration::from_secs(10),
        }
    }
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Ended {
    #[error("the other side closed the connection")]
    Closed,
    #[error("the connection broke: {0}")]
    Lost(String),
    #[error("the other side said nothing for too long")]
    Silent,
    #[error("the other side takes too little")]
    Slow,
    #[error("a message was larger than allowed")]
    TooLarge,
    #[error("the other side broke the rules: {0}")]
    Misbehaved(&'static str),
    #[error("a newer connection of the same feed took over")]
    Superseded,
    #[error("there is no room for another feed")]
    NoRoom,
    #[error("nobody reads any more")]
    Unread,
    #[error("an event was lost here before it was handled, and must come again")]
    Unhandled,
    #[error("the other side asked to come back later: {0}")]
    SentAway(String),
    #[error("the feed cannot be read: {0}")]
    Unavailable(String),
}

impl Ended {
    /// Whether the next session may go better at once: the network or the other side's process failed, not what was said.
    pub(super) const fn is_outage(&self) -> bool {
        matches!(self, Self::Closed | Self::Lost(_) | Self::Silent | Self::Slow)
    }

    /// What the other side is told, if it can still be told anything.
    fn code(&self) -> Option<CloseCode> {
        match self {
            Self::Closed | Self::Lost(_) | Self::Silent | Self::SentAway(_) => None,
            Self::Slow | Self::NoRoom | Self::Unavailable(_) | Self::Unhandled => Some(CloseCode::Again),
            Self::TooLarge => Some(CloseCode::Size),
            Self::Misbehaved(_) => Some(CloseCode::Policy),
            Self::Superseded => Some(CloseCode::Normal),
            Self::Unread => Some(CloseCode::Away),
        }
    }
}

/// The limits of the protocol's own reader and writer. What is written needs none here: the writer holds no more than its buffer and
/// one message, and how large that is was judged when it was published.
pub(super) fn config(message_bytes_max: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
}

pub(super) struct Wire<S> {
    socket: WebSocketStream<S>,
    clock: Clock,
    liveness: Liveness,
    heard_at: Moment,
    ping_at: Moment,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(socket: WebSocketStream<S>, clock: Clock, liveness: Liveness) -> Self {
        let now = clock.now();
        let liveness = Liveness { ping_every: liveness.ping_every.max(PING_EVERY_MIN), ..liveness };
        Self { socket, clock, liveness, heard_at: now, ping_at: now + liveness.ping_every }
    }

    /// Says something.
    pub(super) async fn say(&mut self, text: Utf8Bytes) -> Result<(), Ended> {
        self.write(vec![Message::Text(text)]).await
    }

    /// Says several things at once.
    pub(super) async fn say_all(&mut self, texts: Vec<Utf8Bytes>) -> Result<(), Ended> {
        self.write(texts.into_iter().map(Message::Text).collect()).await
    }

    async fn write(&mut self, messages: Vec<Message>) -> Result<(), Ended> {
        let socket = &mut self.socket;
        let writing = async {
            for message in messages {
                socket.feed(message).await?;
            }
            socket.flush().await
        };
        match self.clock.within(self.liveness.write_time_max, writing).await {
            None => Err(Ended::Slow),
            Some(written) => written.map_err(ended),
        }
    }

    /// The next text; `None` for signs of life. Nothing is lost when this is dropped before it ends.
    pub(super) async fn hear(&mut self) -> Result<Option<Utf8Bytes>, Ended> {
        let message = self.socket.next().await.unwrap_or(Err(Error::ConnectionClosed)).map_err(ended)?;
        self.heard_at = self.clock.now();
        match message {
            Message::Text(text) => Ok(Some(text)),
            Message::Ping(_) | Message::Pong(_) => Ok(None),
            Message::Close(Some(frame)) if frame.code == CloseCode::Again => {
                Err(Ended::SentAway(frame.reason.to_string()))
            }
            Message::Close(_) => Err(Ended::Closed),
            Message::Binary(_) | Message::Frame(_) => Err(Ended::Misbehaved("a message was not text")),
        }
    }

    /// The first text, which must come soon.
    pub(super) async fn hear_greeting(&mut self) -> Result<Utf8Bytes, Ended> {
        let (clock, limit) = (self.clock.clone(), self.liveness.greeting_time_max);
        let hearing = async {
            loop {
                if let Some(text) = self.hear().await? {
                    return Ok(text);
                }
            }
        };
        clock.within(limit, hearing).await.unwrap_or(Err(Ended::Silent))
    }

    /// When [`Wire::keep_alive`] is due.
    pub(super) fn due(&self) -> Moment {
        self.ping_at.min(self.heard_at + self.liveness.silence_max)
    }

    /// Asks for a sign of life when it is time, and gives up when there was none for too long. While nothing is read (`listening`
    /// is false) the other side cannot be blamed for its silence.
    pub(super) async fn keep_alive(&mut self, listening: bool) -> Result<(), Ended> {
        let now = self.clock.now();
        if !listening {
            self.heard_at = now;
        }
        if now.since(self.heard_at) >= self.liveness.silence_max {
            return Err(Ended::Silent);
        }
        if now >= self.ping_at {
            self.ping_at = now + self.liveness.ping_every;
            self.write(vec![Message::Ping(Bytes::new())]).await?;
        }
        Ok(())
    }

    /// Says why we go, if anybody listens, and goes.
    pub(super) async fn end(mut self, why: &Ended) {
        let Some(code) = why.code() else { return };
        // What is wrong with our own disk is no concern of the other side.
        let reason =
            if let Ended::Unavailable(_) = why { "the feed cannot be read".to_owned() } else { why.to_string() };
        let frame = CloseFrame { code, reason: reason.into() };
        let closing = self.socket.close(Some(frame));
        // It may be gone already.
        let _ = self.clock.within(CLOSE_TIME_MAX, closing).await;
    }
}

fn ended(error: Error) -> Ended {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Ended::Closed,
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Ended::TooLarge,
        Error::Utf8(_) => Ended::Misbehaved("a text was not UTF-8"),
        // A peer that was killed leaves without the closing words.
        Error::Protocol(tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            Ended::Lost("it ended without a word".to_owned())
        }
        Error::Protocol(_) => Ended::Misbehaved("a frame was not as it must be"),
        other => Ended::Lost(other.to_string()),
    }
}
