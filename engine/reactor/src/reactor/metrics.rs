//! A reactor's metrics in the Prometheus text format: register a [`ReactorMetrics`] with a `prometheus_client` registry.
//!
//! Always holds: the labels are classes and names of handlers, never anything an event says, so their number is bounded by the
//! program.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::snapshot::{ClassSnapshot, HandlerSnapshot, ReactorSnapshot};
use super::{BUCKET_BOUNDS_NS, HandlerState, Observer, TimingSnapshot};
use crate::event::Event;

const NANOS_A_SECOND: f64 = 1e9;

type OfClass = fn(&ClassSnapshot) -> u64;
type OfHandler = fn(&HandlerSnapshot) -> u64;

/// Counters of each class: name, help, value. `_total` is added by the format.
const CLASS_COUNTERS: [(&str, &str, OfClass); 10] = [
    ("reactor_events_let_in", "Events let in, by class", |class| class.lane.taken),
    ("reactor_events_dispatched", "Events the loop has passed on, by class", |class| class.dispatched),
    ("reactor_events_dropped", "Events lost to a full class, by class", |class| class.lane.losses.dropped()),
    ("reactor_events_coalesced", "Events replaced by a newer one with the same key, by class", |class| {
        class.lane.losses.coalesced
    }),
    ("reactor_events_refused", "Events given back to whoever emitted them, by class", |class| {
        class.lane.losses.refused
    }),
    ("reactor_events_lost_in_mailboxes", "Events lost to full mailboxes, by class", |class| class.lost_in_mailboxes),
    ("reactor_events_orphaned", "Events whose reader went away before it began with them, by class", |class| {
        class.orphaned
    }),
    ("reactor_events_cut_off", "Events in calls that were cut off, by class", |class| class.cut_off),
    ("reactor_pauses", "How often a reader that loses nothing had a class held, by class", |class| class.pauses),
    ("reactor_handled", "Calls of handlers that came to an end, by class", |class| class.handler_time.count),
];

/// Gauges of each class.
const CLASS_GAUGES: [(&str, &str, OfClass); 4] = [
    ("reactor_queue_depth", "Events waiting in front of the loop, by class", |class| class.lane.depth as u64),
    ("reactor_queue_capacity", "Events that may wait in front of the loop, by class", |class| {
        class.lane.lane.capacity as u64
    }),
    ("reactor_emitters_waiting", "Emitters waiting for room, by class", |class| class.emitters_waiting as u64),
    ("reactor_holds", "Readers that hold a class now, by class", |class| class.lane.holds as u64),
];

/// Counters of each handler.
const HANDLER_COUNTERS: [(&str, &str, OfHandler); 7] = [
    ("reactor_handler_events", "Events taken, by handler", |handler| handler.handled),
    ("reactor_handler_failures", "Events in calls that failed, by handler", |handler| handler.failed),
    ("reactor_handler_panics", "Events in calls that panicked, by handler", |handler| handler.panicked),
    ("reactor_handler_timeouts", "Events in calls that took too long, by handler", |handler| handler.timed_out),
    ("reactor_handler_restarts", "How often a handler began anew", |handler| handler.restarts),
    ("reactor_handler_copy_panics", "Events that panicked when they were copied for it, by handler", |handler| {
        handler.copy_panics
    }),
    ("reactor_handler_dropped", "Events lost to a full mailbox, by handler", |handler| {
        handler.mailbox.0.iter().map(|lane| lane.losses.dropped()).sum()
    }),
];

/// Gauges of each handler.
const HANDLER_GAUGES: [(&str, &str, OfHandler); 2] = [
    ("reactor_mailbox_depth", "Events waiting in the mailbox, by handler", |handler| {
        handler.mailbox.0.iter().map(|lane| lane.depth as u64).sum()
    }),
    ("reactor_handler_up", "Whether a handler takes events, by handler", |handler| {
        u64::from(handler.state == HandlerState::Running)
    }),
];

