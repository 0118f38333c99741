//! Fills `{port}`, `{port:NAME}`, `{instance}`, `{service}` and `{run}` in a command and in values of the environment.
//!
//! Called at each start. Braces around anything else stay as they are: an argument may well be JSON.

use homeostat_vocabulary::{InstanceId, RunId};
use std::collections::BTreeMap;

/// The name of the port that `{port}` stands for.
const UNNAMED_PORT: &str = "port";

/// What placeholders stand for in one life.
#[derive(Clone, Copy)]
pub struct Placeholders<'a> {
    /// Which instance.
    pub instance: &'a InstanceId,
    /// Which life.
    pub run: &'a RunId,
    /// Its ports by name.
    pub ports: &'a BTreeMap<String, u16>,
}

/// There is a placeholder for a port the service does not declare.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownPort(pub String);

impl Placeholders<'_> {
    /// `text` with its placeholders filled.
    pub fn fill(&self, text: &str) -> Result<String, UnknownPort> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            filled.push_str(before);
            let known = match behind.split_once('}') {
                Some((word, after)) => self.value(word)?.map(|value| (value, after)),
                None => None,
            };
            rest = match known {
                Some((value, after)) => {
                    filled.push_str(&value);
                    after
                }
                // Not ours: only the brace is passed over, for one of ours may stand inside.
                None => {
                    filled.push('{');
                    behind
                }
            };
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, word: &str) -> Result<Option<String>, UnknownPort> {
        Ok(Some(match word {
            "port" => self.port(UNNAMED_PORT)?,
            "instance" => self.instance.index.to_string(),
            "service" => self.instance.service.to_string(),
            "run" => self.run.to_string(),
            _ => match word.strip_prefix("port:") {
                Some(name) => self.port(name)?,
                None => return Ok(None),
            },
        }))
    }

    fn port(&self, name: &str) -> Result<String, UnknownPort> {
        self.ports.get(name).map(u16::to_string).ok_or_else(|| UnknownPort(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_placeholders_are_filled() {
        // A service given JSON as an argument would get it mangled.
        let (instance, run) = ("web/3".parse().expect("an instance"), "A7-x".parse().expect("a run"));
        let ports = BTreeMap::from([("port".to_owned(), 8080), ("admin".to_owned(), 9090)]);
        let placeholders = Placeholders { instance: &instance, run: &run, ports: &ports };
        let filled = |text| placeholders.fill(text).expect("known ports");
        assert_eq!(filled("--port={port} {port:admin}"), "--port=8080 9090");
        assert_eq!(filled("{service}-{instance}-{run}"), "web-3-A7-x");
        assert_eq!(filled(r#"{"port": {port}, "x": {}}{"#), r#"{"port": 8080, "x": {}}{"#);
        assert_eq!(placeholders.fill("{port:other}"), Err(UnknownPort("other".to_owned())));
    }
}
