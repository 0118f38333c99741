//! Writes a service's output into log files of bounded size, line by line, each with its time and where it came from.
//!
//! Used by the shim alone; read back by [`crate::logs`]. Always holds: no more than the bounded number of bytes is on disk,
//! a disk that takes nothing neither stops the service nor the shim, and what was lost for it is counted.

use crate::logs::{LABEL_SHIM, file_name, files};
use crate::record::LogBounds;
use homeostat_vocabulary::Timestamp;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Lines longer than this are written in pieces.
const LINE_BYTES_MAX: usize = 8 << 10;

/// Lines are gathered up to this size and then written at once.
const BUFFER_BYTES: usize = 32 << 10;

/// The newest of an instance's log files, open for writing.
pub struct LogWriter {
    folder: PathBuf,
    bounds: LogBounds,
    number: u64,
    file: File,
    file_bytes: u64,
    buffer: Vec<u8>,
    buffered_lines: u64,
    /// The text of the last time written, as most lines share it with the one before.
    stamp: (Timestamp, String),
    lost_lines: u64,
}

impl LogWriter {
    /// Goes on where the life before left off.
    pub fn open(folder: &Path, bounds: LogBounds) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let number = files(folder)?.last().copied().unwrap_or(1);
        let file = File::options().read(true).append(true).create(true).open(folder.join(file_name(number)))?;
        let file_bytes = file.metadata()?.len();
        let mut writer = Self {
            folder: folder.to_owned(),
            bounds,
            number,
            file,
            file_bytes,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            buffered_lines: 0,
            stamp: (Timestamp(0), Timestamp(0).to_string()),
            lost_lines: 0,
        };
        // A shim that was killed may have left half a line.
        if file_bytes > 0 && !writer.ends_with_line()? {
            writer.buffer.push(b'\n');
        }
        Ok(writer)
    }

    /// Adds a line of the shim's own.
    pub fn note(&mut self, text: &str) {
        self.piece(LABEL_SHIM, "", text.as_bytes());
    }

    /// Adds a line, or with `mark` a piece of one.
    fn piece(&mut self, label: &str, mark: &str, text: &[u8]) {
        if self.buffer.len() + text.len() + 64 > BUFFER_BYTES {
            self.flush();
        }
        let now = super::now();
        if now != self.stamp.0 {
            self.stamp = (now, now.to_string());
        }
        for part in [self.stamp.1.as_bytes(), b" ", label.as_bytes(), mark.as_bytes(), b" ", text, b"\n"] {
            self.buffer.extend_from_slice(part);
        }
        self.buffered_lines += 1;
    }

    /// Writes what was gathered.
    pub fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let written = self.write();
        if written.is_err() {
            self.lost_lines += self.buffered_lines;
        }
        self.buffer.clear();
        self.buffered_lines = 0;
    }

    fn write(&mut self) -> io::Result<()> {
        if self.file_bytes > 0 && self.file_bytes + self.buffer.len() as u64 > self.bounds.file_bytes_max {
            self.begin_file()?;
        }
        if self.lost_lines > 0 {
            let notice = format!("\n{} {LABEL_SHIM} {} lines could not be written\n", super::now(), self.lost_lines);
            self.file.write_all(notice.as_bytes())?;
            self.file_bytes += notice.len() as u64;
            self.lost_lines = 0;
        }
        self.file.write_all(&self.buffer)?;
        self.file_bytes += self.buffer.len() as u64;
        Ok(())
    }

    /// Old files go before the new one comes: on a full disk that is what makes room.
    fn begin_file(&mut self) -> io::Result<()> {
        let next = self.number + 1;
        for old in files(&self.folder)? {
            if old + u64::from(self.bounds.files_max) <= next {
                fs::remove_file(self.folder.join(file_name(old)))?;
            }
        }
        let path = self.folder.join(file_name(next));
        self.file = File::options().read(true).append(true).create(true).open(path)?;
        self.number = next;
        self.file_bytes = self.file.metadata()?.len();
        Ok(())
    }

    fn ends_with_line(&self) -> io::Result<bool> {
        let mut last = [0];
        self.file.read_exact_at(&mut last, self.file_bytes - 1)?;
        Ok(last == *b"\n")
    }
}

/// Cuts one stream of output into lines.
pub struct Lines {
    label: &'static str,
    part: Vec<u8>,
    waiting_since: Option<Instant>,
}

impl Lines {
    /// Of the stream called `label` in the log.
    pub fn of(label: &'static str) -> Self {
        Self { label, part: Vec::new(), waiting_since: None }
    }

    /// Since when part of a line waits for its rest.
    pub fn waiting_since(&self) -> Option<Instant> {
        self.waiting_since
    }

    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, bytes: &[u8], log: &mut LogWriter) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(end) if self.part.is_empty() => self.whole(end, log),
                Some(end) => {
                    self.part.extend_from_slice(end);
                    let line = std::mem::take(&mut self.part);
                    self.whole(&line, log);
                    self.part = line;
                    self.part.clear();
                }
                None => self.part.extend_from_slice(line),
            }
        }
        while self.part.len() >= LINE_BYTES_MAX {
            log.piece(self.label, "+", &self.part[..LINE_BYTES_MAX]);
            self.part.drain(..LINE_BYTES_MAX);
        }
        self.waiting_since = if self.part.is_empty() { None } else { self.waiting_since.or(Some(Instant::now())) };
    }

    /// Writes down what waits for its rest, as a piece.
    pub fn finish(&mut self, log: &mut LogWriter) {
        if !self.part.is_empty() {
            log.piece(self.label, "+", &self.part);
            self.part.clear();
        }
        self.waiting_since = None;
    }

    fn whole(&self, line: &[u8], log: &mut LogWriter) {
        let mut rest = line;
        while rest.len() > LINE_BYTES_MAX {
            let (piece, behind) = rest.split_at(LINE_BYTES_MAX);
            log.piece(self.label, "+", piece);
            rest = behind;
        }
        log.piece(self.label, "", rest);
    }
}
