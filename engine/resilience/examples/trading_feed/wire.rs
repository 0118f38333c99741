//! What goes over the wire between the client and an exchange, and how: JSON in WebSocket messages.
//!
//! Used by both sides. A message that cannot be read ends the connection: whoever sends one cannot be trusted with the next.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_async_with_config, client_async_with_config};

/// Messages here are one short object; a longer one is a mistake.
const MESSAGE_BYTES_MAX: usize = 4_096;

/// One side of a connection.
pub type Socket = WebSocketStream<TcpStream>;

/// The client's own number of an order, by which both sides know it. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderId(pub u64);

/// From the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ToExchange {
    /// Every tick from now on.
    Subscribe,
    /// The price now, and its number.
    Snapshot,
    /// To buy one at this price.
    Order {
        /// Its number.
        id: OrderId,
        /// The price.
        cents: u64,
    },
    /// What became of an order. One that has not arrived by now shall be refused if it still does.
    Settle {
        /// Its number.
        id: OrderId,
    },
}

/// From the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FromExchange {
    /// The price moved.
    Tick(Quote),
    /// The price now.
    Snapshot(Quote),
    /// The order was taken.
    Taken,
    /// It was not, and never will be.
    Refused,
    /// There is no room for it now; nothing was done.
    Busy,
}

/// A price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Numbered without a gap by the exchange.
    pub number: u64,
    /// The price.
    pub cents: u64,
    /// How old it was when it was sent, by the exchange's own clock. An age and not an instant: two clocks never agree.
    pub age_ms: u64,
    /// Over all of the above.
    pub checksum: u64,
}

impl Quote {
    /// With its checksum.
    pub fn new(number: u64, cents: u64, age: Duration) -> Self {
        let age_ms = age.as_millis() as u64;
        Self { number, cents, age_ms, checksum: checksum([number, cents, age_ms]) }
    }

    /// Whether it arrived as it was sent.
    pub fn is_sound(&self) -> bool {
        self.checksum == checksum([self.number, self.cents, self.age_ms])
    }
}

/// Each value is mixed in by multiplying with a large odd number. Folded to 32 bits, which every reader of JSON can hold.
fn checksum(values: [u64; 3]) -> u64 {
    let sum = values.into_iter().fold(7, |sum: u64, value| (sum ^ value).wrapping_mul(0x2545_f491_4f6c_dd1d));
    (sum >> 32) ^ (sum & 0xffff_ffff)
}

/// The connection is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection has ended")]
pub struct Ended;

fn limits() -> Option<WebSocketConfig> {
    let config = WebSocketConfig::default();
    Some(config.max_message_size(Some(MESSAGE_BYTES_MAX)).max_frame_size(Some(MESSAGE_BYTES_MAX)))
}

/// Connects to an exchange.
pub async fn connect(address: SocketAddr) -> Result<Socket, Ended> {
    let stream = TcpStream::connect(address).await.map_err(|_| Ended)?;
    // An order is one small packet that must not wait for company.
    stream.set_nodelay(true).map_err(|_| Ended)?;
    let shake = client_async_with_config(format!("ws://{address}/"), stream, limits());
    shake.await.map(|(socket, _)| socket).map_err(|_| Ended)
}

/// Takes a client in.
pub async fn accept(stream: TcpStream) -> Result<Socket, Ended> {
    stream.set_nodelay(true).map_err(|_| Ended)?;
    accept_async_with_config(stream, limits()).await.map_err(|_| Ended)
}

/// Sends a message.
pub async fn say<M: Serialize>(socket: &mut Socket, message: &M) -> Result<(), Ended> {
    let text = serde_json::to_string(message).expect("these messages can be written as JSON");
    socket.send(Message::text(text)).await.map_err(|_| Ended)
}

/// The next message. Dropped, it loses none.
pub async fn hear<M: DeserializeOwned>(socket: &mut Socket) -> Result<M, Ended> {
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).map_err(|_| Ended),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(_) | Err(_)) | None => return Err(Ended),
        }
    }
}
