//! The bar: what was promised, what was measured, and whether that is met. Computed from the rows of the report, so that a page can
//! say nothing else than the figures do.

use super::latency::Profile;
use super::scenario::{ROOMY, Scenario, TIGHT};
use super::schedule::Schedule;
use super::suite::ABLATION;
use crate::report::{Report, Row};
use crate::verdict::{Verdict, at_least, at_most};

/// The rows of the ablation without any policy, and with everything.
const NOTHING: &str = "direct-random";
const EVERYTHING: &str = "ablation-everything";
const ORACLE: &str = "oracle";
/// What a library must beat to be worth more than an afternoon.
const PROTOTYPE: &str = "prototype";

/// All promises about one subject.
pub fn verdicts(report: &Report, subject: &str) -> Vec<Verdict> {
    let look = Look { report, subject };
    let switch = look.case(Schedule::Switch80, TIGHT, "load 0.7");
    let roomy = look.case(Schedule::Switch80, ROOMY, "load 0.7");
    let once = look.case(Schedule::SwitchOnce, TIGHT, "12 a second");
    let once_roomy = look.case(Schedule::SwitchOnce, ROOMY, "12 a second");
    let mut verdicts = vec![
        at_least(
            "switch80 at 0.7: goodput, in percent of the oracle's",
            95.0,
            look.of_oracle(&switch, "goodput_5s_percent"),
        ),
        at_least(
            "switch80 at 0.7: goodput of what arrives 2 s or more after a switch, percent",
            90.0,
            look.median(&switch, "goodput_calm_percent"),
        ),
        at_most(
            "switch80 at 0.7: attempts a request over every 10 s, the worst seed",
            1.5,
            look.max(&switch, "attempts_10s_max_per_request"),
        ),
        at_most("switch80 at 0.7: duplicate POSTs, the worst seed", 0.0, look.max(&switch, "duplicate_posts")),
        at_least(
            "switch80 at 0.7, tight: points of goodput over the prototype without a budget",
            0.0,
            look.over_prototype(&switch),
        ),
        at_least(
            "switch80 at 0.7, roomy: points of goodput over the prototype without a budget",
            0.0,
            look.over_prototype(&roomy),
        ),
        at_most("switch80 at 0.7, roomy: attempts a request", 1.5, look.median(&roomy, "attempts_per_request")),
        at_least(
            "switch-once, tight: percent, the first prototype's at 3.3 attempts",
            86.4,
            look.median(&once, "goodput_5s_percent"),
        ),
        at_least(
            "switch-once, roomy: percent, the first prototype's at 1.8 attempts",
            97.8,
            look.median(&once_roomy, "goodput_5s_percent"),
        ),
        at_most(
            "switch-once, the worse of both: attempts a request",
            1.5,
            [&once, &once_roomy]
                .into_iter()
                .filter_map(|case| look.median(case, "attempts_per_request"))
                .reduce(f64::max),
        ),
        at_most(
            "iid80: points from the bound of any policy, the attempts that were drawn to go well (a fifth, give or take luck)",
            1.0,
            look.points_off_the_bound(),
        ),
    ];
    let overload = look.case(Schedule::Overload, TIGHT, "load 1.2");
    verdicts.push(at_least(
        "overload: the top tier's goodput, percent",
        99.0,
        look.median(&overload, "goodput_critical_percent"),
    ));
    let healthy = look.fast(Schedule::Healthy);
    let healthy = healthy.as_deref().unwrap_or_default();
    verdicts.push(at_most(
        "healthy, lognormal: attempts a request",
        1.05,
        look.median(healthy, "attempts_per_request"),
    ));
    let shrunk = look.median_of(NOTHING, healthy, "p999_ms").zip(look.median(healthy, "p999_ms"));
    verdicts.push(at_least(
        "healthy, lognormal: p99.9 without a policy, as a multiple of ours",
        2.0,
        shrunk.map(|(nothing, ours)| nothing / ours),
    ));
    verdicts
}

