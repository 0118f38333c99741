//! A chunked body: however it is cut, it is read alike; what is accepted says the same to two simple-minded readers, one of which ends
//! lines at any line feed; and written again it is the same.

use bytes::Bytes;
use homeostat_wire::chunk::{CHUNK_END, Decoder, LAST_CHUNK, Step, encode_size};
use homeostat_wire::head::{encode_trailers, is_forbidden_in_trailers, parse_fields};

/// Small, so that the limit is met as well.
const TRAILER_BYTES_MAX: usize = 64;

#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    data: Vec<u8>,
    trailers: Vec<u8>,
    /// Where the next message begins, once the end was seen.
    end: Option<usize>,
    is_refused: bool,
}

/// Checks one input.
pub fn check(input: &[u8]) {
    let whole = read(input, input.len().max(1));
    for piece in [1, 3] {
        assert_eq!(whole, read(input, piece), "cut into pieces of {piece}");
    }
    let Some(end) = whole.end else { return };
    for is_lenient in [false, true] {
        let seen = simple(&input[..end], is_lenient);
        let (data, rest) = seen.expect("what was accepted is a chunked body to others");
        assert_eq!(data, whole.data, "others see other data (lenient: {is_lenient})");
        assert_eq!(rest, whole.trailers, "others see other trailers");
    }
    let mut written = Vec::new();
    if !whole.data.is_empty() {
        encode_size(whole.data.len(), &mut written);
        written.extend([&whole.data, CHUNK_END].concat());
    }
    written.extend_from_slice(LAST_CHUNK);
    let block = Bytes::from(whole.trailers);
    let fields = parse_fields(&block, 0, 16).unwrap_or_default();
    encode_trailers(&fields, &mut written);
    // Written with spaces that a sender left out, they may need more room than they came with.
    let again = read_within(&written, written.len(), usize::MAX);
    assert_eq!((again.data, again.end), (whole.data, Some(written.len())), "written again it is another body");
    let kept = parse_fields(&Bytes::from(again.trailers), 0, 16).expect("what we write are fields");
    assert!(!kept.keys().any(is_forbidden_in_trailers), "a field that means something only in a head was passed on");
}

fn read(input: &[u8], piece: usize) -> Read {
    read_within(input, piece, TRAILER_BYTES_MAX)
}

fn read_within(input: &[u8], piece: usize, trailer_bytes_max: usize) -> Read {
    let mut decoder = Decoder::new(trailer_bytes_max);
    let (mut read, mut buffer, mut taken) = (Read::default(), Vec::new(), 0);
    for piece in input.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            let used = match decoder.step(&buffer) {
                Ok(Step::More { used }) => {
                    buffer.drain(..used);
                    taken += used;
                    break;
                }
                Ok(Step::Data { start, end }) => {
                    assert!(start < end, "data without a byte: the reader would never come on");
                    read.data.extend_from_slice(&buffer[start..end]);
                    end
                }
                Ok(Step::End { trailers, used }) => {
                    read.trailers.extend_from_slice(&buffer[trailers..used]);
                    read.end = Some(taken + used);
                    assert!(decoder.is_done());
                    return read;
                }
                Err(_) => {
                    read.is_refused = true;
                    return read;
                }
            };
            buffer.drain(..used);
            taken += used;
        }
    }
    read
}

/// The data and what stands behind the last chunk; a lenient reader takes every line feed for the end of a line.
fn simple(mut input: &[u8], is_lenient: bool) -> Option<(Vec<u8>, Vec<u8>)> {
    let mark: &[u8] = if is_lenient { b"\n" } else { b"\r\n" };
    let mut data = Vec::new();
    loop {
        let at = input.windows(mark.len()).position(|window| window == mark)?;
        let line = std::str::from_utf8(input[..at].split(|byte| *byte == b';').next()?).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        input = &input[at + mark.len()..];
        if size == 0 {
            return Some((data, input.to_vec()));
        }
        data.extend_from_slice(input.get(..size)?);
        input = input[size..].strip_prefix(b"\r\n")?;
    }
}
