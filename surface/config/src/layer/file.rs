//! The file, and the files of the folder `conf.d` beside it in the order of their names.

use super::Layers;
use crate::code::Code;
use crate::place::{Medium, Place, SourceText};
use crate::problem::Problem;
use crate::tree::{Node, Value};
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
                let message = format!("{} has more than {FILES_MAX} files", folder.display());
                layers.problems.push(Problem::new(Code::Unreadable, message, "put several services in one file"));
                more.truncate(FILES_MAX);
            }
            files.append(&mut more);
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            let message = format!("the folder {} cannot be listed: {error}", folder.display());
            layers.problems.push(Problem::new(Code::Unreadable, message, "make it readable, or remove it"));
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
            let message = format!("{} cannot be read: {reason}", path.display());
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
            let problem = Problem::new(Code::Syntax, "the file is not UTF-8 text", "save the file as UTF-8");
            layers.problems.push(problem.at(Some(place.clone()), "this byte is not text"));
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
            let problem = Problem::new(
                Code::Syntax,
                format!("the file is not valid TOML: {said}"),
                syntax_help(said, place.text_from_line()),
            );
            layers.problems.push(problem.at(Some(place), "here"));
        }
    }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, (String, &'static str)> {
    let help = "check the path and its permissions, or write one with `homeostat init`";
    let file = std::fs::File::open(path).map_err(|error| (error.to_string(), help))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| (error.to_string(), help))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(("it is larger than 1 MiB".to_owned(), "split it into files of the folder conf.d"));
    }
    Ok(bytes)
}

fn syntax_help(message: &str, text: &str) -> &'static str {
    let value = text.lines().next().and_then(|line| line.split_once('=')).map_or("", |(_, value)| value.trim_start());
    // The parser takes `./server` for a number; whoever wrote it has forgotten the quotes.
    let lacks_quotes = value.starts_with(|c: char| c.is_alphabetic() || matches!(c, '.' | '/' | '~' | '$'));
    if message.contains("duplicate key") {
        "say it once; tables are opened once, and a key stands once in a table"
    } else if lacks_quotes || message.contains("quoted") || message.contains("literal") || message.contains("string") {
        "texts stand in double quotes: key = \"text\""
    } else {
        "see the page for how TOML is written"
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
            Err(_) => Value::Foreign("a number too large"),
        },
        DeValue::Float(float) => match float.as_str().parse() {
            Ok(float) => Value::Float(float),
            Err(_) => Value::Foreign("no number"),
        },
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(_) => Value::Foreign("a date"),
        DeValue::Array(list) => {
            Value::List(list.iter().map(|item| from_value(item, Place::new(source, item.span()), source)).collect())
        }
        DeValue::Table(table) => from_table(table, source),
    };
    Node { place, key_place, value }
}
