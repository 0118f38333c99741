//! The head of an answer: the first byte of an input chooses the method that was asked with, the rest is the head. What holds of heads of
//! requests holds of these.

use bytes::Bytes;
use homeostat_wire::head::{
    AnswerError, Framed, Framing, HeadLimits, ResponseHead, Scan, encode_response, parse_response,
};
use http::header::DATE;
use http::{Method, StatusCode, Version};

use crate::head::{LIMITS, SimpleHead, lasting};

type Parsed = Result<Option<(ResponseHead, usize)>, AnswerError>;

/// Checks one input.
pub fn check(input: &[u8]) {
    let Some((choice, input)) = input.split_first() else { return };
    let method = if *choice == b'H' { Method::HEAD } else { Method::GET };
    let input = Bytes::copy_from_slice(input);
    let whole = parse_response(&input, &mut Scan::default(), &LIMITS, &method);
    same(&whole, &byte_by_byte(&input, &method));
    let Ok(Some((head, used))) = whole else { return };
    let status = head.response.status();
    assert!(used <= LIMITS.bytes_max && (100..600).contains(&status.as_u16()));
    SimpleHead::read(&input[..used]).judge(head.framing, head.response.version());
    written_again(&head, &method);
}

fn byte_by_byte(input: &Bytes, method: &Method) -> Parsed {
    let mut scan = Scan::default();
    for end in 1..input.len() {
        match parse_response(&input.slice(..end), &mut scan, &LIMITS, method) {
            Ok(None) => {}
            decided => return decided,
        }
    }
    parse_response(input, &mut scan, &LIMITS, method)
}

fn same(whole: &Parsed, pieces: &Parsed) {
    match (whole, pieces) {
        (Ok(None), Ok(None)) | (Err(_), Err(_)) => {}
        (Ok(Some((one, length))), Ok(Some((other, same_length)))) => {
            assert_eq!((length, one.framing, one.keep_alive), (same_length, other.framing, other.keep_alive));
            assert_eq!(one.response.status(), other.response.status());
            assert_eq!(one.response.headers(), other.response.headers());
        }
        _ => panic!("in one piece {whole:?}, in pieces {pieces:?}"),
    }
}

fn written_again(head: &ResponseHead, method: &Method) {
    let status = head.response.status();
    let is_bare = status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let framed = match head.framing {
        Framing::Length(length) => Framed::Length(length),
        Framing::Chunked => Framed::Chunked,
        Framing::Close => Framed::Close,
        Framing::None if is_bare => Framed::None,
        Framing::None if *method == Method::HEAD => Framed::Described,
        Framing::None => Framed::Length(0),
    };
    let mut written = Vec::new();
    encode_response(&head.response, Version::HTTP_11, framed, true, b"Thu, 01 Jan 1970 00:00:00 GMT", &mut written);
    let written = Bytes::from(written);
    let roomy = HeadLimits { bytes_max: 16 * 1_024, fields_max: 64 };
    let again = parse_response(&written, &mut Scan::default(), &roomy, method);
    let Ok(Some((again, used))) = again else { panic!("what was accepted is not when written again: {again:?}") };
    assert_eq!(used, written.len(), "what is written is more than one head");
    assert_eq!((again.framing, again.response.status()), (head.framing, status));
    let (mut before, mut after) = (lasting(head.response.headers()), lasting(again.response.headers()));
    before.remove(DATE);
    after.remove(DATE);
    assert_eq!(before, after);
}
