//! What a connection is refused or ended for, each with its status and a sentence for the person who reads the answer. The server
//! side of both protocols uses it; the gateway counts it by [`Refusal::label`].
//!
//! What always holds: the sentences are ours alone; nothing of the request is echoed, so nothing has to be escaped.

use bytes::Bytes;
use http::StatusCode;
use thiserror::Error;

use crate::chunk::ChunkError;
use crate::head::{FieldError, ScanError};

/// Why a request or a connection was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A line ends in LF alone.
    #[error("a line ends in a bare line feed; every line of a head must end in CR LF")]
    BareLineFeed,
    /// More than one empty line before the request line.
    #[error("empty lines stand before the request line")]
    EmptyLine,
    /// The first line is not method, target and version with one space between.
    #[error("the request line is malformed")]
    RequestLine,
    /// The version is not 1.0 or 1.1.
    #[error("this version of HTTP is not spoken here")]
    Version,
    /// The method is longer than any method.
    #[error("this method is not known here")]
    Method,
    /// CONNECT, and not for a WebSocket over HTTP/2: this is no forward proxy.
    #[error("CONNECT is not served but for a WebSocket over HTTP/2: this is no forward proxy")]
    Connect,
    /// The target has a character that must be escaped, a fragment, or a form that is not served.
    #[error("the request target is malformed")]
    Target,
    /// The request line is longer than the limit of the head.
    #[error("the request target is too long")]
    TargetTooLong,
    /// The target names another host than the Host header.
    #[error("the request target and the Host header name different hosts")]
    HostMismatch,
    /// There is no Host header, or more than one, or it is no host.
    #[error("there must be exactly one valid Host header")]
    Host,
    /// A header line is folded over several lines.
    #[error("a header line is folded")]
    Folded,
    /// A header name is no token.
    #[error("a header name is malformed")]
    FieldName,
    /// A header value has a control character.
    #[error("a header value has a control character")]
    FieldValue,
    /// More headers than the limit.
    #[error("there are too many headers")]
    TooManyFields,
    /// The head is longer than the limit.
    #[error("the head of the request is too long")]
    HeadTooLong,
    /// Content-Length is given more than once, or is no plain number.
    #[error("Content-Length must be given once, in digits")]
    ContentLength,
    /// Transfer-Encoding is something else than one `chunked`.
    #[error("Transfer-Encoding must be `chunked`, once and alone")]
    TransferEncoding,
    /// Transfer-Encoding names a coding that exists and is not served.
    #[error("no transfer coding but `chunked` is served")]
    TransferCoding,
    /// Both Content-Length and Transfer-Encoding.
    #[error("Content-Length and Transfer-Encoding must not come together")]
    LengthAndEncoding,
    /// The `Connection` header names a header that no hop may take away.
    #[error("the Connection header names a header that no hop may take away")]
    ConnectionNames,
    /// Expect asks for something else than `100-continue`.
    #[error("no expectation but `100-continue` is served")]
    Expectation,
    /// The body is longer than the limit.
    #[error("the body of the request is too long")]
    BodyTooLong,
    /// The chunked body is malformed.
    #[error("the chunked body is malformed")]
    Chunk,
    /// The trailer section is malformed, too long, or has fields that must stand in the head.
    #[error("the trailers of the request are malformed")]
    Trailers,
    /// The head took too long.
    #[error("the head of the request took too long")]
    HeadTimeout,
    /// The body came too slowly.
    #[error("the body of the request came too slowly")]
    BodyTimeout,
    /// The client read the answer too slowly.
    #[error("the answer was read too slowly")]
    WriteTimeout,
    /// The handler gave the next part of its answer too late.
    #[error("the answer stalled")]
    AnswerTimeout,
    /// The handler's answer ended in an error, or did not match its own length.
    #[error("the answer broke off")]
    AnswerBroken,
    /// The client left before its answer was complete.
    #[error("the client left before its answer was complete")]
    ClientGone,
    /// The TLS handshake failed or took too long.
    #[error("the TLS handshake failed")]
    TlsHandshake,
    /// The PROXY protocol header is missing, malformed, late, or from a hop that is not trusted.
    #[error("the PROXY protocol header was not accepted")]
    ProxyHeader,
    /// The listener has as many connections as its limit allows.
    #[error("the listener has no room for more connections")]
    TooManyConnections,
    /// The HTTP/2 connection was ended for what the peer did.
    #[error("the HTTP/2 connection was ended for what the peer sent")]
    Http2,
    /// A WebSocket was asked for over HTTP/2, and the answer was good but no WebSocket.
    #[error("what was asked for is no WebSocket")]
    WebSocket,
}

