//! Small changes to an input, from a seed: what the tests on stable Rust use in place of a fuzzer. The same seed gives the same changes.

/// Longer inputs slow the run down and tell nothing new.
const INPUT_BYTES_MAX: usize = 4_096;

/// Pieces that parsers turn on.
const PIECES: [&[u8]; 48] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b",",
    b";",
    b":",
    b"=",
    b"\"",
    b"\\",
    b"/",
    b"?",
    b"&",
    b"#",
    b"%",
    b"*",
    b"@",
    b"..",
    b"/../",
    b"/./",
    b"%2e",
    b"%2F",
    b"%00",
    b"%5c",
    b";q=0",
    b";q=0.5",
    b"q=1",
    b"\xff",
    b"\xc3\xa9",
    b"0",
    b"00",
    b"-1",
    b"+",
    b"18446744073709551616",
    b"\r\n\r\n",
    b"\r\nContent-Length: 5",
    b"Transfer-Encoding: chunked\r\n",
    b"Host: a\r\n",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"http://a.example/",
    b"[::1]",
    b":80",
    b"identity",
    b"max-age=",
    b"no-cache",
];

/// A source of changes (SplitMix64).
#[derive(Debug, Clone)]
pub struct Mutator(u64);

impl Mutator {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).expect("a length fits");
        usize::try_from(self.next() % bound).expect("less than a length")
    }

    /// One to four changes to one of these inputs, with parts of another.
    pub fn change(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(input.len() + 1);
            let end = at + self.below((input.len() - at).min(16) + 1);
            match self.below(8) {
                0 if at < input.len() => input[at] ^= 1 << self.below(8),
                1 => drop(input.drain(at..end)),
                2 => input.truncate(at),
                3 => {
                    let part = input[at..end].to_vec();
                    input.splice(at..at, part);
                }
                4 => {
                    let other = &corpus[self.below(corpus.len())];
                    let from = self.below(other.len() + 1);
                    let to = from + self.below((other.len() - from).min(64) + 1);
                    input.splice(at..end, other[from..to].iter().copied());
                }
                5 => {
                    let part: Vec<u8> = input.drain(at..end).collect();
                    let to = self.below(input.len() + 1);
                    input.splice(to..to, part);
                }
                _ => {
                    let piece = PIECES[self.below(PIECES.len())];
                    let end = if self.below(2) == 0 { at } else { end };
                    input.splice(at..end, piece.iter().copied());
                }
            }
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }
}
