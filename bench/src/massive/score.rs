//! From the books of a run to its figures. Pure: the same books give the same figures.
//!
//! A POST that reached a backend twice counts as failed, whatever its client was told. A failure counts as the deadline.

use std::collections::{BTreeMap, HashMap};

use super::arrivals::{BURST_AT, Tier};
use super::ledger::{Attempt, Books, Ended, Fate};
use super::plan::Plan;
use super::scenario::{DEADLINE, Scenario};
use super::schedule::Schedule;
use super::window;

/// Requests that arrive this long after a switch, or later, should be as good as ever.
const CALM_AFTER_US: u64 = 2_000_000;
/// The goodput that counts as recovered.
const RECOVERED: f64 = 0.9;
/// The goodput that counts as recovered when everything works again.
const RECOVERED_FULLY: f64 = 0.99;

/// Figures by name; the unit is the last part of the name.
pub type Figures = BTreeMap<&'static str, f64>;

/// What came of a run: figures, and who ended well when.
#[derive(Debug, Clone, Default)]
pub struct Score {
    /// The figures.
    pub figures: Figures,
    /// By request: when it was sent, in microseconds, and whether it ended well.
    pub ends: Vec<(u64, bool)>,
}

/// Counts a run.
pub fn score(scenario: &Scenario, plan: &Plan, books: &Books) -> Score {
    let arrived = by_request(&books.attempts);
    let duplicates = books.requests.iter().filter(|request| is_duplicate(request, &arrived)).count();
    // From here on a POST that was duplicated is one that failed.
    let requests: Vec<Ended> = books
        .requests
        .iter()
        .map(|request| Ended { is_good: request.is_good && !is_duplicate(request, &arrived), ..*request })
        .collect();
    let mut figures = Figures::new();
    figures.insert("duplicate_posts", duplicates as f64);
    figures.insert("requests", requests.len() as f64);
    goodput(&mut figures, &requests);
    latencies(&mut figures, &requests);
    work(&mut figures, scenario, books, &requests, &arrived);
    switches(&mut figures, scenario, plan, &requests);
    let ends = requests.iter().map(|request| (request.sent_us, request.is_good)).collect();
    Score { figures, ends }
}

/// Requests lost to the oracle: a share of all, in percent. Below zero where a subject beats it.
pub fn regret_percent(subject: &Score, oracle: &Score) -> f64 {
    let good = |score: &Score| score.ends.iter().filter(|(_, is_good)| *is_good).count() as f64;
    (good(oracle) - good(subject)) / subject.ends.len().max(1) as f64 * 100.0
}

fn by_request(attempts: &[Attempt]) -> HashMap<u64, Vec<&Attempt>> {
    let mut arrived: HashMap<u64, Vec<&Attempt>> = HashMap::new();
    for attempt in attempts {
        arrived.entry(attempt.request).or_default().push(attempt);
    }
    arrived
}

/// Even after a 503: who sends a POST again cannot know that the first was not begun.
fn is_duplicate(request: &Ended, arrived: &HashMap<u64, Vec<&Attempt>>) -> bool {
    request.is_post && arrived.get(&request.request).is_some_and(|attempts| attempts.len() > 1)
}

fn percent(requests: &[Ended], of: impl Fn(&Ended) -> bool, good: impl Fn(&Ended) -> bool) -> Option<f64> {
    let all = requests.iter().filter(|request| of(request)).count();
    let good = requests.iter().filter(|request| of(request) && request.is_good && good(request)).count();
    (all > 0).then(|| good as f64 / all as f64 * 100.0)
}

fn goodput(figures: &mut Figures, requests: &[Ended]) {
    let any = |_: &Ended| true;
    let within = |seconds: u64| move |request: &Ended| request.took_us <= seconds * 1_000_000;
    let mut add = |name, value: Option<f64>| value.map(|value| figures.insert(name, value));
    add("goodput_5s_percent", percent(requests, any, any));
    add("goodput_2s_percent", percent(requests, any, within(2)));
    add("goodput_1s_percent", percent(requests, any, within(1)));
    add("goodput_get_percent", percent(requests, |request| !request.is_post, any));
    add("goodput_post_percent", percent(requests, |request| request.is_post, any));
    for (tier, name) in Tier::ALL.into_iter().zip(TIER_GOODPUT) {
        add(name, percent(requests, |request| request.tier == tier, any));
    }
}