impl Refusal {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 35] = [
        Self::BareLineFeed,
        Self::EmptyLine,
        Self::RequestLine,
        Self::Version,
        Self::Method,
        Self::Connect,
        Self::Target,
        Self::TargetTooLong,
        Self::HostMismatch,
        Self::Host,
        Self::Folded,
        Self::FieldName,
        Self::FieldValue,
        Self::TooManyFields,
        Self::HeadTooLong,
        Self::ContentLength,
        Self::TransferEncoding,
        Self::TransferCoding,
        Self::LengthAndEncoding,
        Self::ConnectionNames,
        Self::Expectation,
        Self::BodyTooLong,
        Self::Chunk,
        Self::Trailers,
        Self::HeadTimeout,
        Self::BodyTimeout,
        Self::WriteTimeout,
        Self::AnswerTimeout,
        Self::AnswerBroken,
        Self::ClientGone,
        Self::TlsHandshake,
        Self::ProxyHeader,
        Self::TooManyConnections,
        Self::Http2,
        Self::WebSocket,
    ];

    /// Its place among [`ALL`](Self::ALL), for counters.
    pub const fn number(self) -> usize {
        self as usize
    }

    /// The status of the answer; none where no answer makes sense any more.
    pub fn status(self) -> Option<StatusCode> {
        Some(match self {
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Method | Self::Connect | Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::TooManyFields | Self::HeadTooLong => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::WebSocket => StatusCode::BAD_GATEWAY,
            Self::BodyTooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadTimeout | Self::BodyTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::WriteTimeout
            | Self::AnswerTimeout
            | Self::AnswerBroken
            | Self::ClientGone
            | Self::TlsHandshake
            | Self::ProxyHeader
            | Self::TooManyConnections
            | Self::Http2 => return None,
            _ => StatusCode::BAD_REQUEST,
        })
    }

    /// A short name for counters: one word, from a closed list.
    pub fn label(self) -> &'static str {
        match self {
            Self::BareLineFeed => "bare_line_feed",
            Self::EmptyLine => "empty_line",
            Self::RequestLine => "request_line",
            Self::Version => "version",
            Self::Method => "method",
            Self::Connect => "connect",
            Self::Target => "target",
            Self::TargetTooLong => "target_too_long",
            Self::HostMismatch => "host_mismatch",
            Self::Host => "host",
            Self::Folded => "folded",
            Self::FieldName => "field_name",
            Self::FieldValue => "field_value",
            Self::TooManyFields => "too_many_fields",
            Self::HeadTooLong => "head_too_long",
            Self::ContentLength => "content_length",
            Self::TransferEncoding => "transfer_encoding",
            Self::TransferCoding => "transfer_coding",
            Self::LengthAndEncoding => "length_and_encoding",
            Self::ConnectionNames => "connection_names",
            Self::Expectation => "expectation",
            Self::BodyTooLong => "body_too_long",
            Self::Chunk => "chunk",
            Self::Trailers => "trailers",
            Self::HeadTimeout => "head_timeout",
            Self::BodyTimeout => "body_timeout",
            Self::WriteTimeout => "write_timeout",
            Self::AnswerTimeout => "answer_timeout",
            Self::AnswerBroken => "answer_broken",
            Self::ClientGone => "client_gone",
            Self::TlsHandshake => "tls_handshake",
            Self::ProxyHeader => "proxy_header",
            Self::TooManyConnections => "too_many_connections",
            Self::Http2 => "http2",
            Self::WebSocket => "websocket",
        }
    }

    /// The answer's body: problem details (RFC 9457).
    pub fn problem(self, status: StatusCode) -> Bytes {
        let title = status.canonical_reason().unwrap_or("refused");
        let code = status.as_u16();
        let body = format!(
            "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{code},\"detail\":\"{self}\",\"reason\":\"{}\"}}\n",
            self.label()
        );
        Bytes::from(body)
    }
}

impl From<ScanError> for Refusal {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::BareLineFeed => Self::BareLineFeed,
            ScanError::EmptyLine => Self::EmptyLine,
        }
    }
}

impl From<FieldError> for Refusal {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Folded => Self::Folded,
            FieldError::Name => Self::FieldName,
            FieldError::Value => Self::FieldValue,
            FieldError::TooMany => Self::TooManyFields,
        }
    }
}

impl From<ChunkError> for Refusal {
    fn from(error: ChunkError) -> Self {
        match error {
            ChunkError::Trailers | ChunkError::TrailersTooLong => Self::Trailers,
            ChunkError::Size
            | ChunkError::LineEnd
            | ChunkError::Extension
            | ChunkError::ExtensionTooLong
            | ChunkError::DataEnd => Self::Chunk,
        }
    }
}
