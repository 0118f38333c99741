//! From results to the rows of the report: every figure with its unit, the extremes over the seeds, and the curve around a switch.

use std::time::Duration;

use super::results::Results;
use super::schedule::Schedule;
use crate::report::Report;

/// What stands before the second in the metrics of the curve.
pub const CURVE: &str = "goodput_around_switch_percent";
/// The curve begins so many seconds before a switch...
pub const CURVE_FROM_S: i64 = -5;
/// ...and ends so many after it, before the next one.
pub const CURVE_TO_S: i64 = 25;
/// Requests that arrive within so many seconds before or after a point make it: a second has ten of them.
const CURVE_WIDTH_S: i64 = 1;

const US_PER_S: i64 = 1_000_000;

/// The metric of the curve at this second.
pub fn curve_metric(second: i64) -> String {
    format!("{CURVE} at {second} s")
}

/// Adds everything that came of one case.
pub fn add(report: &mut Report, case: &str, results: &Results) {
    for subject in results.subjects() {
        for metric in results.metrics() {
            let samples = results.samples(&subject, metric);
            if !samples.is_empty() {
                report.add(&subject, case, metric, unit(metric), &samples);
            }
        }
        if results.scenario.schedule == Schedule::Switch80 {
            add_curve(report, case, results, &subject);
        }
    }
}

/// The unit is the last part of a metric's name.
fn unit(metric: &str) -> &'static str {
    match metric.rsplit('_').next() {
        Some("percent") => "%",
        Some("ms") => "ms",
        Some("s") => "s",
        Some("mib") => "MiB",
        Some("request") if metric.starts_with("cpu_us") => "us",
        Some("request") => "attempts",
        _ => "requests",
    }
}

fn add_curve(report: &mut Report, case: &str, results: &Results, subject: &str) {
    let mut points: Vec<(i64, Vec<f64>)> = (CURVE_FROM_S..=CURVE_TO_S).map(|second| (second, Vec::new())).collect();
    for (plan, score) in results.runs_of(subject) {
        // The start is no switch: there is nothing before it.
        let switches: Vec<Duration> = plan.switches().iter().skip(1).copied().collect();
        for (second, samples) in &mut points {
            samples.extend(goodput_at(&score.ends, &switches, *second, results.scenario.length));
        }
    }
    for (second, samples) in points {
        if !samples.is_empty() {
            report.add(subject, case, &curve_metric(second), "%", &samples);
        }
    }
}

/// The percentage of requests ending well of those that arrived so many seconds after a switch, give or take one.
fn goodput_at(ends: &[(u64, bool)], switches: &[Duration], second: i64, length: Duration) -> Option<f64> {
    let mut all = 0;
    let mut good = 0;
    for switch in switches.iter().filter(|at| **at < length) {
        let at = switch.as_micros() as i64 + second * US_PER_S;
        // Neither side of a switch belongs to the other.
        let (first, last) = if second < 0 {
            (at - CURVE_WIDTH_S * US_PER_S, (at + (CURVE_WIDTH_S + 1) * US_PER_S).min(switch.as_micros() as i64))
        } else {
            ((at - CURVE_WIDTH_S * US_PER_S).max(switch.as_micros() as i64), at + (CURVE_WIDTH_S + 1) * US_PER_S)
        };
        let near = ends.iter().filter(|(sent_us, _)| (first..last).contains(&(*sent_us as i64)));
        for (_, is_good) in near {
            all += 1;
            good += usize::from(*is_good);
        }
    }
    (all > 0).then(|| good as f64 / all as f64 * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Would break: a picture that shows the dip where there was none, or smooths it away.
    #[test]
    fn the_curve_does_not_cross_the_switch() {
        let ends: Vec<(u64, bool)> = (0..600).map(|tenth| (tenth * 100_000, !(300..350).contains(&tenth))).collect();
        let switches = [Duration::from_secs(30)];
        let at = |second| goodput_at(&ends, &switches, second, Duration::from_secs(60));
        assert_eq!((at(-1), at(0), at(10)), (Some(100.0), Some(0.0), Some(100.0)));
        assert_eq!(at(40), None);
        assert_eq!(goodput_at(&ends, &switches, 0, Duration::from_secs(30)), None);
    }

    // Would break: tables with the wrong unit over them.
    #[test]
    fn units_follow_the_names() {
        let names = ["goodput_5s_percent", "p99_ms", "recovery_90_s", "cpu_us_per_request", "attempts_per_request"];
        assert_eq!(names.map(unit), ["%", "ms", "s", "us", "attempts"]);
        assert_eq!((unit("peak_rss_mib"), unit("duplicate_posts")), ("MiB", "requests"));
    }
}
