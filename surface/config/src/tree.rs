//! The merged tree: what all layers say together, each value with the place where it was said.
//!
//! Built by the layers, judged by the shape check, which takes out what is wrong, and then turned into the sections.

use crate::place::Place;
use crate::say;
use homeostat_vocabulary::Sentence;
use std::collections::BTreeMap;
use std::fmt;

/// A value and where it was said.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value's place; a table's is its header.
    pub place: Place,
    /// The place of the key it stands under.
    pub key_place: Place,
    /// The value.
    pub value: Value,
}

/// What can be said.
#[derive(Clone, Debug)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a point.
    Float(f64),
    /// A text.
    Text(String),
    /// A date or time, or a number beyond all bounds: nothing of ours is one.
    Foreign(Sentence),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(BTreeMap<String, Node>),
}

impl Value {
    /// How a person calls this kind of value.
    pub fn kind(&self) -> Sentence {
        match self {
            Self::Boolean(_) => say::a_boolean(),
            Self::Integer(_) => say::a_whole_number(),
            Self::Float(_) => say::a_point_number(),
            Self::Text(_) => say::a_text(),
            Self::Foreign(kind) => kind.clone(),
            Self::List(_) => say::a_list(),
            Self::Table(_) => say::a_table(),
        }
    }
}

impl Node {
    /// Lays `upper` over this: tables are merged key by key, everything else is replaced.
    pub fn overlay(&mut self, upper: Self) {
        match (&mut self.value, upper.value) {
            (Value::Table(below), Value::Table(above)) => {
                for (key, node) in above {
                    match below.get_mut(&key) {
                        Some(lower) => lower.overlay(node),
                        None => drop(below.insert(key, node)),
                    }
                }
            }
            (_, value) => *self = Self { value, ..upper },
        }
    }

    /// Lays this over `lower`: what this does not say is taken from there.
    pub fn fill_from(&mut self, lower: &Self) {
        if let (Value::Table(own), Value::Table(defaults)) = (&mut self.value, &lower.value) {
            for (key, default) in defaults {
                match own.get_mut(key) {
                    Some(node) => node.fill_from(default),
                    None => drop(own.insert(key.clone(), default.clone())),
                }
            }
        }
    }

    /// The table's entries; none when it is no table.
    pub fn entries(&self) -> impl Iterator<Item = (&String, &Self)> {
        let table = if let Value::Table(table) = &self.value { Some(table) } else { None };
        table.into_iter().flatten()
    }

    /// The table, to change it.
    pub fn table_mut(&mut self) -> Option<&mut BTreeMap<String, Self>> {
        if let Value::Table(table) = &mut self.value { Some(table) } else { None }
    }

    /// What stands under a key or at an index.
    pub fn child(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(table) => table.get(name),
            Value::List(list) => list.get(name.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// What stands at a path.
    pub fn at(&self, path: &Path) -> Option<&Self> {
        path.0.iter().try_fold(self, |node, name| node.child(name))
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// The same as JSON, from which the sections are read.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Boolean(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Foreign(_) => serde_json::Value::Null,
            Value::List(list) => list.iter().map(Self::to_json).collect(),
            Value::Table(table) => table.iter().map(|(key, node)| (key.clone(), node.to_json())).collect(),
        }
    }
}

/// The way to a value: `services.web.port`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(pub Vec<String>);

impl Path {
    /// The way one step further.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Self(names)
    }

    /// The way to a key of a service.
    pub fn of_service(service: &str, names: &[&str]) -> Self {
        Self(["services", service].iter().chain(names).map(|name| (*name).to_owned()).collect())
    }

    /// A way from its names.
    pub fn of(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// Whether this way leads through `other`.
    pub fn leads_through(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

/// A key as it must be written in TOML.
pub fn written_key(name: &str) -> String {
    let bare =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if bare { name.to_owned() } else { serde_json::Value::from(name).to_string() }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}{}", written_key(name))?;
        }
        Ok(())
    }
}
