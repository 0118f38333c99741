//! What a saga is going to do, as data: steps, their undo, their limits.
//!
//! Callers write a [`Definition`]; the core reads it back from the saga's own document as a [`Stored`], never from the
//! running binary. What always holds: a `Stored` carries the hash of the exact JSON it was made from, and one whose
//! JSON no longer matches its hash cannot be decoded. It must never hold code, closures or anything a later binary
//! would read differently.

use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::SagaError;

/// A saga is a short story: more steps than this is a workflow that should be cut in two.
pub const STEPS_MAX: usize = 64;

/// Largest definition as JSON: it is kept in the saga's document and written with every record.
pub const DEFINITION_BYTES_MAX: usize = 256 * 1024;

/// Ten years: a longer timeout is a typing error, and sums of timeouts must not overflow.
pub const TIMEOUT_MS_MAX: u64 = 10 * 365 * 24 * 3_600_000;

/// A saga as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// What people call it, for example `restart`.
    pub name: String,
    /// The author's own version of this definition.
    pub version: u32,
    /// The steps, carried out in this order.
    pub steps: Vec<StepDefinition>,
    /// Older than this, a saga turns back when it still can, and alarms.
    pub age_max_ms: u64,
    /// Without progress for longer than this, the watchdog alarms.
    pub quiet_max_ms: u64,
}

/// One step of a saga.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepDefinition {
    /// What people call it, and what the driver dispatches on.
    pub name: String,
    /// Opaque to the engine, handed to the driver.
    #[serde(default)]
    pub input: Value,
    /// How the effect is taken back.
    pub undo: Undo,
    /// What may be done when nobody knows whether the effect happened.
    pub nature: Nature,
    /// The point of no return: once this step may have happened, the saga only goes forward.
    #[serde(default)]
    pub pivot: bool,
    /// One call without an answer for this long is UNKNOWN.
    pub attempt_timeout_ms: u64,
    /// No new attempt begins after this long since the first one.
    pub step_timeout_ms: u64,
    /// How often, and how fast, it is tried again.
    pub retry: Retry,
}

/// How the effect of a step is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// Call the driver with this input. It must be safe when the step never happened, and safe to repeat; a driver whose
    /// calls can land late must also make a late `do` of the same key harmless.
    Call(Value),
    /// It cannot be taken back: such a step is the pivot or stands after it.
    Irreversible {
        /// Why, for the person who reads the plan.
        why: String,
    },
    /// There is nothing to take back, for example because the step only reads.
    Nothing,
}

/// What may be done when nobody knows whether the effect happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nature {
    /// Doing it again with the same key changes nothing: redo.
    Idempotent,
    /// The driver can find out: probe.
    Queryable,
    /// Neither: a person must look.
    Neither,
}

/// Bounded tries with exponential backoff; the jitter comes from the step's key, so that a replay waits the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Tries of each verb (do, probe, undo) before the engine gives up on it.
    pub attempts_max: u32,
    /// Wait before the second try.
    pub backoff_first_ms: u64,
    /// Longest wait between two tries.
    pub backoff_max_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts_max: 3, backoff_first_ms: 200, backoff_max_ms: 10_000 }
    }
}

impl StepDefinition {
    /// A step with ordinary limits (10 s an attempt, 60 s in all, three tries); change the fields that differ.
    pub fn new(name: &str, input: Value, undo: Undo, nature: Nature) -> Self {
        Self {
            name: name.to_owned(),
            input,
            undo,
            nature,
            pivot: false,
            attempt_timeout_ms: 10_000,
            step_timeout_ms: 60_000,
            retry: Retry::default(),
        }
    }
}

impl Definition {
    /// A definition with ordinary limits (ten minutes of age, two minutes of quiet); change the fields that differ.
    pub fn new(name: &str, version: u32, steps: Vec<StepDefinition>) -> Self {
        Self { name: name.to_owned(), version, steps, age_max_ms: 600_000, quiet_max_ms: 120_000 }
    }

    /// SHA-256 of the canonical JSON (keys sorted, no spaces), in hex.
    pub fn hash(&self) -> String {
        hash_of(&serde_json::to_value(self).expect("a definition holds only what JSON can say"))
    }

