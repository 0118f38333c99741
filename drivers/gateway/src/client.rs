//! One question to the gateway's control: HTTP/1.1 over its unix socket, a connection for each question.
//!
//! Called by [`crate::Link`] and by the wiring. Always holds: an answer has a deadline and a bound; the gateway may be dead, hang or
//! answer nonsense, and each of these is an error, told apart by its text only.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;

/// The largest answer that is taken in: ten thousand endpoints are two megabytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// How long an answer may take that need not wait for anything.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// As much of a refusal's text is passed on.
const REFUSAL_BYTES_MAX: usize = 4_096;

/// A way to the gateway that listens on one socket, whether one runs or not. Its copies go the same way.
#[derive(Clone, Debug)]
pub struct Client {
    socket: Arc<Mutex<PathBuf>>,
}

/// Why there was no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unreachable {
    /// Nobody answers in time, or not in HTTP.
    #[error("the gateway does not answer: {0}")]
    Silent(String),
    /// It answers, and not with what was asked for.
    #[error("the gateway answered {status}: {text}")]
    Refused {
        /// The status.
        status: u16,
        /// The beginning of its text.
        text: String,
    },
}

/// The answer to an order to read the settings again.
#[derive(Deserialize)]
struct Reloaded {
    changed: bool,
}

impl Client {
    /// The way to the gateway on `socket`.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: Arc::new(Mutex::new(socket.into())) }
    }

    /// From now on it listens there, as its settings say.
    pub fn follow(&self, socket: PathBuf) {
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = socket;
    }

    /// Asks, and waits up to `patience` longer than an answer takes: for questions that wait for news.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, patience: Duration) -> Result<T, Unreachable> {
        read(&self.exchange(Method::GET, path, Bytes::new(), patience).await?)
    }

    /// Orders something that has no answer but that it was done.
    pub async fn put(&self, path: &str, body: &impl Serialize) -> Result<(), Unreachable> {
        let body = serde_json::to_vec(body).expect("plain data always has a JSON form");
        self.exchange(Method::PUT, path, body.into(), Duration::ZERO).await.map(drop)
    }

    /// Orders something.
    pub async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, Unreachable> {
        read(&self.exchange(Method::POST, path, Bytes::from_static(b"{}"), Duration::ZERO).await?)
    }

    /// Has it read its settings again; one that does not answer reads them when it starts.
    pub async fn reload(&self) {
        match self.post::<Reloaded>("/v1/reload").await {
            Ok(Reloaded { changed }) => tracing::info!(changed, "the gateway has read its settings again"),
            Err(error) => tracing::warn!(%error, "the gateway goes on with the settings before"),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        patience: Duration,
    ) -> Result<Bytes, Unreachable> {
        let within = ANSWER_WITHIN + patience;
        let answered = tokio::time::timeout(within, self.ask(method, path, body)).await;
        let (status, text) = answered.map_err(|_| Unreachable::Silent(format!("nothing came within {within:?}")))??;
        if status.is_success() {
            return Ok(text);
        }
        let text = String::from_utf8_lossy(&text[..text.len().min(REFUSAL_BYTES_MAX)]);
        let text = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        Err(Unreachable::Refused { status: status.as_u16(), text })
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<(StatusCode, Bytes), Unreachable> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stream = UnixStream::connect(socket).await.map_err(|error| Unreachable::Silent(error.to_string()))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| silent(&error))?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "gateway")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|error| Unreachable::Silent(error.to_string()))?;
        let exchange = async move {
            let answer = sender.send_request(request).await.map_err(|error| silent(&error))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| Unreachable::Silent(error.to_string()))?;
            Ok((status, body.to_bytes()))
        };
        let (mut connection, mut exchange) = (std::pin::pin!(connection), std::pin::pin!(exchange));
        // Both run in this task, so that a question that is given up takes its connection along.
        tokio::select! {
            biased;
            answer = &mut exchange => answer,
            // The connection may end before the last of the answer was looked at.
            _ = &mut connection => exchange.await,
        }
    }
}

fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Unreachable> {
    serde_json::from_slice(text).map_err(|error| Unreachable::Silent(format!("its answer cannot be read: {error}")))
}

fn silent(error: &hyper::Error) -> Unreachable {
    Unreachable::Silent(error.to_string())
}