/// A reactor, for a registry.
pub struct ReactorMetrics(Box<dyn Fn() -> ReactorSnapshot + Send + Sync>);

impl ReactorMetrics {
    /// Metrics of whatever reactor `look` looks at.
    pub fn of(look: impl Fn() -> ReactorSnapshot + Send + Sync + 'static) -> Self {
        Self(Box::new(look))
    }
}

impl<E: Event> Observer<E> {
    /// The reactor's metrics.
    pub fn metrics(&self) -> ReactorMetrics {
        let observer = self.clone();
        ReactorMetrics::of(move || observer.snapshot())
    }
}

impl fmt::Debug for ReactorMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ReactorMetrics")
    }
}

impl Collector for ReactorMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let seen = (self.0)();
        for (name, help, value) in CLASS_COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            by_class(&seen, &mut family, |class, metric| ConstCounter::new(value(class)).encode(metric))?;
        }
        for (name, help, value) in CLASS_GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            by_class(&seen, &mut family, |class, metric| ConstGauge::new(value(class)).encode(metric))?;
        }
        let help = "How long the oldest event has waited in front of the loop, by class";
        let mut family = encoder.encode_descriptor("reactor_queue_age_seconds", help, None, MetricType::Gauge)?;
        by_class(&seen, &mut family, |class, metric| {
            ConstGauge::new(class.lane.oldest_age_ns as f64 / NANOS_A_SECOND).encode(metric)
        })?;
        let help = "How long handlers took for an event, by class";
        let name = "reactor_handler_seconds";
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        by_class(&seen, &mut family, |class, metric| histogram(&class.handler_time, metric))?;
        for (name, help, value) in HANDLER_COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            by_handler(&seen, &mut family, |handler, metric| ConstCounter::new(value(handler)).encode(metric))?;
        }
        for (name, help, value) in HANDLER_GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            by_handler(&seen, &mut family, |handler, metric| ConstGauge::new(value(handler)).encode(metric))?;
        }
        let letters = seen.dead_letters;
        for (name, help, value) in [
            ("reactor_unwanted", "Events that nobody wanted", seen.unwanted),
            ("reactor_dead_letters", "Events that a handler did not take", letters.total),
            ("reactor_dead_letters_forgotten", "Dead letters dropped because nobody took them", letters.forgotten),
        ] {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            ConstCounter::new(value).encode(metric)?;
        }
        Ok(())
    }
}

fn by_class(
    seen: &ReactorSnapshot,
    family: &mut MetricEncoder<'_>,
    encode: impl Fn(&ClassSnapshot, MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    seen.classes.iter().try_for_each(|class| encode(class, family.encode_family(&[("class", class.class.name())])?))
}

fn by_handler(
    seen: &ReactorSnapshot,
    family: &mut MetricEncoder<'_>,
    encode: impl Fn(&HandlerSnapshot, MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    // Two handlers of one name would make the same series twice, which a scraper refuses: the later ones bear a number.
    let mut seen_names = std::collections::HashMap::new();
    seen.handlers.iter().try_for_each(|handler| {
        let count = seen_names.entry(handler.name.as_str()).or_insert(0_u32);
        *count += 1;
        let name = if *count == 1 { handler.name.clone() } else { format!("{}-{count}", handler.name) };
        encode(handler, family.encode_family(&[("handler", escaped(&name))])?)
    })
}

/// A label's value as the format wants it; the encoder writes it as it is.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn histogram(times: &TimingSnapshot, mut metric: MetricEncoder<'_>) -> fmt::Result {
    let bounds = BUCKET_BOUNDS_NS.iter().map(|bound| *bound as f64 / NANOS_A_SECOND).chain([f64::MAX]);
    let buckets: Vec<(f64, u64)> = bounds.zip(times.buckets).collect();
    metric.encode_histogram::<NoLabelSet>(times.total_ns as f64 / NANOS_A_SECOND, times.count, &buckets, None)
}
