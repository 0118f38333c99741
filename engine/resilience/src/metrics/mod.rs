//! The numbers of stacks and of single policies in the Prometheus text format: register a [`PolicyMetrics`] with a
//! `prometheus_client` registry. Made from snapshots when somebody scrapes; nothing is done on the path of a call.
//!
//! Every series has the label `stack`: the name of the stack, or of the policy where one stands alone. What a stack does not use
//! has no series. Always holds: no label is taken from a call, and endpoints beyond a limit are summed up as `(others)`, so that the
//! number of series is bounded by the program. All durations are seconds.
//!
//! | name | further labels | what |
//! |---|---|---|
//! | `resilience_calls_total` | `priority`, `outcome` | calls that ended: `good`, `failed`, `full`, `ignored`, `refused`, `late`, `instead` (the fallback answered), `given_up` |
//! | `resilience_calls_in_flight` | `priority` | calls under way |
//! | `resilience_call_seconds` | | how long calls took that were neither refused nor given up (histogram) |
//! | `resilience_refusals_total` | `policy` | calls refused by `rate`, `breaker`, `limit`, `line` (all endpoints are full, and it would wait in vain) or `deadline` |
//! | `resilience_fallbacks_total` | `result` | times the fallback was asked: it had an answer (`answered`) or not (`without`) |
//! | `resilience_attempts_total` | `outcome` | attempts that ended, at endpoints that are gone included |
//! | `resilience_extra_attempts_total` | `result` | attempts after the first, as the budget sees them: `paid`, `paid_back` (not made after all), `refused` |
//! | `resilience_extra_attempts_available` | | extra attempts that could be paid now |
//! | `resilience_retries_total` | | attempts after a pause |
//! | `resilience_retries_recovered_total` | | calls that such an attempt ended well |
//! | `resilience_retries_left_out_total` | `reason` | failures without another attempt: `attempts`, `not_repeatable`, `time`, `budget` |
//! | `resilience_hedges_total` | `result` | attempts beside a slow one: `fired`, `won`; and attempts dropped because another was faster: `wasted` |
//! | `resilience_failovers_total` | | attempts at once in place of one that failed |
//! | `resilience_hedge_after_seconds` | | after how long an attempt is hedged now |
//! | `resilience_breaker_state` | `state` | 1 for what the breaker is, 0 for what it is not |
//! | `resilience_breaker_opened_total` | | how often it has opened by itself |
//! | `resilience_breaker_failed_share` | | the share of the calls in its window that failed |
//! | `resilience_breaker_slow_share` | | the share that was slow |
//! | `resilience_breaker_retry_in_seconds` | | until it lets a trial through; none while it is forced open |
//! | `resilience_degradation` | | eternal mode: 0 when all is well, 1 when nothing works |
//! | `resilience_probes_total` | | eternal mode: probes sent |
//! | `resilience_probes_in_flight` | | eternal mode: probes under way |
//! | `resilience_probes_available` | | eternal mode: probes that could be sent at once |
//! | `resilience_probe_timeout_seconds` | | eternal mode: how long the next probe may take |
//! | `resilience_limit` | | calls that may be under way at once, learned or given |
//! | `resilience_limit_in_flight` | | calls that count against it |
//! | `resilience_limit_admitted_total` | `priority` | calls let in |
//! | `resilience_limit_refused_total` | `priority`, `reason` | calls not let in: `full`, `shed` (made way), `late` (waited too long), `given_up` in line |
//! | `resilience_limit_waiting` | `priority` | calls in line |
//! | `resilience_line_waiting` | `priority` | attempts in line because all endpoints are full |
//! | `resilience_line_entered_total` | `priority` | attempts that had to wait there |
//! | `resilience_limit_latency_seconds` | `which` | what a learned limit goes by: the `least` latency, and that of `late` |
//! | `resilience_rate_admitted_total` | | calls within the rate |
//! | `resilience_rate_available` | | calls that could come at once now |
//! | `resilience_rate_store_lost` | | 1 while the shared store is away and the local limiter decides |
//! | `resilience_coalesced_total` | `role` | calls that asked for what others may have asked for: `led`, `shared`, `took_over`, `alone` |
//! | `resilience_endpoints` | `standing` | endpoints: `liked`, `doubted`, `ejected` |
//! | `resilience_endpoints_in_flight` | | attempts under way at all of them |
//! | `resilience_endpoints_panicking` | | 1 while so many fail that none is left out |
//! | `resilience_ejections_total` | | how often an endpoint was left out for a while |
//! | `resilience_endpoint_attempts_total` | `endpoint`, `outcome` | attempts there that ended |
//! | `resilience_endpoint_ejections_total` | `endpoint` | how often it was left out |
//! | `resilience_endpoint_in_flight` | `endpoint` | attempts under way there |
//! | `resilience_endpoint_standing` | `endpoint`, `standing` | 1 for where it stands, 0 for the others |
//! | `resilience_endpoint_works` | `endpoint` | how likely it works |
//! | `resilience_endpoint_full` | `endpoint` | 1 while it has said that it has no room |
//! | `resilience_endpoint_room` | `endpoint` | how many of our calls it has room for; none until it said that it is full |
//! | `resilience_endpoint_latency_seconds` | `endpoint`, `share` | within how long this share of its good answers came: `0.5`, `0.95` (not `quantile`, which is for summaries) |

mod endpoints;
mod numbers;
mod table;

use std::collections::{HashMap, HashSet};
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

pub use self::numbers::Numbers;
use crate::stack::{Stack, StackSnapshot, WAIT_BOUNDS_MS, WaitsSnapshot};