/// The metrics of the tiers, from the most to the least important.
pub const TIER_GOODPUT: [&str; 3] = ["goodput_critical_percent", "goodput_normal_percent", "goodput_low_percent"];

fn latencies(figures: &mut Figures, requests: &[Ended]) {
    let deadline_us = DEADLINE.as_micros() as u64;
    let mut all: Vec<u64> = requests
        .iter()
        .map(|request| if request.is_good { request.took_us.min(deadline_us) } else { deadline_us })
        .collect();
    all.sort_unstable();
    for (name, share) in [("p50_ms", 0.5), ("p99_ms", 0.99), ("p999_ms", 0.999)] {
        let rank = (all.len() as f64 * share).ceil() as usize;
        if let Some(value) = all.get(rank.saturating_sub(1)) {
            figures.insert(name, *value as f64 / 1e3);
        }
    }
}

fn work(
    figures: &mut Figures,
    scenario: &Scenario,
    books: &Books,
    requests: &[Ended],
    arrived: &HashMap<u64, Vec<&Attempt>>,
) {
    let count = requests.len().max(1) as f64;
    let sent: Vec<u64> = requests.iter().map(|request| request.sent_us).collect();
    let mut attempts: Vec<u64> = books.attempts.iter().map(|attempt| attempt.began_us).collect();
    attempts.extend(&books.sent.refused_at_us);
    let at_healthy = books.attempts.iter().filter(|attempt| attempt.at_healthy).count() as f64;
    let busy_s: f64 = books.attempts.iter().map(Attempt::busy_s).sum();
    let used_s: f64 = requests.iter().filter(|request| request.is_good).map(|request| used_s(request, arrived)).sum();
    let full = books.attempts.iter().filter(|attempt| attempt.fate == Fate::Full).count() as f64;
    let refused = books.sent.refused(books.attempts.len()) as f64;
    figures.insert("attempts_per_request", (books.attempts.len() as f64 + refused) / count);
    figures.insert("attempts_healthy_per_request", at_healthy / count);
    let fated_good = books.attempts.iter().filter(|attempt| attempt.is_fated_good).count() as f64;
    figures.insert("attempts_fated_good_per_request", fated_good / count);
    figures.insert("attempts_refused_per_request", refused / count);
    figures.insert("attempts_full_per_request", full / count);
    figures.insert(
        "attempts_10s_max_per_request",
        window::most_attempts_a_request(&sent, &attempts, scenario.length.as_secs()),
    );
    figures.insert("backend_wasted_s", (busy_s - used_s).max(0.0));
}

/// How long a backend worked on the answer that a request got: on the good one that was there first.
fn used_s(request: &Ended, arrived: &HashMap<u64, Vec<&Attempt>>) -> f64 {
    let good = arrived.get(&request.request).into_iter().flatten().filter(|attempt| attempt.fate == Fate::Good);
    good.min_by_key(|attempt| attempt.ended_us).map_or(0.0, |attempt| attempt.busy_s())
}

