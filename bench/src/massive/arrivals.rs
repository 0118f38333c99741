//! Which request is sent when: an open loop, so that a subject that is slow gets no less to do.
//!
//! A pure function of the scenario and the seed: every subject is sent the same requests at the same times.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::draw;

const DRAW_WAIT: u64 = 21;
const DRAW_CLASS: u64 = 22;

/// The share of requests that must not reach a backend twice.
const POST_SHARE: f64 = 0.1;
/// Requests in a burst.
pub const BURST: u64 = 5_000;
/// When the burst comes: after a few seconds of quiet load in which a subject can learn who works.
pub const BURST_AT: Duration = Duration::from_secs(10);
/// More requests than this are not sent in one run: the ledgers hold a line for each attempt.
const REQUESTS_MAX: usize = 500_000;

/// How important a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tier {
    /// A fifth of the requests.
    Critical,
    /// Two fifths.
    Normal,
    /// The rest.
    Low,
}

impl Tier {
    /// From the most to the least important.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Normal, Self::Low];

    /// Its name, as in the header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// The tier of that name; what is not said is of normal importance.
    pub fn of_name(name: &str) -> Self {
        Self::ALL.into_iter().find(|tier| tier.name() == name).unwrap_or(Self::Normal)
    }
}

/// A request to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Its number, from 0.
    pub id: u64,
    /// When, from the start.
    pub at: Duration,
    /// Whether it must not reach a backend twice.
    pub is_post: bool,
    /// How important it is.
    pub tier: Tier,
}

/// Requests that come by themselves, so many a second in the mean, until `length`; and a burst on top where one is wanted.
pub fn poisson(seed: u64, per_s: f64, length: Duration, with_burst: bool) -> Vec<Arrival> {
    let mut times = Vec::new();
    let mut at = 0.0;
    while times.len() < REQUESTS_MAX {
        at += draw::wait_s(draw::fraction(&[seed, DRAW_WAIT, times.len() as u64]), per_s);
        if at >= length.as_secs_f64() {
            break;
        }
        times.push(Duration::from_secs_f64(at));
    }
    if with_burst {
        times.extend((0..BURST).map(|_| BURST_AT));
        times.sort();
    }
    times.into_iter().zip(0..).map(|(at, id)| arrival(seed, id, at)).collect()
}

fn arrival(seed: u64, id: u64, at: Duration) -> Arrival {
    let fraction = draw::fraction(&[seed, DRAW_CLASS, id]);
    let is_post = draw::fraction(&[seed, DRAW_CLASS, id, 1]) < POST_SHARE;
    let tier = match fraction {
        share if share < 0.2 => Tier::Critical,
        share if share < 0.6 => Tier::Normal,
        _ => Tier::Low,
    };
    Arrival { id, at, is_post, tier }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Would break: a load or a mix that is not the one in the report.
    #[test]
    fn the_load_is_what_it_is_said_to_be() {
        let all = poisson(1, 100.0, Duration::from_secs(100), false);
        assert!((9_700..10_300).contains(&all.len()), "{}", all.len());
        let share =
            |what: &dyn Fn(&Arrival) -> bool| all.iter().filter(|one| what(one)).count() as f64 / all.len() as f64;
        assert!((share(&|one| one.is_post) - 0.1).abs() < 0.02);
        assert!((share(&|one| one.tier == Tier::Critical) - 0.2).abs() < 0.02);
        assert_eq!(all, poisson(1, 100.0, Duration::from_secs(100), false));
        assert!(all.windows(2).all(|pair| pair[0].at <= pair[1].at && pair[0].id + 1 == pair[1].id));
    }

    // Would break: a burst that is spread out, or comes before anybody could learn.
    #[test]
    fn a_burst_comes_at_once() {
        let all = poisson(1, 10.0, Duration::from_secs(20), true);
        assert_eq!(all.iter().filter(|one| one.at == BURST_AT).count() as u64, BURST);
    }
}
