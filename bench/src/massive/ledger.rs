//! What backends and clients write down: attempts as they arrived at an endpoint, and requests as they ended at the client.
//!
//! Attempts are counted where they arrive and never by who sent them. What never arrives, at a port where nobody listens, is
//! counted by the subject or by its proxy's own books ([`Sent`]), and said to be.

use serde::{Deserialize, Serialize};

use super::arrivals::Tier;

/// What became of an attempt at a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// The right answer was sent.
    Good,
    /// A 503, because no slot was free.
    Full,
    /// It failed, as the schedule wants it.
    Failed,
    /// Who had sent it went away before there was an answer.
    Cancelled,
}

/// An attempt, as a backend saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The request.
    pub request: u64,
    /// The endpoint's place.
    pub endpoint: u8,
    /// When it arrived, in microseconds from the start.
    pub began_us: u64,
    /// When it ended.
    pub ended_us: u64,
    /// What became of it.
    pub fate: Fate,
    /// Whether it was a POST.
    pub is_post: bool,
    /// Whether the endpoint was not failing when it arrived.
    pub at_healthy: bool,
    /// Whether it would have been answered well if nobody had given it up and there had been room.
    pub is_fated_good: bool,
}

impl Attempt {
    /// How long the backend was kept busy.
    pub fn busy_s(&self) -> f64 {
        self.ended_us.saturating_sub(self.began_us) as f64 / 1e6
    }
}

/// A request, as the client that sent it saw it end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its number.
    pub request: u64,
    /// When it was sent, in microseconds from the start.
    pub sent_us: u64,
    /// How long it took.
    pub took_us: u64,
    /// Whether the right answer came in time.
    pub is_good: bool,
    /// Whether it was a POST.
    pub is_post: bool,
    /// How important it was.
    pub tier: Tier,
}

/// What a subject has sent that no backend can have seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// Attempts at a port where nobody listened.
    pub refused: u64,
    /// Attempts in all, by a subject that does not tell the refused ones apart: those that did not arrive were refused.
    pub in_all: Option<u64>,
    /// When they were, in microseconds from the start, if the subject says so.
    pub refused_at_us: Vec<u64>,
}

impl Sent {
    /// Attempts that were refused, of which so many others arrived.
    pub fn refused(&self, arrived: usize) -> u64 {
        self.in_all.map_or(self.refused, |in_all| in_all.saturating_sub(arrived as u64))
    }
}

/// What all books of one run say.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Of the client.
    pub requests: Vec<Ended>,
    /// Of the backends.
    pub attempts: Vec<Attempt>,
    /// Of the subject.
    pub sent: Sent,
}
