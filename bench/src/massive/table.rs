//! One compact table a scenario, for a terminal: a line a subject, the medians over the seeds.

use std::fmt::Write as _;

use super::results::Results;
use crate::report::figure;

/// What is shown, and under which heading.
const COLUMNS: [(&str, &str); 18] = [
    ("good %", "goodput_5s_percent"),
    ("in 2 s", "goodput_2s_percent"),
    ("calm %", "goodput_calm_percent"),
    ("get %", "goodput_get_percent"),
    ("post %", "goodput_post_percent"),
    ("top %", "goodput_critical_percent"),
    ("regret %", "regret_percent"),
    ("att", "attempts_per_request"),
    ("att 10s", "attempts_10s_max_per_request"),
    ("healthy", "attempts_healthy_per_request"),
    ("full", "attempts_full_per_request"),
    ("wasted s", "backend_wasted_s"),
    ("rec s", "recovery_90_s"),
    ("dup", "duplicate_posts"),
    ("p50 ms", "p50_ms"),
    ("p99 ms", "p99_ms"),
    ("p99.9", "p999_ms"),
    ("cpu us", "cpu_us_per_request"),
];

/// What stands under a heading when its own metric is not there.
fn stand_in(metric: &str) -> &str {
    match metric {
        "recovery_90_s" => "recovery_99_s",
        "goodput_calm_percent" => "goodput_burst_percent",
        other => other,
    }
}

/// The table of one scenario.
pub fn table(name: &str, results: &Results) -> String {
    let mut text = format!("{name}, {} seeds\n{:<24}", results.seeds, "");
    for (heading, _) in COLUMNS {
        let _ = write!(text, "{heading:>9}");
    }
    text.push('\n');
    for subject in results.subjects() {
        let _ = write!(text, "{subject:<24}");
        for (_, metric) in COLUMNS {
            let value = results.median(&subject, metric).or_else(|| results.median(&subject, stand_in(metric)));
            let _ = write!(text, "{:>9}", value.map_or_else(|| "-".to_owned(), figure));
        }
        text.push('\n');
    }
    text
}
