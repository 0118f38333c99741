//! Asks the running engine: HTTP/1 over the unix socket in the data folder.
//!
//! Called by every verb that needs an engine. Always holds: a request has a deadline, an answer has a bound, and what the
//! engine refuses is passed on with the engine's own code and hint. A read whose connection broke is asked again a few times
//! within the deadline; an order never is, because an engine that went silent may have begun with it.

use crate::error::{CliError, Exit, shown};
use crate::say;
use homeostat_api::{connect, socket_path};
use homeostat_reactor::Clock;
use homeostat_resilience::{Call, Failure, Retry, RetrySettings, Verdict};
use homeostat_vocabulary::{Sentence, sentence::Argument};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long the engine may take to answer. Its API gives up on an engine that hangs before this, and says so better.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(15);

/// Times that a read is asked at most, and the shortest pause between: an engine that is replaced is away for about so long.
const READS_MAX: u32 = 4;
const READ_PAUSE_MIN_MS: u64 = 100;

/// The largest answer that is taken in.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Whether it went well, the status, and the body.
type Exchanged = (bool, u16, Bytes);

/// A way to the engine of one data folder. Each request is a connection of its own: the next one may meet the next engine.
pub struct Client {
    data_folder: PathBuf,
    runtime: tokio::runtime::Runtime,
    clock: Clock,
    again: Retry,
}

impl Client {
    /// The way to the engine of `data_folder`, whether one runs or not.
    pub fn new(data_folder: &Path) -> Result<Self, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| CliError::failed(say::reaching_engine(shown(data_folder)), &error))?;
        let clock = Clock::machine();
        let settings =
            RetrySettings { attempts_max: READS_MAX, pause_min_ms: READ_PAUSE_MIN_MS, ..RetrySettings::default() };
        let again = Retry::builder("engine", &clock).settings(settings).build();
        Ok(Self { data_folder: data_folder.to_owned(), runtime, clock, again })
    }

    /// Where the engine listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket_path(&self.data_folder)
    }

    /// Asks for something.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.ask(Method::GET, path, Vec::new())
    }

    /// Asks the engine to do something.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CliError> {
        let body = serde_json::to_vec(body).expect("a request has a JSON form");
        self.ask(Method::POST, path, body)
    }

    /// The process id of the engine that answers; the kernel says it, not the engine.
    pub fn engine_pid(&self) -> Result<Option<i32>, CliError> {
        let connected = self.runtime.block_on(connect(&self.data_folder));
        let stream = connected.map_err(|error| self.unreachable(&error))?;
        Ok(stream.peer_cred().ok().and_then(|peer| peer.pid()))
    }

    /// Whether an engine takes connections.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.runtime.block_on(connect(&self.data_folder)).is_ok()
    }

    fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> Result<T, CliError> {
        let call = if method == Method::GET { Call::idempotent() } else { Call::default() };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .expect("paths are made of names that need no escape");
        let call = call.within(ANSWER_WAIT_MAX, &self.clock);
        let exchanged = self.runtime.block_on(self.again.call(&call, advise, |_| self.exchange(request.clone())));
        let silent = |reason: Sentence| CliError::Silent { socket: self.socket(), reason: reason.into() };
        let (ok, status, body) = exchanged.map_err(|failure| match failure {
            Failure::Inner(error) => error,
            Failure::Refused(_) => silent(say::no_answer_within(ANSWER_WAIT_MAX.as_secs())),
        })?;
        if !ok {
            return Err(refusal(status, &body));
        }
        // An answer without content is as good as a JSON null.
        let body: &[u8] = if body.is_empty() { b"null" } else { &body };
        serde_json::from_slice(body).map_err(|error| silent(say::unreadable_answer(path, error.to_string())))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Exchanged, CliError> {
        let stream = connect(&self.data_folder).await.map_err(|error| self.unreachable(&error))?;
        let broken = |error: &dyn std::fmt::Display| CliError::Silent {
            socket: self.socket(),
            reason: error.to_string().into(),
        };
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| broken(&error))?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| broken(&error))?.to_bytes();
            Ok((status.is_success(), status.as_u16(), body))
        };
        // The connection moves the bytes; it ends when the exchange lets go of it, or breaks, and then the exchange says so.
        let moved = async {
            let _ = connection.await;
            std::future::pending().await
        };
        tokio::select! {
            answer = exchange => answer,
            never = moved => never,
        }
    }

    fn unreachable(&self, error: &io::Error) -> CliError {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                CliError::Unreachable { socket: self.socket() }
            }
            _ => CliError::Silent { socket: self.socket(), reason: error.to_string().into() },
        }
    }
}

/// Only a connection that broke says nothing. That no engine is there is an answer, and so is whatever the engine says.
const fn advise(exchanged: &Result<Exchanged, CliError>) -> Verdict {
    match exchanged {
        Err(CliError::Silent { .. }) => Verdict::Failed,
        _ => Verdict::Ignored,
    }
}

/// The engine's problem document as an error of ours.
fn refusal(status: u16, body: &[u8]) -> CliError {
    const UNAVAILABLE: u16 = 503;
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| problem[name].as_str().map(homeostat_story::plain).filter(|text| !text.is_empty());
    let code = text("code");
    let exit = match code.as_deref() {
        Some(code) if code.starts_with("H05") => Exit::Refused,
        _ if status == UNAVAILABLE => Exit::Unreachable,
        _ => Exit::Findings,
    };
    let said = text("detail").or_else(|| text("title"));
    let what = said.map_or_else(|| say::engine_answered(status).into(), Argument::Text);
    let remedy = code.as_deref().and_then(remedy_here).map(Argument::from).or_else(|| text("hint").map(Argument::Text));
    CliError::Engine { code, what, remedy, exit }
}

/// What to type about a problem whose hint speaks of addresses, which whoever types commands does not use.
fn remedy_here(code: &str) -> Option<Sentence> {
    Some(match code {
        "H0424" => say::list_names(),
        "H0427" => say::see_action(),
        _ => return None,
    })
}
