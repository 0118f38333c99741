//! Heads of requests and answers, as pure functions over bytes: where one ends, what it says, how its body is framed, and back to
//! bytes. The connections call these; nothing here reads, waits or knows a socket.

mod encode;
mod fields;
mod framing;
mod host;
mod request;
mod response;
mod scan;
mod target;

pub use encode::{Framed, Sent, request as encode_request, response as encode_response, trailers as encode_trailers};
pub use fields::{FieldError, parse as parse_fields, trim};
pub(crate) use framing::parse_length;
pub use framing::{Framing, is_forbidden_in_trailers};
pub use host::{HostError, is_valid as is_valid_host};
pub use request::{HeadLimits, RequestHead, parse};
pub(crate) use request::{find_end as request_end, read as read_request};
pub use response::{AnswerError, ResponseHead, parse_response};
pub(crate) use response::{find_end as response_end, read as read_response};
pub use scan::{Scan, ScanError};
pub use target::check as check_target;