fn switches(figures: &mut Figures, scenario: &Scenario, plan: &Plan, requests: &[Ended]) {
    let switches: Vec<u64> = plan.switches().iter().map(|at| at.as_micros() as u64).collect();
    // The start is a switch like others: nobody knows anything then.
    let since = |request: &Ended| {
        let last = switches.partition_point(|at| *at <= request.sent_us);
        last.checked_sub(1).map(|place| (place, request.sent_us - switches[place]))
    };
    let calm = |request: &Ended| since(request).is_some_and(|(_, us)| us >= CALM_AFTER_US);
    if let Some(value) = percent(requests, calm, |_| true) {
        figures.insert("goodput_calm_percent", value);
    }
    // To the time of recovery the start does not belong where there is a switch after it.
    let first = usize::from(switches.len() > 1);
    let after: Vec<(u64, bool)> = requests
        .iter()
        .filter_map(|request| since(request).filter(|(place, _)| *place >= first).map(|(_, us)| (us, request.is_good)))
        .collect();
    let (name, share) = match scenario.schedule {
        Schedule::Recover => ("recovery_99_s", RECOVERED_FULLY),
        _ => ("recovery_90_s", RECOVERED),
    };
    if !after.is_empty() {
        // What never recovered did not within the time that there was.
        let longest = after.iter().map(|(us, _)| *us).max().unwrap_or(0) as f64 / 1e6;
        figures.insert(name, window::recovery_s(&after, share).unwrap_or(longest));
    }
    if scenario.schedule == Schedule::Burst {
        let at = BURST_AT.as_micros() as u64;
        let burst = |request: &Ended| (at..at + 1_000).contains(&request.sent_us);
        if let Some(value) = percent(requests, burst, |_| true) {
            figures.insert("goodput_burst_percent", value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::massive::latency::Profile;
    use crate::massive::ledger::Sent;
    use crate::massive::scenario::TIGHT;

    const SCENARIO: Scenario = Scenario {
        schedule: Schedule::Switch80,
        profile: Profile::Uniform,
        slots: TIGHT,
        load: 0.7,
        slots_loaded: TIGHT,
        length: Duration::from_secs(60),
    };

    fn ended(request: u64, sent_s: u64, took_ms: u64, is_good: bool, is_post: bool) -> Ended {
        let tier = if request == 0 { Tier::Critical } else { Tier::Low };
        Ended { request, sent_us: sent_s * 1_000_000, took_us: took_ms * 1_000, is_good, is_post, tier }
    }

    fn attempt(request: u64, began_s: u64, busy_s: u64, fate: Fate, is_post: bool) -> Attempt {
        let (began_us, ended_us) = (began_s * 1_000_000, (began_s + busy_s) * 1_000_000);
        Attempt {
            request,
            endpoint: 0,
            began_us,
            ended_us,
            fate,
            is_post,
            at_healthy: fate == Fate::Good,
            is_fated_good: false,
        }
    }

    fn of(books: &Books) -> Score {
        score(&SCENARIO, &SCENARIO.plan(1), books)
    }

    // Would break: every published figure.
    #[test]
    fn figures_follow_from_the_books() {
        let books = Books {
            requests: vec![
                ended(0, 1, 800, true, false),
                ended(1, 10, 3_000, true, false),
                ended(2, 31, 5_000, false, false),
                ended(3, 40, 900, true, true),
            ],
            attempts: vec![
                attempt(0, 1, 1, Fate::Good, false),
                attempt(1, 10, 2, Fate::Cancelled, false),
                attempt(1, 10, 3, Fate::Good, false),
                attempt(2, 31, 5, Fate::Cancelled, false),
                attempt(3, 40, 1, Fate::Good, true),
            ],
            sent: Sent { refused: 3, ..Sent::default() },
        };
        let figures = of(&books).figures;
        let expected = [
            ("goodput_5s_percent", 75.0),
            ("goodput_2s_percent", 50.0),
            ("goodput_1s_percent", 50.0),
            ("goodput_post_percent", 100.0),
            ("goodput_critical_percent", 100.0),
            ("attempts_per_request", 2.0),
            ("attempts_healthy_per_request", 0.75),
            ("backend_wasted_s", 7.0),
            ("duplicate_posts", 0.0),
            ("p50_ms", 900.0),
            ("p99_ms", 5_000.0),
            // Those at 10 s and at 40 s; those at 1 s and at 31 s came too soon after the start and the switch.
            ("goodput_calm_percent", 100.0),
            ("recovery_90_s", 8.0),
        ];
        for (name, value) in expected {
            assert_eq!(figures.get(name), Some(&value), "{name}");
        }
    }

    // Would break: a subject that does things twice and is praised for it.
    #[test]
    fn a_post_that_arrives_twice_has_failed() {
        let requests = vec![ended(0, 1, 800, true, true), ended(1, 1, 800, true, false)];
        let attempts = vec![
            attempt(0, 1, 0, Fate::Full, true),
            attempt(0, 1, 1, Fate::Good, true),
            attempt(1, 1, 1, Fate::Good, false),
            attempt(1, 1, 1, Fate::Good, false),
        ];
        let score = of(&Books { requests, attempts, sent: Sent { in_all: Some(6), ..Sent::default() } });
        assert_eq!((score.figures["duplicate_posts"], score.figures["goodput_5s_percent"]), (1.0, 50.0));
        // Six were sent and four arrived.
        assert_eq!(score.figures["attempts_refused_per_request"], 1.0);
    }

    // Would break: the score of the whole benchmark.
    #[test]
    fn regret_is_what_the_oracle_has_more() {
        let score =
            |good: u64| Score { ends: (0..100).map(|request| (request, request < good)).collect(), ..Score::default() };
        assert_eq!(regret_percent(&score(80), &score(95)), 15.0);
        assert_eq!(regret_percent(&score(95), &score(80)), -15.0);
    }
}