/// Endpoints of a stack that are shown one by one, unless told otherwise: at 14 series each still less than most programs export.
const ENDPOINTS_MAX: usize = 100;

/// Labels besides `stack`.
type Labels<'a> = &'a [(&'static str, &'a str)];
/// Takes a value with its labels.
type Put<'a, V> = &'a mut dyn FnMut(Labels<'_>, V);
/// A name, a help text, and what reads the values; `_total` is added by the format.
type Row<V> = (&'static str, &'static str, fn(&Numbers, Put<'_, V>));

/// Stacks and policies, for a registry.
pub struct PolicyMetrics {
    look: Box<dyn Fn() -> Vec<Numbers> + Send + Sync>,
    endpoints_max: usize,
}

impl PolicyMetrics {
    /// Metrics of whatever `look` finds: all stacks of a program, in one collector, because a registry must not have a name twice.
    pub fn of<N: Into<Numbers>>(look: impl Fn() -> Vec<N> + Send + Sync + 'static) -> Self {
        let look = move || look().into_iter().map(Into::into).collect();
        Self { look: Box::new(look), endpoints_max: ENDPOINTS_MAX }
    }

    /// Shows so many endpoints of a stack one by one, the first by name; 100 unless said.
    #[must_use]
    pub fn endpoints_max(self, endpoints_max: usize) -> Self {
        Self { endpoints_max, ..self }
    }

    fn seen(&self) -> Vec<Numbers> {
        let mut seen = (self.look)();
        // Two of one name would make the same series twice, which a scraper refuses: the later ones bear a number, the first that
        // makes a name which nobody has.
        let mut taken: HashSet<String> = seen.iter().map(|numbers| numbers.name.clone()).collect();
        let mut last = HashMap::new();
        for numbers in &mut seen {
            let Some(count) = last.get_mut(&numbers.name) else {
                last.insert(numbers.name.clone(), 1_u32);
                continue;
            };
            // It ends: there are no more names taken than policies.
            loop {
                *count += 1;
                let name = format!("{}-{count}", numbers.name);
                if taken.insert(name.clone()) {
                    numbers.name = name;
                    break;
                }
            }
        }
        seen
    }
}

impl<T: Send + Sync + 'static> Stack<T> {
    /// The metrics of this stack alone; for several see [`PolicyMetrics::of`].
    pub fn metrics(&self) -> PolicyMetrics {
        let stack = self.clone();
        PolicyMetrics::of(move || -> Vec<StackSnapshot> { vec![stack.snapshot()] })
    }
}

impl fmt::Debug for PolicyMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PolicyMetrics")
    }
}

impl Collector for PolicyMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let seen = self.seen();
        let counter = |value: &u64, metric: MetricEncoder<'_>| ConstCounter::new(*value).encode(metric);
        let gauge = |value: &f64, metric: MetricEncoder<'_>| ConstGauge::new(*value).encode(metric);
        for (name, help, read) in table::COUNTERS.into_iter().chain(table::LIMIT_COUNTERS) {
            family(&mut encoder, (name, help, MetricType::Counter), &values(&seen, read), counter)?;
        }
        for (name, help, read) in table::GAUGES {
            family(&mut encoder, (name, help, MetricType::Gauge), &values(&seen, read), gauge)?;
        }
        let waits = "How long calls took that were neither refused nor given up";
        let of_calls = |numbers: &Numbers, put: Put<'_, WaitsSnapshot>| {
            if let Some(calls) = &numbers.calls {
                put(&[], calls.waits);
            }
        };
        let head = ("resilience_call_seconds", waits, MetricType::Histogram);
        family(&mut encoder, head, &values(&seen, of_calls), histogram)?;
        let named =
            |read: endpoints::Read<u64>| values(&seen, |of, put| endpoints::each(of, self.endpoints_max, read, put));
        for (name, help, read) in endpoints::COUNTERS {
            family(&mut encoder, (name, help, MetricType::Counter), &named(read), counter)?;
        }
        let named =
            |read: endpoints::Read<f64>| values(&seen, |of, put| endpoints::each(of, self.endpoints_max, read, put));
        for (name, help, read) in endpoints::GAUGES {
            family(&mut encoder, (name, help, MetricType::Gauge), &named(read), gauge)?;
        }
        Ok(())
    }
}

/// A value and all its labels.
type Series<V> = (Vec<(&'static str, String)>, V);

fn values<V>(seen: &[Numbers], read: impl Fn(&Numbers, Put<'_, V>)) -> Vec<Series<V>> {
    let mut all = Vec::new();
    for numbers in seen {
        read(numbers, &mut |labels, value| {
            let labels = labels.iter().map(|(name, value)| (*name, escaped(value)));
            all.push((std::iter::once(("stack", escaped(&numbers.name))).chain(labels).collect(), value));
        });
    }
    all
}

fn family<V>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, kind): (&str, &str, MetricType),
    all: &[Series<V>],
    encode: impl Fn(&V, MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    all.iter().try_for_each(|(labels, value)| encode(value, family.encode_family(labels)?))
}

/// A label's value as the format wants it; the encoder writes it as it is.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn histogram(waits: &WaitsSnapshot, mut metric: MetricEncoder<'_>) -> fmt::Result {
    let bounds = WAIT_BOUNDS_MS.iter().map(|bound| *bound as f64 / 1e3).chain([f64::MAX]);
    let buckets: Vec<(f64, u64)> = bounds.zip(waits.buckets).collect();
    metric.encode_histogram::<NoLabelSet>(waits.total_us as f64 / 1e6, waits.buckets.iter().sum(), &buckets, None)
}
