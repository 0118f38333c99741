//! What goes over the wire: the headers of a request and the body of an answer, the same for every subject.
//!
//! A body begins with a checksum that belongs to the request; whether an answer is right is for whoever knows the request to say,
//! never for a status.

use hyper::body::Bytes;

use super::draw;

/// Carries the number of a request: every proxy passes it on, so that backends can tell attempts at the same request.
pub const REQUEST_ID: &str = "x-document";
/// Carries how important a request is.
pub const PRIORITY: &str = "x-priority";
/// The size of an answer: a small document.
pub const BODY_BYTES: usize = 512;
/// An answer is read up to this size.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

const DRAW_CHECKSUM: u64 = 31;
/// What the rest of a body is made of.
const FILLER: u8 = b'.';

/// The right answer to a request, or a wrong one that looks like it.
pub fn body(request: u64, is_right: bool) -> Bytes {
    let mut text = format!("{:016x}", checksum(request) ^ u64::from(!is_right)).into_bytes();
    text.resize(BODY_BYTES, FILLER);
    text.into()
}

/// Whether this is the right answer to the request.
pub fn is_right(request: u64, body: &[u8]) -> bool {
    body.len() == BODY_BYTES && body.starts_with(format!("{:016x}", checksum(request)).as_bytes())
}

fn checksum(request: u64) -> u64 {
    draw::number(&[DRAW_CHECKSUM, request])
}

#[cfg(test)]
mod tests {
    use super::*;

    // Would break: a wrong body that counts as an answer.
    #[test]
    fn only_the_right_body_is_right() {
        assert!(is_right(7, &body(7, true)));
        assert!(!is_right(7, &body(7, false)));
        assert!(!is_right(7, &body(8, true)));
        assert!(!is_right(7, &body(7, true)[..100]));
    }
}
