//! The layers a configuration is made of, from the lowest: built-in defaults, the file, `conf.d/`, plain variables,
//! `HOMEOSTAT__` variables, flags. Each is read into a tree whose values know their places, and laid over the ones below.
//!
//! The defaults are not a tree: they stand in the sections, and fill what no layer says.

mod file;
mod flag;
mod typed;
mod variable;

use crate::code::Code;
use crate::place::{Medium, Place, SourceText};
use crate::problem::Problem;
use crate::say;
use crate::source::Source;
use crate::tree::{Node, Value};
use homeostat_vocabulary::Sentence;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What all layers say together.
pub struct Layers {
    /// The merged tree.
    pub tree: Node,
    /// What was wrong with the reading itself.
    pub problems: Vec<Problem>,
    /// Whether a file could not be read in full, so that something may be missing from the tree.
    pub is_torn: bool,
    /// Where files are torn; what stands below it in the tree may be in the wrong place.
    pub torn_at: Vec<Place>,
    /// Files that were read, and the folder in which further ones would be.
    pub files: Vec<PathBuf>,
}

impl Layers {
    /// Whether a problem at this place can be a consequence of a tear.
    pub fn is_below_tear(&self, place: &Place) -> bool {
        let line = |place: &Place| place.line_and_column().0;
        self.torn_at.iter().any(|tear| Arc::ptr_eq(&tear.source, &place.source) && line(place) >= line(tear))
    }
}

/// Reads and merges all layers. With a `draft`, that text stands in for the file, and `conf.d` does not count.
pub fn read(source: &Source, schema: &serde_json::Value, draft: Option<&str>) -> Layers {
    let (problems, torn_at, files) = (Vec::new(), Vec::new(), Vec::new());
    let mut layers = Layers { tree: empty_tree(), problems, is_torn: false, torn_at, files };
    let mut rank = 0;
    match (&source.path, draft) {
        (Some(path), Some(text)) => {
            rank += 1;
            file::read_bytes(path, text.as_bytes().to_vec(), rank, &mut layers);
        }
        (Some(path), None) => {
            for path in file::all_of(path, &mut layers) {
                rank += 1;
                file::read(&path, rank, &mut layers);
            }
        }
        (None, _) => {}
    }
    rank = variable::read(source, schema, rank, &mut layers);
    flag::read(&source.overrides, schema, rank, &mut layers);
    layers
}

fn empty_tree() -> Node {
    let nowhere = Place::whole(&SourceText::new(Medium::Flag(String::new()), 0, String::new()));
    Node { place: nowhere.clone(), key_place: nowhere, value: Value::Table(BTreeMap::new()) }
}

/// One value at a path, with tables around it, all at one place.
fn nested(names: &[String], key_place: &Place, leaf: Node) -> Node {
    names.iter().rev().fold(leaf, |node, name| Node {
        place: key_place.clone(),
        key_place: key_place.clone(),
        value: Value::Table(BTreeMap::from([(name.clone(), node)])),
    })
}

fn bad_override(message: Sentence, help: Sentence, text: &Arc<SourceText>) -> Problem {
    Problem::new(Code::BadOverride, message, help).at(Some(Place::whole(text)), say::at_here())
}
