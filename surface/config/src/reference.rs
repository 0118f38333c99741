//! The reference of all keys, written from the schema: `docs/configuration.md`.
//!
//! Called by the test that keeps the committed page true, and by nobody at run time but `config` in the command line.

use crate::schema::{choices, derived, properties, resolve};
use serde_json::Value;
use std::fmt::Write;

const INTRODUCTION: &str = "\
# Configuration

The reference of `homeostat.toml`, written from the schema (`docs/homeostat.schema.json`); do not edit it by hand.
`homeostat init` writes a first file, `homeostat check` says everything that is wrong with one, and
`homeostat config show --origin` says what is in effect and where each value came from.

## Where values come from

From the lowest layer to the highest; a higher one wins, tables are merged key by key, lists are replaced:

1. the defaults on this page;
2. the file: `--config PATH`, or the first of `./homeostat.toml`, `$XDG_CONFIG_HOME/homeostat/homeostat.toml`
   (`~/.config` when it is not set) and `/etc/homeostat/homeostat.toml`;
3. `conf.d/*.toml` beside the file, in the order of their names;
4. plain environment variables: `AUTO_SCALING_ENABLED`, `AUTO_RECOVERY_ENABLED`, `ANOMALY_DETECTION_ENABLED`,
   `AI_DECISIONS_ENABLED`, `MIN_INSTANCES`, `MAX_INSTANCES`, `CPU_THRESHOLD_UP`, `CPU_THRESHOLD_DOWN`,
   `MEMORY_THRESHOLD_UP`, `MEMORY_THRESHOLD_DOWN`;
5. `HOMEOSTAT__SECTION__KEY`, as in `HOMEOSTAT__API__LISTEN=127.0.0.1:6000` or
   `HOMEOSTAT__SERVICES__WEB__INSTANCES=3`; upper or lower case, and `_` stands for the `-` of a service's name;
6. flags: `--set services.web.instances=3`.

Relative paths begin at the folder of the file, those of `conf.d` too. `[defaults]` fills what a service does not say,
whichever layer says it.

## How values are written

- A period is text with a unit: `\"500ms\"`, `\"10s\"`, `\"5min\"`, `\"1h30min\"`, `\"90d\"`.
- A size is text with a unit: `\"512MiB\"`, `\"2GB\"`.
- A share is text with a percent sign: `\"99.9%\"`.
- A command is a list of words, or one text split as a shell would split it. There is no shell.
- Secrets are never written: `\"env:NAME\"` refers to a variable of the engine's environment, `\"file:PATH\"` to a file.
  They are read at each start, never held, never shown. `\"plain:TEXT\"` is the text itself, whatever it looks like.
";

/// The text of `docs/configuration.md`.
#[must_use]
pub fn reference() -> String {
    let root = derived();
    let mut text = INTRODUCTION.to_owned();
    for (name, section) in properties(root, root) {
        let target = resolve(root, section);
        match target.get("additionalProperties").filter(|any| any.is_object()) {
            Some(each) => {
                write_table(&mut text, root, &format!("{name}.NAME"), resolve(root, each), description(section));
            }
            None => write_table(&mut text, root, name, target, description(section)),
        }
    }
    text
}

fn write_table(text: &mut String, root: &Value, name: &str, schema: &Value, about: &str) {
    let about = if name.ends_with(".NAME") { format!("{about}\n\n{}", description(schema)) } else { about.to_owned() };
    let _ = write!(text, "\n## `[{name}]`\n\n{about}\n\n");
    let mut inner = Vec::new();
    for (key, written) in properties(root, schema) {
        let target = resolve(root, written);
        let own = description(written);
        let about = one_line(if own.is_empty() { description(target) } else { own });
        if target.get("properties").is_some() {
            inner.push((key.clone(), target, about));
            continue;
        }
        let each = target.get("additionalProperties").map(|each| resolve(root, each));
        if let Some(each) = each.filter(|each| each.get("properties").is_some()) {
            inner.push((format!("{key}.NAME"), each, description(written).to_owned()));
            continue;
        }
        let required = schema.get("required").and_then(Value::as_array).is_some_and(|all| all.iter().any(|r| r == key));
        let default = match written.get("default") {
            _ if required => "; required".to_owned(),
            Some(default) if default.as_object().is_none_or(|table| !table.is_empty()) => {
                format!("; default `{default}`")
            }
            _ => String::new(),
        };
        let _ = writeln!(text, "- `{key}` ({}{default}): {about}", type_name(root, target));
        let each = target.get("items").map_or(target, |each| resolve(root, each));
        for (choice, meaning) in choices(each).iter().filter(|(_, meaning)| !meaning.is_empty()) {
            let _ = writeln!(text, "  - `\"{choice}\"`: {}", one_line(meaning));
        }
        for (inner, written) in properties(root, each) {
            let kind = type_name(root, resolve(root, written));
            let _ = writeln!(text, "  - `{inner}` ({kind}): {}", one_line(description(written)));
        }
    }
    for (key, target, about) in inner {
        write_table(text, root, &format!("{name}.{key}"), target, &about);
    }
}

fn description(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn type_name(root: &Value, schema: &Value) -> String {
    if let Some(kind) = schema.get("x-kind").and_then(Value::as_str) {
        return match kind {
            "environment" => "text or reference".to_owned(),
            "port" => "`\"auto\"` or number".to_owned(),
            other => other.to_owned(),
        };
    }
    if let Some(Value::Array(several)) = schema.get("anyOf") {
        let mut names: Vec<String> = several.iter().map(|one| type_name(root, resolve(root, one))).collect();
        names.dedup();
        return names.join(" or ");
    }
    if let Some(items) = schema.get("items") {
        return format!("list of {}", type_name(root, resolve(root, items)));
    }
    if let Some(each) = schema.get("additionalProperties").filter(|any| any.is_object()) {
        return format!("table of {}", type_name(root, resolve(root, each)));
    }
    let range = match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) => format!(" {least} to {most}"),
        _ => String::new(),
    };
    let name = match schema.get("type").and_then(Value::as_str) {
        Some("string") if schema.get("oneOf").is_some() => "choice",
        Some("string") => "text",
        Some("boolean") => "true or false",
        Some("integer" | "number") => "number",
        _ if schema.get("properties").is_some() => "table",
        _ => "choice",
    };
    format!("{name}{range}")
}
