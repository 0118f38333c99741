//! What is found out of the ordinary, and what is not.

use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::{Aggregator, Anomaly, Detector, RobustScore, Verdict};
use serde::{Deserialize, Serialize};

use super::{Seeded, having_added, restored};

/// At which of the numbers something unusual was found.
fn unusual(detector: RobustScore, numbers: impl IntoIterator<Item = f64>) -> Vec<usize> {
    let mut detector = detector;
    let judged = numbers.into_iter().map(|number| detector.judge(Moment::ZERO, number));
    judged
        .enumerate()
        .filter(|(_, verdict)| verdict.is_some_and(|verdict| verdict.unusual))
        .map(|(place, _)| place)
        .collect()
}

#[test]
fn noise_is_not_unusual() {
    // Would break: an alarm every few minutes about nothing.
    let mut seeded = Seeded(9);
    for (usual, spread) in [(100.0, 1.0), (0.0, 1.0), (-5e6, 1e5), (1e-9, 1e-10)] {
        let found = unusual(RobustScore::new(), (0..100_000).map(|_| usual + spread * seeded.normal()));
        assert!(found.len() <= 10, "{usual} {spread}: {}", found.len());
    }
    let uniform = unusual(RobustScore::new(), (0..100_000).map(|_| seeded.uniform()));
    assert_eq!(uniform.len(), 0);
}

#[test]
fn outliers_are_found_and_do_not_hide_each_other() {
    // Would break: a usual or a spread that the first outlier carries off, so that the next goes unseen or all after it is unusual.
    let mut seeded = Seeded(10);
    let spikes = [(200, 1e6), (201, 112.0), (230, 112.0), (231, -1e9), (900, 88.0)];
    let spike = |place| spikes.iter().find(|(at, _)| *at == place).map(|(_, number)| *number);
    let numbers = (0..1_000).map(|place| spike(place).unwrap_or_else(|| 100.0 + seeded.normal()));
    assert_eq!(unusual(RobustScore::new(), numbers), spikes.map(|(place, _)| place));
}

#[test]
fn a_new_level_is_told_and_then_learned() {
    // Would break: a detector that alarms for ever after a deploy, or one that swallows the change.
    let mut seeded = Seeded(11);
    let found =
        unusual(RobustScore::new(), (0..1_500).map(|place| if place < 500 { 100.0 } else { 300.0 } + seeded.normal()));
    assert!(found.starts_with(&[500, 501, 502]) && found.len() < 300, "{}", found.len());
    assert!(found.last() < Some(&800), "{:?}", found.last());
}

#[test]
fn what_never_moved_is_judged_without_dividing_by_nothing() {
    // Would break: scores of NaN or infinity after a constant, and a zero that can never be left.
    let mut detector = RobustScore::new();
    for _ in 0..200 {
        assert!(detector.judge(Moment::ZERO, 0.0).is_none_or(|verdict| verdict.score == 0.0));
    }
    let verdict = detector.judge(Moment::ZERO, -2.0).unwrap();
    assert!(verdict.unusual && verdict.score < 0.0 && verdict.score.is_finite());
    let mut seeded = Seeded(12);
    let found = unusual(detector, (0..2_000).map(|_| 50.0 + seeded.normal()));
    assert!(found.last() < Some(&1_000), "{:?}", found.last());
    // a thousandth of what it always was is nothing to be told about
    let nearly = (0..200).map(|place| if place == 100 { 1_000.5 } else { 1_000.0 });
    assert!(unusual(RobustScore::new(), nearly).is_empty());
}

#[test]
fn nothing_is_judged_before_enough_is_learned() {
    // Would break: everything is unusual after a start.
    let wild = (0..30).map(|place| if place % 2 == 0 { 1.0 } else { 1e6 });
    let anomaly = having_added(Anomaly::new(), wild);
    assert_eq!((anomaly.output().value, anomaly.output().taken), (None, 30));
}

#[test]
fn merged_detectors_know_what_both_learned() {
    // Would break: merging panes of a window that forgets one side, or lets an empty one dilute the other.
    let mut seeded = Seeded(13);
    let mut noise =
        |usual: f64| having_added(Anomaly::new(), (0..500).map(|_| usual + seeded.normal()).collect::<Vec<_>>());
    let (low, high) = (noise(90.0), noise(110.0));
    let (mut one, mut other) = (low, high);
    one.merge(&high);
    other.merge(&low);
    let judged = |mut anomaly: Anomaly, number: f64| {
        anomaly.add(Moment::from_secs(9_999), &number);
        anomaly.output().value.unwrap().latest
    };
    for number in [90.0, 100.0, 110.0] {
        assert!(!judged(one, number).unusual);
    }
    assert!(judged(one, 200.0).unusual && judged(low, 110.0).unusual);
    let (scores, mirrored) = (judged(one, 140.0).score, judged(other, 140.0).score);
    assert!((scores - mirrored).abs() < 1e-9);
    assert_eq!(one.output().value.unwrap().judged, 2 * 470);
    // the latest is so by its moment, not by the order of merging
    let mut late = low;
    late.add(Moment::from_secs(9_999), &91.0);
    let (mut kept, mut taken) = (late, low);
    kept.merge(&low);
    taken.merge(&late);
    assert_eq!([kept, taken].map(|anomaly| anomaly.output().value.unwrap().latest.number), [91.0, 91.0]);
    let mut with_nothing = low;
    with_nothing.merge(&Anomaly::new());
    assert_eq!(with_nothing, low);
}

/// A detector of somebody's own: a limit, and how often it was asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Above {
    limit: f64,
    asked: u64,
}

impl Detector for Above {
    fn judge(&mut self, _at: Moment, number: f64) -> Option<Verdict> {
        self.asked += 1;
        Some(Verdict { score: number - self.limit, unusual: number > self.limit })
    }

    fn merge(&mut self, other: &Self) {
        self.asked += other.asked;
    }
}

#[test]
fn a_detector_of_ones_own_is_asked_about_every_finite_number() {
    // Would break: an aggregate that only works with the detector that is here, or shows it what is no number.
    let fresh = Anomaly::by(Above { limit: 10.0, asked: 0 });
    let mut anomaly = having_added(fresh.clone(), [1.0, 12.0, f64::NAN, 50.0, 3.0]);
    let mut more = fresh;
    more.add(Moment::from_secs(100), &11.0);
    anomaly.merge(&restored(&more));
    let says = anomaly.output();
    let found = says.value.unwrap();
    assert_eq!((says.taken, says.refused, found.judged, found.unusual), (5, 1, 5, 3));
    assert_eq!((found.latest.number, found.farthest.number, found.farthest.at), (11.0, 50.0, Moment::from_secs(3)));
}
