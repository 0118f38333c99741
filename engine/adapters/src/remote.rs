//! Where another side is: an address that we connect to.

use std::fmt;
use std::time::Duration;

use hyper::Uri;
use tokio::net::TcpStream;

use homeostat_reactor::Clock;

use crate::error::AdapterError;
use crate::token::Token;

/// How long a connection may take to be made: longer, and the other side is as good as away.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Another side: `http://host:port/path` or `ws://host:port/path`, and the token that opens it.
#[derive(Clone)]
pub struct Remote {
    pub(crate) uri: Uri,
    host: String,
    port: u16,
    pub(crate) token: Option<Token>,
}

impl Remote {
    /// Reads an address. Encrypted ones are refused: they belong to a proxy on this machine.
    pub fn new(url: &str) -> Result<Self, AdapterError> {
        let wrong = |reason| AdapterError::Url { url: without_secrets(url), reason };
        let uri: Uri = url.parse().map_err(|_| wrong("it is no address"))?;
        match uri.scheme_str() {
            Some("http" | "ws") => {}
            Some("https" | "wss") => return Err(wrong("it is encrypted; use a proxy that speaks TLS for you")),
            _ => return Err(wrong("it begins with neither http:// nor ws://")),
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("a user in an address would be shown in logs; use a token"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self { uri, host, port, token: None })
    }

    /// Bears a token.
    #[must_use]
    pub fn token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// An adapter cannot speak to it.
    #[cfg(feature = "http")]
    pub(crate) fn refused(&self, reason: &'static str) -> AdapterError {
        AdapterError::Url { url: without_secrets(&self.uri.to_string()), reason }
    }

    /// `host:port`, for the header of that name.
    pub(crate) fn authority(&self) -> &str {
        self.uri.authority().map_or(self.host.as_str(), hyper::http::uri::Authority::as_str)
    }

    pub(crate) async fn connect(&self, clock: &Clock) -> Result<TcpStream, String> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let stream = match clock.within(CONNECT_TIME_MAX, connecting).await {
            None => return Err(format!("{} did not answer within {CONNECT_TIME_MAX:?}", self.authority())),
            Some(Err(error)) => return Err(format!("{}: {error}", self.authority())),
            Some(Ok(stream)) => stream,
        };
        // Small messages that somebody waits for. A socket that cannot is slower, not wrong.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

/// As much of an address as may be shown: passwords stand before an `@`, keys behind a `?`.
fn without_secrets(url: &str) -> String {
    let shown = url.split(['?', '#']).next().unwrap_or_default();
    match (shown.split_once("://"), shown.rsplit_once('@')) {
        (_, None) => shown.to_owned(),
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        (None, Some((_, rest))) => rest.to_owned(),
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Remote({})", without_secrets(&self.uri.to_string()))
    }
}
