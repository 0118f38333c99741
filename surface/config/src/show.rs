//! `config show`: everything in effect, and where each value came from, as TOML that reads back and as JSON.
//!
//! Secrets are shown as the references they are written as; nothing else of them is ever held.

use crate::loaded::Loaded;
use crate::place::Origin;
use crate::tree::{Path, written_key};
use serde::Serialize;
use serde_json::Value;

/// Comments that say an origin begin here, unless the value is longer.
const COMMENT_COLUMN: usize = 44;

/// One value in effect.
#[derive(Clone, Debug, Serialize)]
pub struct Setting {
    /// Its key: `services.web.instances`.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Where it came from.
    pub origin: Origin,
    #[serde(skip)]
    path: Path,
}

impl Loaded {
    /// Every value in effect, in the order of the sections.
    #[must_use]
    pub fn effective(&self) -> Vec<Setting> {
        let mut sections = serde_json::to_value(&self.document).expect("sections always have a JSON form");
        if let Some(sections) = sections.as_object_mut() {
            // They are in effect where the services took them over.
            sections.shift_remove("defaults");
        }
        let mut settings = Vec::new();
        self.collect(&sections, &Path::default(), &mut settings);
        settings
    }

    fn collect(&self, value: &Value, path: &Path, settings: &mut Vec<Setting>) {
        match value {
            Value::Object(table) => {
                for (name, value) in table {
                    self.collect(value, &path.join(name), settings);
                }
            }
            // TOML has no word for nothing.
            Value::Null => {}
            leaf => {
                let origin = self.origins.get(path).cloned().unwrap_or(Origin::Default);
                settings.push(Setting { key: path.to_string(), value: leaf.clone(), origin, path: path.clone() });
            }
        }
    }

    /// Everything in effect as TOML; with `with_origin`, each line ends in a comment that says where it came from.
    #[must_use]
    pub fn show(&self, with_origin: bool) -> String {
        let mut text = String::new();
        let mut header = Vec::new();
        for setting in self.effective() {
            let names = &setting.path.0;
            let depth = if names.first().is_some_and(|name| name == "services") { 2 } else { 1 };
            if names[..depth] != header {
                header = names[..depth].to_vec();
                let gap = if text.is_empty() { "" } else { "\n" };
                text.push_str(&format!("{gap}[{}]\n", Path(header.clone())));
            }
            let key: Vec<String> = names[depth..].iter().map(|name| written_key(name)).collect();
            let line = format!("{} = {}", key.join("."), written_value(&setting.value));
            if with_origin {
                text.push_str(&format!("{line:<COMMENT_COLUMN$} # {}\n", setting.origin));
            } else {
                text.push_str(&format!("{line}\n"));
            }
        }
        text
    }

    /// The same for programs: nested values, or with `with_origin` a list of keys, values and origins.
    #[must_use]
    pub fn show_json(&self, with_origin: bool) -> Value {
        if with_origin {
            return serde_json::to_value(self.effective()).expect("settings always have a JSON form");
        }
        let mut sections = serde_json::to_value(&self.document).expect("sections always have a JSON form");
        if let Some(sections) = sections.as_object_mut() {
            sections.shift_remove("defaults");
        }
        sections
    }
}

/// A value as it is written in TOML; JSON's way of writing texts, numbers and lists is a part of TOML's.
pub fn written_value(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(written_value).collect::<Vec<_>>().join(", ")),
        Value::Object(table) => {
            let entries = table.iter().map(|(key, value)| format!("{} = {}", written_key(key), written_value(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        // JSON may write this control letter as it stands, TOML may not.
        plain => plain.to_string().replace('\u{7f}', "\\u007f"),
    }
}
