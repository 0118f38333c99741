//! What the log says of a request.

use crate::request_id::RequestId;
use homeostat_vocabulary::Timestamp;
use std::net::IpAddr;
use std::time::Duration;

/// What the log says of a request. What is empty or none is left out of the line.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// When it came.
    pub at: Timestamp,
    /// Who asked.
    pub client: IpAddr,
    /// Its method.
    pub method: &'a str,
    /// The host that was asked for.
    pub host: &'a str,
    /// Its path; a query would be cut off.
    pub path: &'a str,
    /// `1.1` or `2`.
    pub protocol: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of the answer's body that were sent.
    pub bytes: u64,
    /// From the head of the request to the end of the answer.
    pub duration: Duration,
    /// The route that took it.
    pub route: &'a str,
    /// The upstream that it went to.
    pub upstream: &'a str,
    /// The endpoint whose answer it was.
    pub endpoint: &'a str,
    /// How many attempts were made.
    pub attempts: u32,
    /// What the cache had: `hit`, `stale`, `revalidated`, `miss`, `pass` (it had no say), or `shared` (an equal request was under way).
    pub cache: &'a str,
    /// The code of the gateway's own error.
    pub code: &'a str,
    /// The name of the caller, where it is known.
    pub caller: &'a str,
    /// What the client calls itself.
    pub agent: &'a str,
    /// The id of the request.
    pub request_id: RequestId,
    /// The trace, where it is sampled.
    pub trace_id: Option<u128>,
}
