//! The head of a request: however it is cut, it is read alike; what is accepted has one framing for every reader, and written again it
//! says the same.

use bytes::Bytes;
use homeostat_wire::Refusal;
use homeostat_wire::head::{Framed, Framing, HeadLimits, RequestHead, Scan, encode_request, parse};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Version};

/// Small, so that the limits are met as well.
pub const LIMITS: HeadLimits = HeadLimits { bytes_max: 1_024, fields_max: 16 };

type Parsed = Result<Option<(RequestHead, usize)>, Refusal>;

/// Checks one input.
pub fn check(input: &[u8]) {
    let input = Bytes::copy_from_slice(input);
    let whole = parse(&input, &mut Scan::default(), &LIMITS);
    for piece in [1, 7] {
        same(&whole, &in_pieces(&input, piece));
    }
    let Ok(Some((head, used))) = whole else { return };
    assert!(used <= LIMITS.bytes_max, "the head is longer than its limit");
    let simple = SimpleHead::read(&input[..used]);
    simple.judge(head.framing, head.request.version());
    assert!(simple.values("host").count() <= 1, "more than one host");
    assert!(head.request.headers().get_all(HOST).iter().count() <= 1, "more than one host is passed on");
    written_again(&head);
}

fn in_pieces(input: &Bytes, piece: usize) -> Parsed {
    let mut scan = Scan::default();
    let mut end = 0;
    loop {
        end = input.len().min(end + piece);
        match parse(&input.slice(..end), &mut scan, &LIMITS) {
            Ok(None) if end < input.len() => {}
            decided => return decided,
        }
    }
}

fn same(whole: &Parsed, pieces: &Parsed) {
    match (whole, pieces) {
        (Ok(None), Ok(None)) | (Err(_), Err(_)) => {}
        (Ok(Some((one, length))), Ok(Some((other, same_length)))) => {
            assert_eq!(length, same_length, "the head ends elsewhere when it comes in pieces");
            assert_eq!((one.framing, one.keep_alive), (other.framing, other.keep_alive));
            assert_eq!(one.request.uri(), other.request.uri());
            assert_eq!(one.request.headers(), other.request.headers());
        }
        _ => panic!("in one piece {whole:?}, in pieces {pieces:?}"),
    }
}

fn written_again(head: &RequestHead) {
    let framed = match head.framing {
        Framing::Length(length) => Framed::Length(length),
        Framing::Chunked => Framed::Chunked,
        Framing::None | Framing::Close => Framed::None,
    };
    let own = "192.0.2.1:80".parse().expect("an address");
    let mut written = Vec::new();
    encode_request(&head.request, framed, &own, &mut written);
    let written = Bytes::from(written);
    let roomy = HeadLimits { bytes_max: 16 * 1_024, fields_max: 64 };
    let again = parse(&written, &mut Scan::default(), &roomy);
    let Ok(Some((again, used))) = again else { panic!("what was accepted is not when written again: {again:?}") };
    assert_eq!(used, written.len(), "what is written is more than one head");
    assert_eq!(again.framing, head.framing, "the framing changes when the head is written again");
    assert_eq!(again.request.method(), head.request.method());
    assert_eq!(again.request.uri(), head.request.uri());
    assert_eq!(lasting(again.request.headers()), lasting(head.request.headers()));
}

/// The fields without those that are a hop's own, and without a host, which may have been added.
pub fn lasting(fields: &HeaderMap) -> HeaderMap {
    let mut lasting = fields.clone();
    for name in [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING] {
        lasting.remove(name);
    }
    lasting
}

/// A head as a simple-minded reader takes it: lines at every line feed, names up to the colon, whatever stands around them.
pub struct SimpleHead(Vec<(String, Vec<u8>)>);

impl SimpleHead {
    /// Reads an accepted head; what two readers would take apart differently must not be in it.
    pub fn read(block: &[u8]) -> Self {
        for (at, byte) in block.iter().enumerate() {
            match byte {
                b'\r' => assert_eq!(block.get(at + 1), Some(&b'\n'), "a bare carriage return passed"),
                b'\n' => assert!(at > 0 && block[at - 1] == b'\r', "a bare line feed passed"),
                0 => panic!("a zero byte passed"),
                _ => {}
            }
        }
        let lines = block.split(|byte| *byte == b'\n').skip(1).filter(|line| !line.trim_ascii().is_empty());
        Self(lines.map(Self::field).collect())
    }

    fn field(line: &[u8]) -> (String, Vec<u8>) {
        let colon = line.iter().position(|byte| *byte == b':').expect("a line without a colon passed");
        let name = String::from_utf8_lossy(&line[..colon]).trim().to_ascii_lowercase();
        (name, line[colon + 1..].trim_ascii().to_vec())
    }

    /// The values of a field.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// The framing that was read is the only one that these fields can mean.
    pub fn judge(&self, framing: Framing, version: Version) {
        let lengths: Vec<&[u8]> = self.values("content-length").collect();
        let codings: Vec<&[u8]> = self.values("transfer-encoding").collect();
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) => assert!(matches!(framing, Framing::None | Framing::Close), "{framing:?} out of nothing"),
            ([length], []) => {
                let text = std::str::from_utf8(length).expect("digits");
                assert!(text.bytes().all(|byte| byte.is_ascii_digit()), "the length {text:?} passed");
                let length: u64 = text.parse().expect("a length that was accepted is a number");
                let silent = matches!(framing, Framing::None);
                assert!(silent || framing == Framing::Length(length), "{framing:?} with the length {length}");
            }
            ([], [coding]) => {
                assert!(coding.eq_ignore_ascii_case(b"chunked") && version == Version::HTTP_11, "{coding:?} passed");
                assert!(matches!(framing, Framing::None | Framing::Chunked), "{framing:?} with chunks");
            }
            _ => panic!("two framings passed"),
        }
    }
}
