//! The http probe: one GET on a connection of its own, judged by its status.
//!
//! Called by `probe`. The answer comes from whatever listens there, so it is bounded in every direction: headers by count and
//! size, body by what is read of it, time by the caller's timeout. Redirects are a pass (200 to 399), never followed: a probe
//! asks this instance and nobody else.

use crate::address;
use crate::probe::Turn;
use homeostat_vocabulary::ProbeFailure;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Uri, header};
use hyper_util::rt::TokioIo;
use std::io::ErrorKind;
use std::path::PathBuf;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

/// The most that is read of a body. An answer of which this much has come is an answer.
const BODY_BYTES_READ_MAX: usize = 4 * 1024;

/// The largest head that is read; the least the library allows.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// The most headers that are read.
const HEADERS_MAX: usize = 100;

/// What is asked for, ready to send.
#[derive(Clone, Debug)]
pub struct HttpTarget {
    at: Listener,
    authority: String,
    path: String,
}

/// Where the asked listens.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Listener {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

/// Either kind of connection.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl HttpTarget {
    /// Reads `http://HOST:PORT/PATH`, where the port is 80 when it is not named, or `unix:SOCKET:/PATH`, which only our own parts
    /// are asked by.
    pub fn parse(url: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{url:?} cannot be asked: {why}");
        if let Some((socket, path)) = url.strip_prefix("unix:").and_then(|rest| rest.rsplit_once(":/")) {
            let at = Listener::Unix(PathBuf::from(socket));
            return Ok(Self { at, authority: "localhost".to_owned(), path: format!("/{path}") });
        }
        let uri: Uri = url.parse().map_err(|error| wrong(&format!("{error}")))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("only http:// is spoken"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let at = Listener::Tcp { host, port: authority.port_u16().unwrap_or(80) };
        Ok(Self { at, authority: authority.to_string(), path })
    }

    async fn connect(&self, turn: &Turn) -> Result<Box<dyn Stream>, ProbeFailure> {
        match &self.at {
            Listener::Tcp { host, port } => Ok(Box::new(address::connect(host, *port, turn).await?)),
            Listener::Unix(socket) => match UnixStream::connect(socket).await {
                Ok(stream) => Ok(Box::new(stream)),
                // Like a closed port: whoever listened is gone, or not there yet.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                    Err(ProbeFailure::Refused)
                }
                Err(error) => Err(ProbeFailure::other(&error.to_string())),
            },
        }
    }

    /// Asks once.
    pub async fn ask(&self, turn: &Turn) -> Result<(), ProbeFailure> {
        let stream = self.connect(turn).await?;
        let mut builder = hyper::client::conn::http1::Builder::new();
        builder.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
        let (mut sender, connection) =
            builder.handshake(TokioIo::new(stream)).await.map_err(|error| failure(&error))?;
        let request = Request::get(self.path.as_str())
            .header(header::HOST, self.authority.as_str())
            .header(header::USER_AGENT, "homeostat-probe")
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|error| ProbeFailure::other(&error.to_string()))?;
        let exchange = async move {
            let answer = sender.send_request(request).await.map_err(|error| failure(&error))?;
            judge(answer).await
        };
        let mut connection = std::pin::pin!(connection);
        let mut exchange = std::pin::pin!(exchange);
        // Both run in this task, so that a probe that is given up takes its connection along.
        tokio::select! {
            biased;
            verdict = &mut exchange => verdict,
            // The connection may end before the last of the answer was looked at: what has come still counts.
            _ = &mut connection => exchange.await,
        }
    }
}

async fn judge(answer: hyper::Response<Incoming>) -> Result<(), ProbeFailure> {
    let code = answer.status().as_u16();
    if !(200..400).contains(&code) {
        return Err(ProbeFailure::Status { code });
    }
    let mut body = answer.into_body();
    let mut read = 0;
    while read < BODY_BYTES_READ_MAX {
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|error| failure(&error))?;
        // Trailers count too, or a server that sends nothing else could keep the loop fed.
        read += frame.data_ref().map_or(1, Bytes::len).max(1);
    }
    Ok(())
}

fn failure(error: &hyper::Error) -> ProbeFailure {
    // hyper keeps the cause beside its own words: "connection error" alone says nothing.
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    ProbeFailure::other(&text)
}

#[cfg(test)]
mod tests {
    use super::{HttpTarget, Listener};

    #[test]
    fn only_plain_urls_with_a_host_are_targets() {
        // A check of an address that cannot be asked must say why, each time.
        let target = HttpTarget::parse("http://[::1]:8080/health?full=1").expect("a plain url");
        let at = Listener::Tcp { host: "::1".to_owned(), port: 8080 };
        assert_eq!((target.at, target.path.as_str()), (at, "/health?full=1"));
        let target = HttpTarget::parse("unix:/run/it.sock:/v1/status").expect("a socket and a path");
        assert_eq!((target.at, target.path.as_str()), (Listener::Unix("/run/it.sock".into()), "/v1/status"));
        assert_eq!(HttpTarget::parse("http://localhost").expect("no path").path, "/");
        for bad in ["", "/health", "https://localhost/", "http://", "http://a b/", "localhost:80/x"] {
            assert!(HttpTarget::parse(bad).is_err(), "{bad:?}");
        }
    }
}