    /// Refuses a definition that could not be carried out safely, naming the first fault.
    pub fn validate(&self) -> Result<(), SagaError> {
        let refuse = |why: String| Err(SagaError::Invalid { definition: self.name.clone(), why });
        if self.name.is_empty() {
            return refuse("the definition has no name".into());
        }
        if self.steps.is_empty() || self.steps.len() > STEPS_MAX {
            return refuse(format!("{} steps, must be 1 to {STEPS_MAX}", self.steps.len()));
        }
        let bytes = serde_json::to_string(self).map_or(usize::MAX, |text| text.len());
        if bytes > DEFINITION_BYTES_MAX {
            return refuse(format!("it takes {bytes} bytes, at most {DEFINITION_BYTES_MAX} are kept"));
        }
        let limits = 1..=TIMEOUT_MS_MAX;
        if !limits.contains(&self.age_max_ms) || !limits.contains(&self.quiet_max_ms) {
            return refuse(format!("age_max_ms and quiet_max_ms must be 1 to {TIMEOUT_MS_MAX}"));
        }
        let pivot = self.steps.iter().position(|step| step.pivot);
        for (index, step) in self.steps.iter().enumerate() {
            if let Some(why) = step.fault() {
                return refuse(format!("step `{}`: {why}", step.name));
            }
            if step.pivot && pivot != Some(index) {
                return refuse(format!("step `{}` is a second pivot", step.name));
            }
            let returnable = pivot.is_none_or(|pivot| index < pivot);
            if returnable && matches!(step.undo, Undo::Irreversible { .. }) {
                return refuse(format!(
                    "step `{}` is irreversible, so it must be the pivot or stand after it",
                    step.name
                ));
            }
        }
        Ok(())
    }
}

impl StepDefinition {
    fn fault(&self) -> Option<&'static str> {
        if self.name.is_empty() {
            return Some("it has no name");
        }
        if self.retry.attempts_max == 0 {
            return Some("attempts_max must be above 0");
        }
        if self.retry.backoff_first_ms > self.retry.backoff_max_ms {
            return Some("backoff_first_ms is above backoff_max_ms");
        }
        if self.attempt_timeout_ms == 0 || self.step_timeout_ms < self.attempt_timeout_ms {
            return Some("attempt_timeout_ms must be above 0 and at most step_timeout_ms");
        }
        if self.step_timeout_ms > TIMEOUT_MS_MAX || self.retry.backoff_max_ms > TIMEOUT_MS_MAX {
            return Some("a timeout is beyond ten years");
        }
        None
    }
}

/// A definition as a saga keeps it: the exact JSON, its hash, and the typed reading of it. Cheap to clone.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "StoredText", into = "StoredText")]
pub struct Stored(Arc<Reading>);

#[derive(Debug)]
struct Reading {
    definition: Definition,
    text: StoredText,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredText {
    version: u32,
    hash: String,
    definition: Value,
}

impl Stored {
    /// Validates the definition and fixes its hash.
    pub fn new(definition: Definition) -> Result<Self, SagaError> {
        definition.validate()?;
        let value = serde_json::to_value(&definition).expect("a definition holds only what JSON can say");
        let text = StoredText { version: definition.version, hash: hash_of(&value), definition: value };
        Ok(Self(Arc::new(Reading { definition, text })))
    }

    /// The typed reading.
    pub fn definition(&self) -> &Definition {
        &self.0.definition
    }

    /// The hash the saga was created with.
    pub fn hash(&self) -> &str {
        &self.0.text.hash
    }
}

impl PartialEq for Stored {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl TryFrom<StoredText> for Stored {
    type Error = String;

    fn try_from(text: StoredText) -> Result<Self, String> {
        let found = hash_of(&text.definition);
        if found != text.hash {
            return Err(format!("its definition has hash {found}, but was stored with {}", text.hash));
        }
        let definition: Definition = serde_json::from_value(text.definition.clone())
            .map_err(|error| format!("this version cannot read its definition: {error}"))?;
        if definition.version != text.version {
            return Err(format!("its definition is version {}, stored as {}", definition.version, text.version));
        }
        definition.validate().map_err(|error| error.to_string())?;
        Ok(Self(Arc::new(Reading { definition, text })))
    }
}

impl From<Stored> for StoredText {
    fn from(stored: Stored) -> Self {
        stored.0.text.clone()
    }
}

fn hash_of(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    hex(&Sha256::digest(text.as_bytes()))
}

/// Key order carries no meaning in JSON, and another writer may keep another: sort before hashing.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::String(key.clone()));
                write_canonical(&fields[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}

/// Lower-case hex of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
