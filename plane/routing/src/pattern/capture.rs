//! What the path of a request left in the places that a pattern keeps open.

/// The most places that one pattern may keep open, so that they are kept without an allocation.
pub const CAPTURES_MAX: usize = 8;

/// The parts of a path that a route caught, in the order of its pattern.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Captures<'p> {
    values: [&'p str; CAPTURES_MAX],
    count: usize,
}

impl<'p> Captures<'p> {
    /// The part at an index, as [`crate::Route::capture_names`] counts them; empty when there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> &'p str {
        self.as_slice().get(index).copied().unwrap_or_default()
    }

    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[&'p str] {
        &self.values[..self.count]
    }

    /// Catches one more. Patterns with more than [`CAPTURES_MAX`] are refused before.
    pub(crate) fn push(&mut self, value: &'p str) {
        if let Some(place) = self.values.get_mut(self.count) {
            *place = value;
            self.count += 1;
        }
    }

    pub(crate) fn pop(&mut self) {
        self.count = self.count.saturating_sub(1);
    }
}
