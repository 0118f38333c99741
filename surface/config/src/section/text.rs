//! Values with a small grammar of their own: ports, stop signals, and environment values that may be references.

use homeostat_vocabulary::{EnvironmentValue, Port, SecretReference, StopSignal};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::Value;
use std::borrow::Cow;

/// `"auto"` or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortChoice(pub Port);

/// A stop signal: `"SIGTERM"`, or without its `SIG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalName(pub StopSignal);

/// The value of an environment variable: a plain text, whole number or truth value, or the reference of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainOrReference(String);

const SIGNALS: [(&str, StopSignal); 7] = [
    ("SIGTERM", StopSignal::Term),
    ("SIGINT", StopSignal::Int),
    ("SIGQUIT", StopSignal::Quit),
    ("SIGHUP", StopSignal::Hup),
    ("SIGUSR1", StopSignal::Usr1),
    ("SIGUSR2", StopSignal::Usr2),
    ("SIGKILL", StopSignal::Kill),
];

impl SignalName {
    /// The names that can be written.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SIGNALS.iter().map(|(name, _)| *name)
    }

    /// The signal of this name.
    pub fn of(name: &str) -> Option<Self> {
        let found = SIGNALS.iter().find(|(long, _)| *long == name || long.strip_prefix("SIG") == Some(name));
        found.map(|(_, signal)| Self(*signal))
    }
}

impl Serialize for SignalName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = SIGNALS.iter().find(|(_, signal)| *signal == self.0);
        serializer.serialize_str(named.map_or("SIGTERM", |(name, _)| name))
    }
}

impl<'de> Deserialize<'de> for SignalName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::of(&name).ok_or_else(|| D::Error::custom("no signal of ours has this name"))
    }
}

impl JsonSchema for SignalName {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "SignalName".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let short = SIGNALS.iter().map(|(name, _)| name.trim_start_matches("SIG"));
        let names: Vec<&str> = Self::names().chain(short).collect();
        json_schema!({ "type": "string", "x-kind": "signal", "enum": names })
    }
}

impl Serialize for PortChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Port::Auto => serializer.serialize_str("auto"),
            Port::Fixed(number) => serializer.serialize_u16(number),
        }
    }
}

impl<'de> Deserialize<'de> for PortChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = value.as_u64().and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0);
        match (value.as_str(), number) {
            (Some("auto"), _) => Ok(Self(Port::Auto)),
            (_, Some(number)) => Ok(Self(Port::Fixed(number))),
            _ => Err(D::Error::custom("\"auto\" or a port is expected")),
        }
    }
}

impl JsonSchema for PortChoice {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "PortChoice".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kind": "port",
            "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": 65535 }],
            "examples": ["auto", 8080]
        })
    }
}

impl PlainOrReference {
    /// What a service is given.
    pub fn resolve(&self) -> EnvironmentValue {
        let text = &self.0;
        if let Some(name) = text.strip_prefix("env:") {
            EnvironmentValue::Secret(SecretReference::Environment(name.to_owned()))
        } else if let Some(path) = text.strip_prefix("file:") {
            EnvironmentValue::Secret(SecretReference::File(path.to_owned()))
        } else {
            EnvironmentValue::Plain(text.strip_prefix("plain:").unwrap_or(text).to_owned())
        }
    }

    /// Whether the writer has said that the text is no secret.
    pub fn is_declared_plain(&self) -> bool {
        self.0.starts_with("plain:")
    }
}

impl Serialize for PlainOrReference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PlainOrReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            plain @ (Value::Number(_) | Value::Bool(_)) => Ok(Self(plain.to_string())),
            _ => Err(D::Error::custom("text is expected")),
        }
    }
}

impl JsonSchema for PlainOrReference {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "PlainOrReference".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kind": "environment",
            "type": ["string", "integer", "boolean"],
            "examples": ["production", "env:DB_PASSWORD", "file:secrets/token"]
        })
    }
}
