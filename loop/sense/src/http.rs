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

/// The most that is read of a body. An answer of which this much has come is an answer.
const BODY_BYTES_READ_MAX: usize = 4 * 1024;

/// The largest head that is read; the least the library allows.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// The most headers that are read.
const HEADERS_MAX: usize = 100;

/// What is asked for, ready to send.
#[derive(Clone, Debug)]
pub struct HttpTarget {
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl HttpTarget {
    /// Reads `http://HOST:PORT/PATH`; the port is 80 when it is not named.
    pub fn parse(url: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{url:?} cannot be asked: {why}");
        let uri: Uri = url.parse().map_err(|error| wrong(&format!("{error}")))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("only http:// is spoken"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { host, port: authority.port_u16().unwrap_or(80), authority: authority.to_string(), path })
    }

    /// Asks once.
    pub async fn ask(&self, turn: &Turn) -> Result<(), ProbeFailure> {
        let stream = address::connect(&self.host, self.port, turn).await?;
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
    use super::HttpTarget;

    #[test]
    fn only_plain_urls_with_a_host_are_targets() {
        // A check of an address that cannot be asked must say why, each time.
        let target = HttpTarget::parse("http://[::1]:8080/health?full=1").expect("a plain url");
        assert_eq!((target.host.as_str(), target.port, target.path.as_str()), ("::1", 8080, "/health?full=1"));
        assert_eq!(HttpTarget::parse("http://localhost").expect("no path").path, "/");
        for bad in ["", "/health", "https://localhost/", "http://", "http://a b/", "localhost:80/x"] {
            assert!(HttpTarget::parse(bad).is_err(), "{bad:?}");
        }
    }
}
