//! A list of keys in a file: what was asked for most before a restart, to be fetched first after it.
//!
//! One key a line, the most frequent first, with everything that is no plain letter escaped. Written beside and renamed, so that a
//! crash leaves the old list or the new one. What is read is taken for hostile: lines, their length and the whole are bounded, and
//! what cannot be read is left out. Fetching them, at a pace that does no harm, is the caller's part.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use crate::frequent::FREQUENT_MAX;

/// The first line: what kind of file this is.
const FIRST_LINE: &str = "homeostat-cache keys 1";

/// Longer keys are not written, nor read.
const KEY_BYTES_MAX: usize = 8 * 1_024;

/// An escaped byte takes three.
const LINE_BYTES_MAX: u64 = 3 * KEY_BYTES_MAX as u64 + 1;

/// Writes keys to a file, in place of what was there.
///
/// # Errors
/// When the file cannot be written; what was there stays.
pub fn write_keys<'a>(path: &Path, keys: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    let beside = path.with_extension("part");
    let mut file = BufWriter::new(File::create(&beside)?);
    writeln!(file, "{FIRST_LINE}")?;
    for key in keys.into_iter().filter(|key| key.len() <= KEY_BYTES_MAX).take(FREQUENT_MAX) {
        writeln!(file, "{}", escaped(key))?;
    }
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

/// Reads such a file: an iterator over its keys, the most frequent first, at most [`FREQUENT_MAX`].
///
/// # Errors
/// When there is no such file, or it is of another kind.
pub fn read_keys(path: &Path) -> io::Result<Keys> {
    let mut file = BufReader::new(File::open(path)?);
    match line(&mut file)? {
        Some(first) if first == FIRST_LINE.as_bytes() => Ok(Keys { file, left: FREQUENT_MAX }),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a list of cache keys")),
    }
}

/// The keys of a list; made by [`read_keys`].
#[derive(Debug)]
pub struct Keys {
    file: BufReader<File>,
    left: usize,
}

impl Iterator for Keys {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while self.left > 0 {
            self.left -= 1;
            // A file that breaks off, or has a line without an end, is over: the rest is worth less than the risk.
            let line = line(&mut self.file).ok()??;
            if let Some(key) = unescaped(&line) {
                return Some(key);
            }
        }
        None
    }
}

/// The next line without its end; `None` at the end, or when it is too long.
fn line(file: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    file.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    Ok(if line.pop() == Some(b'\n') { Some(line) } else { None })
}

fn escaped(key: &str) -> String {
    let mut escaped = String::with_capacity(key.len());
    for byte in key.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02x}"));
        }
    }
    escaped
}

fn unescaped(line: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    (bytes.len() <= KEY_BYTES_MAX).then_some(())?;
    String::from_utf8(bytes).ok()
}
