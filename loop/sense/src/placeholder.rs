//! Fills `{port}`, `{port:NAME}`, `{instance}` and `{service}` in the texts of a check.
//!
//! Called once for each watch. Other braces stay as they are: a health check's command may hold JSON.

use homeostat_vocabulary::InstanceId;
use std::collections::BTreeMap;

/// The name of the port that `{port}` stands for.
const UNNAMED_PORT: &str = "port";

/// `text` with its placeholders filled, or what is missing for that.
pub fn fill(text: &str, instance: &InstanceId, ports: &BTreeMap<String, u16>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let Some(length) = rest[open..].find('}') else { break };
        filled.push_str(&rest[..open]);
        let word = &rest[open + 1..open + length];
        match value(word, instance, ports)? {
            Some(value) => {
                filled.push_str(&value);
                rest = &rest[open + length + 1..];
            }
            // Not ours: keep the brace alone and look on behind it, for a placeholder may stand inside.
            None => {
                filled.push('{');
                rest = &rest[open + 1..];
            }
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value(word: &str, instance: &InstanceId, ports: &BTreeMap<String, u16>) -> Result<Option<String>, String> {
    let port = |name: &str| {
        let port = ports.get(name).ok_or_else(|| format!("{instance} has no port named {name:?}"))?;
        Ok(Some(port.to_string()))
    };
    match word {
        "port" => port(UNNAMED_PORT),
        "instance" => Ok(Some(instance.index.to_string())),
        "service" => Ok(Some(instance.service.to_string())),
        _ => word.strip_prefix("port:").map_or(Ok(None), port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_left_alone() {
        // A probe of the wrong port would call a healthy service dead.
        let instance: InstanceId = "web/3".parse().expect("an instance");
        let ports = BTreeMap::from([("port".to_owned(), 8080), ("admin".to_owned(), 9090)]);
        let said = |text: &str| fill(text, &instance, &ports);
        assert_eq!(said("http://127.0.0.1:{port}/x"), Ok("http://127.0.0.1:8080/x".to_owned()));
        assert_eq!(said("{service}-{instance}:{port:admin}"), Ok("web-3:9090".to_owned()));
        assert_eq!(said(r#"{"at": {port}}, {x}, {"#), Ok(r#"{"at": 8080}, {x}, {"#.to_owned()));
        assert_eq!(said("{port:metrics}"), Err("web/3 has no port named \"metrics\"".to_owned()));
    }
}
