//! What the program that counts tells the one that times, and reports.

use serde::{Deserialize, Serialize};

/// One figure.
#[derive(Debug, Serialize, Deserialize)]
pub struct Counted {
    /// Whose.
    pub subject: String,
    /// Of what.
    pub case: String,
    /// What was counted, its unit last.
    pub metric: String,
    /// The unit.
    pub unit: String,
    /// How many.
    pub value: f64,
}

impl Counted {
    /// A figure.
    pub fn new(subject: &str, case: &str, metric: &str, unit: &str, value: f64) -> Self {
        let [subject, case, metric, unit] = [subject, case, metric, unit].map(str::to_owned);
        Self { subject, case, metric, unit, value }
    }
}
