//! What the wire refuses by itself, before there is a request to route: counted by its reason.
//!
//! Written by the workers, one atomic step for each refusal and none for a request that is served; read when somebody scrapes. The reasons
//! are a closed list, so that no client makes a series.

use homeostat_wire::Refusal;

use super::Count;

/// How often the wire refused for what.
#[derive(Debug)]
pub struct Refusals([Count; Refusal::ALL.len()]);

impl Default for Refusals {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Count::default()))
    }
}

impl Refusals {
    /// Refused once more.
    pub fn one(&self, refusal: Refusal) {
        if let Some(count) = self.0.get(refusal.number()) {
            count.one();
        }
    }

    /// Every reason, and how often by now.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::ALL.iter().zip(&self.0).map(|(refusal, count)| (refusal.label(), count.get()))
    }
}
