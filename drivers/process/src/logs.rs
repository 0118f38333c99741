//! Reads what a service has written: the last lines, and what comes after them.
//!
//! Called by the command line and the API, also while no engine runs: the files are all there is. Never writes, and never
//! waits; whoever follows a log decides how often to look. What a service has written comes from outside: it may hold
//! control characters, and must not reach a terminal unfiltered.

use homeostat_vocabulary::InstanceId;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The label of lines the shim wrote itself.
pub(crate) const LABEL_SHIM: &str = "shim";

/// The most that is read at once, in bytes; a reader that lags takes several rounds.
const ROUND_BYTES_MAX: u64 = 1 << 20;

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was read from the service, as RFC 3339 in UTC.
    pub at: String,
    /// Where it came from.
    pub stream: Stream,
    /// True when the line was too long or too slow to be kept in one piece, and goes on with the next one of its stream.
    pub continues: bool,
    /// What was written, with invalid UTF-8 replaced.
    pub text: String,
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The service's standard output.
    Out,
    /// The service's standard error.
    Err,
    /// Homeostat itself: a life began or ended, lines were lost.
    Shim,
}

/// The last lines of an instance's log, at most `lines_max`, oldest first.
pub fn tail(data_folder: &Path, instance: &InstanceId, lines_max: usize) -> io::Result<Vec<LogLine>> {
    Ok(tail_and_follow(data_folder, instance, lines_max)?.0)
}

/// The last lines, and a reader for the ones that come after them: none is missed in between, none comes twice.
pub fn tail_and_follow(
    data_folder: &Path,
    instance: &InstanceId,
    lines_max: usize,
) -> io::Result<(Vec<LogLine>, Follower)> {
    let folder = crate::folder::log_folder(data_folder, instance);
    let numbers = files(&folder)?;
    let newest = numbers.last().copied().unwrap_or(0);
    let mut follower = Follower { folder: folder.clone(), number: newest, offset: 0 };
    let mut lines: Vec<LogLine> = Vec::new();
    for number in numbers.into_iter().rev() {
        let mut bytes = read_from(&folder, number, 0, u64::MAX)?;
        if number == newest {
            keep_whole_lines(&mut bytes);
            follower.offset = bytes.len() as u64;
        }
        let mut older = parse(&bytes, lines_max - lines.len());
        older.append(&mut lines);
        lines = older;
        if lines.len() >= lines_max {
            break;
        }
    }
    Ok((lines, follower))
}

/// Reads on where it stopped the last time.
#[derive(Debug)]
pub struct Follower {
    folder: PathBuf,
    /// The file read last; zero before there is one.
    number: u64,
    offset: u64,
}

impl Follower {
    /// The lines that have come since the last call; none when nothing has.
    pub fn next_lines(&mut self) -> io::Result<Vec<LogLine>> {
        let numbers = files(&self.folder)?;
        let mut bytes = read_from(&self.folder, self.number, self.offset, ROUND_BYTES_MAX)?;
        keep_whole_lines(&mut bytes);
        self.offset += bytes.len() as u64;
        let mut lines = parse(&bytes, usize::MAX);
        // A newer file means that nothing more comes into this one. Read the rest of it before going on.
        if bytes.is_empty()
            && let Some(next) = numbers.into_iter().find(|number| *number > self.number)
        {
            (self.number, self.offset) = (next, 0);
            lines = self.next_lines()?;
        }
        Ok(lines)
    }
}

/// The numbers of the log files in `folder`, oldest first.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.strip_suffix(".log")?.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The name of log file `number`.
pub(crate) fn file_name(number: u64) -> String {
    format!("{number:08}.log")
}

/// A file that was rotated away meanwhile reads as empty.
fn read_from(folder: &Path, number: u64, offset: u64, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut file = match File::open(folder.join(file_name(number))) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn keep_whole_lines(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1));
}

/// The last `lines_max` lines in `bytes`. A line that is not in our format, torn by a full disk, is left out.
fn parse(bytes: &[u8], lines_max: usize) -> Vec<LogLine> {
    let mut lines: Vec<LogLine> = bytes.rsplit(|byte| *byte == b'\n').filter_map(parse_line).take(lines_max).collect();
    lines.reverse();
    lines
}

fn parse_line(line: &[u8]) -> Option<LogLine> {
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let at = std::str::from_utf8(words.next()?).ok()?;
    let label = words.next()?;
    let continues = label.ends_with(b"+");
    let stream = match label.strip_suffix(b"+").unwrap_or(label) {
        b"out" => Stream::Out,
        b"err" => Stream::Err,
        b"shim" => Stream::Shim,
        _ => return None,
    };
    Some(LogLine {
        at: at.to_owned(),
        stream,
        continues,
        text: String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned(),
    })
}
