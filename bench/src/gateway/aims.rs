//! The aims of the gateway and whether they are met, from the rows of a report.
//!
//! Called by the page. An aim of several sizes of body is missed if one of them misses it: the worst is shown, once all were measured. What
//! was not measured is said to be so, and never left out.

use super::cost::Protocol;
use super::page::{CPU, find};
use super::parts::{BODIES, IDLE, OPEN_LOOP, RATE_METRIC, RELOADED, UPGRADED};
use super::subjects::SubjectKind;
use crate::report::Report;
use crate::verdict::{Verdict, at_least, at_most};

/// Answers a second that are enough: five thousand are asked for, and a clock is not exact.
const ANSWERS_MIN_PER_S: f64 = 4_990.0;

/// All aims.
pub fn verdicts(report: &Report) -> Vec<Verdict> {
    use SubjectKind::{Envoy, Homeostat, HomeostatFull, Nginx};
    let look = Look(report);
    let mut verdicts = Vec::new();
    for protocol in Protocol::ALL {
        let name = protocol.name();
        let plain = look.most_times(Homeostat, Nginx, "", protocol);
        verdicts.push(at_most(&format!("forwarded, {name}: CPU as a multiple of nginx's, the worst size"), 1.0, plain));
        let full = look.most_times(HomeostatFull, Envoy, "", protocol);
        let what = format!("full chain, {name}: CPU as a multiple of Envoy's without any policy, the worst size");
        verdicts.push(at_most(&what, 1.0, full));
    }
    let cached = look.most_times(Homeostat, Nginx, "cached, ", Protocol::Clear);
    verdicts.push(at_most("cached answers: CPU as a multiple of nginx's, the worst size", 1.0, cached));
    let memory = look.times(Homeostat, Nginx, IDLE, "rss_mib");
    verdicts.push(at_most("10,000 idle connections: resident memory as a multiple of nginx's", 2.0, memory));
    for (kind, what) in [(Homeostat, "as it comes"), (HomeostatFull, "full chain")] {
        let of = |metric| look.median(kind, OPEN_LOOP, metric);
        verdicts.push(at_most(&format!("{OPEN_LOOP}, {what}: added p99 in ms"), 2.0, of("added_p99_ms")));
        verdicts.push(at_most(&format!("{OPEN_LOOP}, {what}: errors"), 0.0, look.most(kind, OPEN_LOOP, "errors")));
        verdicts.push(at_least(&format!("{OPEN_LOOP}, {what}: answers a second"), ANSWERS_MIN_PER_S, of(RATE_METRIC)));
    }
    for case in [RELOADED, UPGRADED] {
        verdicts.push(at_most(&format!("{case}: failed requests"), 0.0, look.most(Homeostat, case, "failed")));
    }
    verdicts
}

struct Look<'a>(&'a Report);

impl Look<'_> {
    fn median(&self, kind: SubjectKind, case: &str, metric: &str) -> Option<f64> {
        find(self.0, kind.name(), case, metric).map(|row| row.median)
    }

    fn most(&self, kind: SubjectKind, case: &str, metric: &str) -> Option<f64> {
        find(self.0, kind.name(), case, metric).map(|row| row.max)
    }

    fn times(&self, kind: SubjectKind, other: SubjectKind, case: &str, metric: &str) -> Option<f64> {
        Some(self.median(kind, case, metric)? / self.median(other, case, metric)?)
    }

    /// The worst of all sizes of body; nothing unless each was measured, as the missing one may be the worst.
    fn most_times(&self, kind: SubjectKind, other: SubjectKind, prefix: &str, protocol: Protocol) -> Option<f64> {
        let case = |size: &str| format!("{prefix}{}, {size}", protocol.name());
        let all: Option<Vec<f64>> = BODIES.iter().map(|(_, size)| self.times(kind, other, &case(size), CPU)).collect();
        all?.into_iter().reduce(f64::max)
    }
}
