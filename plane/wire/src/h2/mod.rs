//! HTTP/2 to clients, by hyper. What is ours are the limits against floods, the rules that both protocols share, and the end of
//! idle and drained connections.

mod bounded;
mod connection;
mod extended;
mod opening;
mod request;
mod tally;

pub(crate) use connection::serve_h2;
