//! The file, and the files of the folder `conf.d` beside it in the order of their names.

use super::Layers;
use crate::code::Code;
use crate::place::{Medium, Place, SourceText};
use crate::problem::Problem;
use crate::say;
use crate::tree::{Node, Value};
use homeostat_vocabulary::Sentence;
use homeostat_vocabulary::sentence::Argument;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A configuration is written by people; a larger file is a mistake, and is not read into memory.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// As many files may stand in `conf.d`.
const FILES_MAX: usize = 200;
/// As many syntax errors of one file are shown: after the first few they are consequences of each other.
const SYNTAX_ERRORS_MAX: usize = 10;

/// The file and those of its `conf.d`, in the order of reading.
pub fn all_of(path: &Path, layers: &mut Layers) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new("")).join("conf.d");
    let mut files = vec![path.to_owned()];
    // No such folder, as usual, or one that cannot be listed: the latter is said, for somebody expects it to count.
    match std::fs::read_dir(if folder.as_os_str().is_empty() { Path::new("conf.d") } else { &folder }) {
        Ok(entries) => {
            let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
            let mut more: Vec<PathBuf> =
                paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
            more.sort();
            if more.len() > FILES_MAX {
                let message = say::too_many_files(folder.display().to_string(), FILES_MAX);
                layers.problems.push(Problem::new(Code::Unreadable, message, say::put_together()));
                more.truncate(FILES_MAX);
            }
            files.append(&mut more);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            let message = say::folder_unlisted(folder.display().to_string(), error.to_string());
            layers.problems.push(Problem::new(Code::Unreadable, message, say::make_readable()));
        }
    }
    layers.files.push(folder);
    files
}

/// Reads one file and lays it over what is there.
pub fn read(path: &Path, rank: usize, layers: &mut Layers) {
    layers.files.push(path.to_owned());
    match read_bounded(path) {
        Ok(bytes) => read_bytes(path, bytes, rank, layers),
        Err((reason, help)) => {
            let message = say::file_unreadable(path.display().to_string(), reason);
            layers.problems.push(Problem::new(Code::Unreadable, message, help));
            layers.is_torn = true;
        }
    }
}

/// Reads what stands in a file, or will.
pub fn read_bytes(path: &Path, bytes: Vec<u8>, rank: usize, layers: &mut Layers) {
    let medium = Medium::File(path.to_owned());
    let source = match String::from_utf8(bytes) {
        Ok(text) => SourceText::new(medium, rank, text),
        Err(error) => {
            let valid_up_to = error.utf8_error().valid_up_to();
            let source = SourceText::new(medium, rank, String::from_utf8_lossy(error.as_bytes()).into_owned());
            // Up to the first wrong byte the lossy text is the same.
            let place = Place::new(&source, valid_up_to..valid_up_to + char::REPLACEMENT_CHARACTER.len_utf8());
            let problem = Problem::new(Code::Syntax, say::not_utf8(), say::save_as_utf8());
            layers.problems.push(problem.at(Some(place.clone()), say::at_byte()));
            layers.torn_at.push(place);
            layers.is_torn = true;
            source
        }
    };
    if !matches!(layers.tree.place.source.medium(), Medium::File(_)) {
        // Problems of the configuration as a whole are shown at the beginning of the first file.
        layers.tree.place = Place::new(&source, 0..0);
        layers.tree.key_place = layers.tree.place.clone();
    }
    let (table, errors) = DeTable::parse_recoverable(source.full());
    report_syntax(&errors, &source, layers);
    let whole = Place::whole(&source);
    layers.tree.overlay(Node { value: from_table(table.get_ref(), &source), place: whole.clone(), key_place: whole });
}

/// One error a line and one of a kind: the others are nearly always consequences of these.
fn report_syntax(errors: &[toml::de::Error], source: &Arc<SourceText>, layers: &mut Layers) {
    let mut lines = BTreeSet::new();
    let mut messages = BTreeSet::new();
    for error in errors {
        // An error without a place is about the end of the file.
        let end = source.full().len();
        let place = Place::new(source, error.span().unwrap_or(end..end));
        layers.torn_at.push(place.clone());
        layers.is_torn = true;
        let said = error.message().lines().next().unwrap_or_default();
        let is_new = lines.insert(place.line_and_column().0) & messages.insert(said.to_owned());
        if is_new && messages.len() <= SYNTAX_ERRORS_MAX {
            let problem = Problem::new(Code::Syntax, say::not_toml(said), syntax_help(said, place.text_from_line()));
            layers.problems.push(problem.at(Some(place), say::at_here()));
        }
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, (Argument, Sentence)> {
    let unread = |error: std::io::Error| (error.to_string().into(), say::check_path());
    let file = std::fs::File::open(path).map_err(unread)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unread)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err((say::too_large().into(), say::split_file()));
    }
    Ok(bytes)
}

fn syntax_help(message: &str, text: &str) -> Sentence {
    let value = text.lines().next().and_then(|line| line.split_once('=')).map_or("", |(_, value)| value.trim_start());
    // The parser takes `./server` for a number; whoever wrote it has forgotten the quotes.
    let lacks_quotes = value.starts_with(|c: char| c.is_alphabetic() || matches!(c, '.' | '/' | '~' | '$'));
    if message.contains("duplicate key") {
        say::say_once()
    } else if lacks_quotes || message.contains("quoted") || message.contains("literal") || message.contains("string") {
        say::quote_text()
    } else {
        say::see_page()
    }
}

fn from_table(table: &DeTable<'_>, source: &Arc<SourceText>) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let key_place = Place::new(source, key.span());
        (key.get_ref().to_string(), from_value(value, key_place, source))
    });
    Value::Table(entries.collect::<BTreeMap<_, _>>())
}

/// A parsed value with its places.
pub fn from_value(value: &Spanned<DeValue<'_>>, key_place: Place, source: &Arc<SourceText>) -> Node {
    let place = Place::new(source, value.span());
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => Value::Integer(integer),
            Err(_) => Value::Foreign(say::a_large_number()),
        },
        DeValue::Float(float) => match float.as_str().parse() {
            Ok(float) => Value::Float(float),
            Err(_) => Value::Foreign(say::a_non_number()),
        },
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(_) => Value::Foreign(say::a_date()),
        DeValue::Array(list) => {
            Value::List(list.iter().map(|item| from_value(item, Place::new(source, item.span()), source)).collect())
        }
        DeValue::Table(table) => from_table(table, source),
    };
    Node { place, key_place, value }
}