/// What the whole library costs beside no policy, on healthy traffic: the aims of the ablation.
pub fn costs(report: &Report) -> Vec<Verdict> {
    let look = Look { report, subject: EVERYTHING };
    let case =
        report.rows.iter().find(|row| row.case.starts_with(ABLATION) && row.case.contains(Schedule::Healthy.name()));
    let Some(case) = case.map(|row| row.case.clone()) else { return Vec::new() };
    let more = |metric| {
        let (everything, nothing) = (look.median(&case, metric)?, look.median_of(NOTHING, &case, metric)?);
        Some((everything / nothing - 1.0) * 100.0)
    };
    vec![
        at_most("healthy: processor time of everything over no policy, percent more", 10.0, more("cpu_us_per_request")),
        at_most("healthy: peak memory of everything over no policy, percent more", 10.0, more("peak_rss_mib")),
    ]
}

/// Looks up rows.
struct Look<'a> {
    report: &'a Report,
    subject: &'a str,
}

impl Look<'_> {
    /// The name of the case of the contest with this load.
    fn case(&self, schedule: Schedule, slots: usize, load: &str) -> String {
        let room = Scenario::room(slots);
        format!("{}, {}, {room}, {load}", schedule.name(), Profile::Uniform.name())
    }

    /// The name of the case of the contest with fast answers, whatever its load.
    fn fast(&self, schedule: Schedule) -> Option<String> {
        let begin = format!("{}, {}", schedule.name(), Profile::Lognormal.name());
        self.report.rows.iter().map(|row| &row.case).find(|case| case.starts_with(&begin)).cloned()
    }

    fn row(&self, subject: &str, case: &str, metric: &str) -> Option<&Row> {
        self.report.rows.iter().find(|row| row.subject == subject && row.case == case && row.metric == metric)
    }

    fn median_of(&self, subject: &str, case: &str, metric: &str) -> Option<f64> {
        self.row(subject, case, metric).map(|row| row.median)
    }

    fn median(&self, case: &str, metric: &str) -> Option<f64> {
        self.median_of(self.subject, case, metric)
    }

    fn max(&self, case: &str, metric: &str) -> Option<f64> {
        self.row(self.subject, case, metric).map(|row| row.max)
    }

    fn of_oracle(&self, case: &str, metric: &str) -> Option<f64> {
        Some(self.median(case, metric)? / self.median_of(ORACLE, case, metric)? * 100.0)
    }

    fn over_prototype(&self, case: &str) -> Option<f64> {
        let goodput = "goodput_5s_percent";
        Some(self.median(case, goodput)? - self.median_of(PROTOTYPE, case, goodput)?)
    }

    /// Where every attempt fails by itself with 80 %, no policy answers more requests than a fifth of its attempts: in this run,
    /// than the attempts that were drawn to go well.
    fn points_off_the_bound(&self) -> Option<f64> {
        let case = self.case(Schedule::Iid80, TIGHT, "load 0.7");
        let bound = 100.0 * self.median(&case, "attempts_fated_good_per_request")?;
        Some((self.median(&case, "goodput_5s_percent")? - bound).abs())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::machine::Machine;

    // Would break: a promise that is called met although it was missed, or never measured.
    #[test]
    fn what_is_missed_is_said_to_be() {
        let machine = Machine::describe(std::path::Path::new("/"), BTreeMap::new());
        let mut report = Report::new("massive-failure", true, machine);
        let case = "switch80, uniform, tight, load 0.7";
        for (subject, goodput) in [("homeostat", [89.0, 90.0, 91.0]), ("oracle", [99.0, 100.0, 100.0])] {
            report.add(subject, case, "goodput_5s_percent", "%", &goodput);
        }
        report.add("homeostat", case, "attempts_10s_max_per_request", "attempts", &[1.2, 1.6, 1.3]);
        report.add("homeostat", case, "duplicate_posts", "requests", &[0.0, 0.0, 0.0]);
        let verdicts = verdicts(&report, "homeostat");
        assert_eq!((verdicts[0].measured.as_str(), verdicts[0].is_met), ("90.00", Some(false)));
        assert_eq!((verdicts[2].measured.as_str(), verdicts[2].is_met), ("1.60", Some(false)));
        assert_eq!(verdicts[3].is_met, Some(true));
        assert_eq!((verdicts[1].measured.as_str(), verdicts[1].is_met), ("not measured", None));
        assert!(costs(&report).is_empty());
    }
}
