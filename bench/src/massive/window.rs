//! Attempts a request over every ten seconds, and goodput over the time since a switch. Pure arithmetic on times.

/// The windows over which amplification is judged, in seconds.
pub const WINDOW_S: u64 = 10;
/// Requests that a window must have to be judged: fewer are chance.
const REQUESTS_MIN: usize = 20;
/// Requests that arrive within so many seconds are taken together when looking for the time of recovery.
const RECOVERY_WINDOW_S: usize = 3;

const US_PER_S: u64 = 1_000_000;

/// The most attempts a request in any ten seconds that begin on a whole second and lie within the length of the load. Without one
/// that has enough requests, the mean over all.
pub fn most_attempts_a_request(sent_us: &[u64], attempts_us: &[u64], length_s: u64) -> f64 {
    let requests = per_second(sent_us, length_s);
    let attempts = per_second(attempts_us, length_s);
    let sums = |counts: &[usize]| -> Vec<usize> {
        counts.windows(WINDOW_S as usize).map(|window| window.iter().sum()).collect()
    };
    let (requests, attempts) = (sums(&requests), sums(&attempts));
    let enough = requests.iter().zip(&attempts).filter(|(requests, _)| **requests >= REQUESTS_MIN);
    enough
        .map(|(requests, attempts)| *attempts as f64 / *requests as f64)
        .reduce(f64::max)
        .unwrap_or_else(|| attempts_us.len() as f64 / sent_us.len().max(1) as f64)
}

fn per_second(times_us: &[u64], length_s: u64) -> Vec<usize> {
    let mut counts = vec![0; length_s as usize];
    for time in times_us {
        if let Some(count) = counts.get_mut((time / US_PER_S) as usize) {
            *count += 1;
        }
    }
    counts
}

/// Whole seconds after a switch from which on at least `share` of the requests that arrive within three seconds end well; `None` if
/// that never comes. Each request is told by its time since the latest switch and whether it ended well.
pub fn recovery_s(requests: &[(u64, bool)], share: f64) -> Option<f64> {
    let seconds = requests.iter().map(|(since_us, _)| since_us / US_PER_S).max()? as usize + 1;
    let mut counts = vec![(0_usize, 0_usize); seconds];
    for (since_us, is_good) in requests {
        let (all, good) = &mut counts[(since_us / US_PER_S) as usize];
        *all += 1;
        *good += usize::from(*is_good);
    }
    let recovered = counts.windows(RECOVERY_WINDOW_S.min(seconds)).position(|window| {
        let all: usize = window.iter().map(|(all, _)| all).sum();
        let good: usize = window.iter().map(|(_, good)| good).sum();
        all > 0 && good as f64 >= share * all as f64
    });
    recovered.map(|second| second as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every(us: u64, from_s: u64, to_s: u64) -> Vec<u64> {
        (from_s * US_PER_S..to_s * US_PER_S).step_by(us as usize).collect()
    }

    // Would break: a storm of a few seconds that the mean of the run hides.
    #[test]
    fn the_worst_ten_seconds_are_found() {
        let sent = every(100_000, 0, 60);
        let mut attempts = sent.clone();
        assert_eq!(most_attempts_a_request(&sent, &attempts, 60), 1.0);
        attempts.extend(every(50_000, 30, 35));
        assert_eq!(most_attempts_a_request(&sent, &attempts, 60), 2.0);
        // Too few requests for a window: the mean.
        assert_eq!(most_attempts_a_request(&sent[..4], &attempts[..6], 60), 1.5);
        assert_eq!(most_attempts_a_request(&[], &[], 60), 0.0);
    }

    // Would break: a time to recovery that one lucky second ends, or that is never found.
    #[test]
    fn recovery_is_when_enough_end_well() {
        let requests: Vec<(u64, bool)> =
            every(100_000, 0, 30).into_iter().map(|since| (since, since >= 4 * US_PER_S)).collect();
        assert_eq!(recovery_s(&requests, 1.0), Some(4.0));
        assert_eq!(recovery_s(&requests, 0.6), Some(3.0));
        let never: Vec<(u64, bool)> = requests.iter().map(|(since, _)| (*since, false)).collect();
        assert_eq!(recovery_s(&never, 0.9), None);
        assert_eq!(recovery_s(&[], 0.9), None);
    }
}
