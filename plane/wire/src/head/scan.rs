//! Finds where a head ends, over bytes that come in any pieces. Heads of requests and answers and trailer sections use it.
//!
//! What always holds: each byte is looked at once, however small the pieces (a head that comes byte by byte must not cost its
//! square), and a line feed without its carriage return is refused at once, not when the head is complete.

use memchr::memchr;
use thiserror::Error;

/// Why a head can be refused before it is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ScanError {
    /// A line ends in LF alone.
    #[error("a line ends in a bare line feed")]
    BareLineFeed,
    /// The first line is empty.
    #[error("the head begins with an empty line")]
    EmptyLine,
}

/// How far a head has been looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scan {
    looked_at: usize,
    line_start: usize,
    first_line: usize,
}

impl Scan {
    /// Where the head ends, with its empty line. The input is the same head as before, with more at its end.
    pub fn find_end(&mut self, input: &[u8]) -> Result<Option<usize>, ScanError> {
        while let Some(offset) = memchr(b'\n', &input[self.looked_at..]) {
            let feed = self.looked_at + offset;
            if feed == self.line_start || input[feed - 1] != b'\r' {
                return Err(ScanError::BareLineFeed);
            }
            if feed - 1 == self.line_start {
                return if feed == 1 { Err(ScanError::EmptyLine) } else { Ok(Some(feed + 1)) };
            }
            self.looked_at = feed + 1;
            self.line_start = feed + 1;
            if self.first_line == 0 {
                self.first_line = feed + 1;
            }
        }
        self.looked_at = input.len();
        Ok(None)
    }

    /// The length of the first line with its end, once it is complete.
    pub fn first_line(&self) -> Option<usize> {
        (self.first_line > 0).then_some(self.first_line)
    }
}
