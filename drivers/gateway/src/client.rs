//! One question to the gateway's control: HTTP/1.1 over its unix socket, a connection for each question.
//!
//! Called by [`crate::Link`] and by the wiring. Always holds: an answer has a deadline and a bound; the gateway may be dead, hang or
//! answer nonsense, and each of these is an error, told apart by its text only.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;

/// The largest answer that is taken in: ten thousand endpoints are two megabytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The longest line of an answer that goes on and on: one request, with a path of as many bytes as a head may have.
const LINE_BYTES_MAX: usize = 256 << 10;

/// How long an answer may take that need not wait for anything.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// As much of a refusal's text is passed on.
const REFUSAL_BYTES_MAX: usize = 4_096;

/// When an order to read the settings again is repeated that got lost, at first and at most: soon for a gateway that was busy, seldom
/// for one that keeps refusing.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(1);
const TOLD_AGAIN_AFTER_MAX: Duration = Duration::from_secs(15);

/// A way to the gateway that listens on one socket, whether one runs or not. Its copies go the same way.
#[derive(Clone, Debug)]
pub struct Client {
    way: Arc<Mutex<Way>>,
}

#[derive(Debug)]
struct Way {
    socket: PathBuf,
    /// Counts the orders to read the settings again: only the last is repeated.
    reloads: u64,
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
        Self { way: Arc::new(Mutex::new(Way { socket: socket.into(), reloads: 0 })) }
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Has it read its settings again, by which it listens on `socket` from then on. An order that gets lost is repeated beside, until
    /// the gateway answers or there is another order; it is asked where it was until then, or it would be taken for gone.
    pub async fn reload(&self, socket: PathBuf) {
        let number = {
            let mut way = self.way();
            way.reloads += 1;
            way.reloads
        };
        match self.reload_once(&socket, number).await {
            Ok(changed) => tracing::info!(changed, "the gateway has read its settings again"),
            Err(error) => {
                tracing::warn!(%error, "the gateway goes on with the settings before, until it can be told");
                let client = self.clone();
                tokio::spawn(async move { client.reload_until_heard(&socket, number).await });
            }
        }
    }

    /// Hands every line of an answer that goes on and on to `take`, until that wants no more (false) or the gateway ends it. However
    /// long nothing comes: whoever has waited enough drops this.
    pub async fn watch(&self, path: &str, mut take: impl FnMut(&[u8]) -> bool) -> Result<(), Unreachable> {
        self.ask(Method::GET, path, Bytes::new(), async |answer: Response<Incoming>| {
            let status = answer.status();
            let mut body = answer.into_body();
            if !status.is_success() {
                let text = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
                return Err(refused(status, &text.map(http_body_util::Collected::to_bytes).unwrap_or_default()));
            }
            let mut line = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| silent(&error))?;
                for piece in frame.into_data().unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
                    if line.len() + piece.len() > LINE_BYTES_MAX {
                        return Err(Unreachable::Silent("a line of its answer has no end".to_owned()));
                    }
                    line.extend_from_slice(piece);
                    if line.last() == Some(&b'\n') && !take(&std::mem::take(&mut line)) {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
        .await
    }

    async fn reload_until_heard(&self, socket: &Path, number: u64) {
        let mut wait = TOLD_AGAIN_AFTER;
        while self.way().reloads == number {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(TOLD_AGAIN_AFTER_MAX);
            // One that has started since listens where its settings say. Its answer is as good.
            let started_since = Self::new(socket);
            if self.reload_once(socket, number).await.is_ok()
                || (started_since.reload_once(socket, 0).await.is_ok() && self.follow(socket, number))
            {
                tracing::info!("the gateway has read its settings after all");
                return;
            }
        }
    }

    async fn reload_once(&self, socket: &Path, number: u64) -> Result<bool, Unreachable> {
        let Reloaded { changed } = self.post("/v1/reload").await?;
        self.follow(socket, number);
        Ok(changed)
    }

    /// From now on it listens there, unless a later order says otherwise.
    fn follow(&self, socket: &Path, number: u64) -> bool {
        let mut way = self.way();
        let is_last = way.reloads == number;
        if is_last {
            socket.clone_into(&mut way.socket);
        }
        is_last
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        patience: Duration,
    ) -> Result<Bytes, Unreachable> {
        let within = ANSWER_WITHIN + patience;
        let whole = async |answer: Response<Incoming>| {
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let text = body.map_err(|error| Unreachable::Silent(error.to_string()))?.to_bytes();
            if status.is_success() { Ok(text) } else { Err(refused(status, &text)) }
        };
        let answered = tokio::time::timeout(within, self.ask(method, path, body, whole)).await;
        answered.map_err(|_| Unreachable::Silent(format!("nothing came within {within:?}")))?
    }

    async fn ask<T>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        take: impl AsyncFnOnce(Response<Incoming>) -> Result<T, Unreachable>,
    ) -> Result<T, Unreachable> {
        let socket = self.way().socket.clone();
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
        let exchange = async move { take(sender.send_request(request).await.map_err(|error| silent(&error))?).await };
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

/// What it says instead of what was asked for, with nothing in it that could move a terminal.
fn refused(status: StatusCode, text: &[u8]) -> Unreachable {
    let text = String::from_utf8_lossy(&text[..text.len().min(REFUSAL_BYTES_MAX)]);
    let text = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    Unreachable::Refused { status: status.as_u16(), text }
}

fn silent(error: &hyper::Error) -> Unreachable {
    Unreachable::Silent(error.to_string())
}
