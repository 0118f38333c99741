//! Rules as data: how they read, how they are refused, what they decide and count.

use std::collections::HashMap;
use std::num::NonZeroU32;

use futures::StreamExt;
use homeostat_reactor::route::{
    Choose, Condition, Limit, NAME_BYTES_MAX, RULES_MAX, Router, RouterError, Rule, Rules, Step, Target, When,
};
use homeostat_reactor::{Class, Lane, ManualClock, Moment, Outcome, Overflow};
use proptest::prelude::*;

use super::{Note, assert_conserved, delivery, everything_to, region, rule, tracked};

const ROOMY: Lane = Lane { capacity: 4_096, overflow: Overflow::Block };

const FILE: &str = r#"
choose = "all"
default = ["archive"]

[[rule]]
name = "big orders"
to = ["billing", "archive"]
sample = 10
limit = { per_second = 100, burst = 20 }
[rule.when]
kind = "Order*"
subject = "shop.orders.**"
classes = ["act", "critical"]
attributes = { region = "eu", tier = { in = ["gold", "silver"] }, test = { exists = false }, tenant = { not = "demo" }, level = 3 }

[[rule]]
name = "the rest"
to = ["archive"]
"#;

#[test]
fn rules_read_from_a_file_as_they_are_written() {
    // Would break: a file that a person has written and that means something else, or that cannot be shown again.
    let rules: Rules = toml::from_str(FILE).unwrap();
    assert_eq!((rules.choose, rules.default.as_slice()), (Choose::All, ["archive".to_owned()].as_slice()));
    let first = &rules.rules[0];
    assert_eq!(first.when.classes, [Class::Act, Class::Critical]);
    let attributes = &first.when.attributes;
    assert_eq!(attributes["region"], Condition::Equal("eu".to_owned()));
    assert_eq!(attributes["level"], Condition::Equal("3".to_owned()));
    assert_eq!(attributes["test"], Condition::Exists { exists: false });
    assert_eq!(attributes["tenant"], Condition::Not { not: Box::new(Condition::Equal("demo".to_owned())) });
    assert_eq!(rules.rules[1].when, When::default());
    let json = serde_json::to_string(&rules).unwrap();
    assert_eq!(serde_json::from_str::<Rules>(&json).unwrap(), rules);
    let ten = NonZeroU32::new(10);
    let limit = Limit { per_second: NonZeroU32::new(100).unwrap(), burst: NonZeroU32::new(20) };
    assert_eq!((first.sample, first.limit), (ten, Some(limit)));
}

#[test]
fn a_file_with_unknown_words_is_refused_with_the_place() {
    // Would break: a misspelt key that is ignored, so that a rule means more than it says.
    for (text, says) in [
        ("chose = \"all\"", "unknown field `chose`"),
        ("[[rule]]\nname = \"a\"\nto = [\"b\"]\nwhen = { knid = \"x\" }", "unknown field `knid`"),
        ("[[rule]]\nname = \"a\"\nto = [\"b\"]\nwhen = { attributes = { x = { is = 1 } } }", "unknown field `is`"),
        ("[[rule]]\nname = \"a\"\nto = [\"b\"]\nwhen = { attributes = { x = {} } }", "the condition is empty"),
        (
            "[[rule]]\nname = \"a\"\nto = [\"b\"]\nwhen = { attributes = { x = { in = [], exists = true } } }",
            "it takes one of `in`, `exists` and `not`",
        ),
        ("[[rule]]\nname = \"a\"\nto = [\"b\"]\nsample = 0", "nonzero"),
    ] {
        let refused = toml::from_str::<Rules>(text).unwrap_err().to_string();
        assert!(refused.contains(says) && refused.contains("line"), "{refused}");
    }
}

#[tokio::test]
async fn every_problem_is_named_with_its_place_and_what_to_do() {
    // Would break: an operator who mends a file one error at a time, or cannot find the error.
    let mut wrong = rule("a", When { kind: Some("x**".to_owned()), ..When::default() }, &["biling"]);
    wrong.when.attributes.insert("tier".to_owned(), Condition::In { r#in: Vec::new() });
    let rules = Rules {
        default: vec!["nowhere".to_owned()],
        rules: vec![wrong, rule("a", region("eu"), &[])],
        ..Rules::default()
    };
    let (billing, _billed) = Target::<Note>::stream("billing", ROOMY);
    let (archive, _archived) = Target::stream("archive", ROOMY);
    let Err(RouterError::Rules(refused)) = Router::builder().target(billing).target(archive).rules(rules).start()
    else {
        panic!("the rules must be refused");
    };
    assert_eq!(
        refused.to_string(),
        "the rules have 6 problems\n  \
         default[0]: there is no target \"nowhere\"; the targets are \"billing\", \"archive\"\n  \
         rule[0].to[0] (rule \"a\"): there is no target \"biling\"; did you mean \"billing\"? the targets are \"billing\", \"archive\"\n  \
         rule[0].when.kind (rule \"a\"): `x**` mixes `**` with other letters; `**` stands alone between dots, and inside a name one \
         `*` is enough; see the patterns of `route::Glob`\n  \
         rule[0].when.attributes.tier (rule \"a\"): `in` names no value, so nothing can hold; name at least one, or use `exists = false`\n  \
         rule[1].name (rule \"a\"): a rule before it is called \"a\" too; counts go by name: give it one of its own\n  \
         rule[1].to (rule \"a\"): it names no target; the targets are \"billing\", \"archive\""
    );
    assert_eq!(refused.problems[0].path, [Step::Key("default".to_owned()), Step::Index(0)]);
}

#[tokio::test]
async fn names_and_numbers_have_limits() {
    // Would break: a generated file of a million rules, or a name that fills the console.
    let router = Router::<Note>::builder().target(Target::handler("a", |_| async {})).start().unwrap();
    let many = Rules { rules: vec![rule("x", When::default(), &["a"]); RULES_MAX + 1], ..Rules::default() };
    assert!(router.exchange(many).unwrap_err().to_string().contains("merge some"));
    for name in ["", " ", "a\nb", &"x".repeat(NAME_BYTES_MAX + 1)] {
        let rules = Rules { rules: vec![rule(name, When::default(), &["a"])], ..Rules::default() };
        assert!(router.exchange(rules).is_err(), "{name:?}");
        assert!(Router::<Note>::builder().target(Target::handler(name, |_| async {})).start().is_err());
    }
    let twice =
        Router::<Note>::builder().target(Target::handler("a", |_| async {})).target(Target::handler("a", |_| async {}));
    assert!(matches!(twice.start(), Err(RouterError::TargetName { .. })));
    let mut many = Router::<Note>::builder();
    for number in 0..65 {
        many = many.target(Target::handler(number.to_string(), |_| async {}));
    }
    assert_eq!(many.start().unwrap_err(), RouterError::TooManyTargets(65));
}

#[test]
fn conditions_hold_of_values_and_of_their_absence() {
    // Would break: events without an attribute that slip through a rule about it, or that a `not` loses.
    let not = |condition| Condition::Not { not: Box::new(condition) };
    let equal = || Condition::Equal("eu".to_owned());
    let among = || Condition::In { r#in: vec!["eu".to_owned(), "us".to_owned()] };
    for (condition, eu, us, absent) in [
        (equal(), true, false, false),
        (among(), true, true, false),
        (Condition::Exists { exists: true }, true, true, false),
        (Condition::Exists { exists: false }, false, false, true),
        (not(equal()), false, true, true),
        (not(among()), false, false, true),
        (not(not(equal())), true, false, false),
    ] {
        assert_eq!((condition.holds(Some("eu")), condition.holds(Some("us")), condition.holds(None)), (eu, us, absent));
    }
}

#[tokio::test]
async fn sampling_and_limits_withhold_and_say_so() {
    // Would break: events thinned out or cut off without a count, or acknowledged as handled.
    let time = ManualClock::new();
    let mut sampled = rule("sampled", region("eu"), &["all"]);
    sampled.sample = NonZeroU32::new(4);
    let mut limited = rule("limited", When::default(), &["all"]);
    limited.limit = Some(Limit { per_second: NonZeroU32::new(10).unwrap(), burst: NonZeroU32::new(2) });
    let (all, mut events) = Target::stream("all", ROOMY);
    let rules = Rules { rules: vec![sampled, limited], ..Rules::default() };
    let router = Router::builder().clock(time.clock()).target(all).rules(rules).start().unwrap();
    for number in 0..8 {
        let (event, receipt) = tracked(Note { region: Some("eu"), ..Note::new(number) });
        router.route(event).await;
        if number % 4 == 0 {
            events.next().await.unwrap().settle(Outcome::Done);
        }
        let expected = if number % 4 == 0 { Outcome::Done } else { Outcome::Skipped };
        assert_eq!(receipt.await.outcome, expected, "{number}");
    }
    let mut through = 0;
    for step in 0..20 {
        let (event, receipt) = tracked(Note::new(step));
        router.route(event).await;
        time.set(Moment::from_millis(u64::from(step + 1) * 50));
        match futures::poll!(events.next()) {
            std::task::Poll::Ready(event) => drop(event),
            std::task::Poll::Pending => assert_eq!(receipt.await.outcome, Outcome::Dropped),
        }
        through = router.snapshot().rules[1].routed;
    }
    // Two at once, then one in a hundred milliseconds of the 950 that passed before the last one.
    assert_eq!(through, 11);
    // The clock goes back: the limit begins anew instead of standing still for as long.
    time.set(Moment::ZERO);
    router.route(delivery(Note::new(99))).await;
    assert_eq!(router.snapshot().rules[1].routed, 12);
    let now = router.snapshot();
    assert_eq!((now.sampled_out, now.over_limit, now.received), (6, 9, 29));
    assert_conserved(&router);
}

#[tokio::test]
async fn the_picture_shows_rules_targets_and_counts() {
    // Would break: a picture that a name with quotes tears apart, or that shows other numbers than the snapshot.
    let (billing, _billed) = Target::stream("billing", ROOMY);
    let rules = Rules {
        rules: vec![rule("say \"eu\" <b>", region("eu"), &["billing"]), rule("us", region("us"), &["log", "billing"])],
        ..Rules::default()
    };
    let router =
        Router::builder().target(billing).target(Target::handler("log", |_| async {})).rules(rules).start().unwrap();
    for (number, region) in [Some("eu"), Some("eu"), Some("us"), None].into_iter().enumerate() {
        router.route(delivery(Note { region, ..Note::new(number as u32) })).await;
    }
    super::until("the log", || router.snapshot().targets[1].delivered == 1).await;
    assert_eq!(
        router.mermaid(),
        "flowchart LR
  events([\"events<br/>4 received\"])
  rule_0[\"say #quot;eu#quot; #lt;b#gt;<br/>matched 2\"]
  events -- 2 --> rule_0
  rule_0 -- 2 --> target_0
  rule_1[\"us<br/>matched 1\"]
  events -- 1 --> rule_1
  rule_1 -- 1 --> target_0
  rule_1 -- 1 --> target_1
  events -. 1 .-> unmatched([\"unmatched\"])
  target_0([\"billing<br/>delivered 0<br/>waiting 3\"])
  target_1[[\"log<br/>delivered 1\"]]
"
    );
    assert_eq!(
        router.text(),
        "  events 4 routed 3 unmatched 1
  rule say \"eu\" <b> -> billing: matched 2
  rule us -> billing, log: matched 1
  target billing: delivered 0 waiting 3
  target log: delivered 1
"
    );
}

/// The region and the class it wants, its targets as bits, and its sampling.
type PlannedRule = (Option<&'static str>, Option<Class>, u8, Option<u32>);

#[derive(Debug, Clone)]
struct Plan {
    choose: Choose,
    default: bool,
    rules: Vec<PlannedRule>,
    notes: Vec<(Option<&'static str>, Class)>,
}

const REGIONS: [Option<&str>; 3] = [None, Some("eu"), Some("us")];
const TARGETS: [&str; 3] = ["a", "b", "c"];

fn plans() -> impl Strategy<Value = Plan> {
    let region = proptest::sample::select(REGIONS.to_vec());
    let class = proptest::sample::select(Class::ALL.to_vec());
    let rule = (region.clone(), proptest::option::of(class.clone()), 1_u8..8, proptest::option::of(1_u32..4));
    let notes = proptest::collection::vec((region, class), 0..40);
    (any::<bool>(), any::<bool>(), proptest::collection::vec(rule, 0..6), notes).prop_map(
        |(first, default, rules, notes)| Plan {
            choose: if first { Choose::First } else { Choose::All },
            default,
            rules,
            notes,
        },
    )
}

impl Plan {
    fn rules(&self) -> Rules {
        let rules = self.rules.iter().enumerate().map(|(index, (wanted, class, to, sample))| {
            let mut when = wanted.map_or_else(When::default, region);
            when.classes = class.iter().copied().collect();
            let to: Vec<&str> = (0..3).filter(|bit| to >> bit & 1 == 1).map(|bit| TARGETS[bit]).collect();
            Rule { sample: sample.and_then(NonZeroU32::new), ..rule(&format!("rule {index}"), when, &to) }
        });
        let default = if self.default { vec!["c".to_owned()] } else { Vec::new() };
        Rules { choose: self.choose, default, rules: rules.collect() }
    }

    /// Where each note goes, by the words of the documentation.
    fn expected(&self) -> (HashMap<&'static str, Vec<u32>>, [u64; 3]) {
        let mut arrived: HashMap<_, Vec<u32>> = TARGETS.into_iter().map(|target| (target, Vec::new())).collect();
        let [mut routed, mut unmatched, mut sampled_out] = [0; 3];
        let mut asked = vec![0; self.rules.len()];
        for (number, (region, class)) in self.notes.iter().enumerate() {
            let mut to = 0;
            let mut matched = false;
            for (index, (wanted, only, targets, sample)) in self.rules.iter().enumerate() {
                if wanted.is_some() && wanted != region || only.is_some_and(|only| only != *class) {
                    continue;
                }
                matched = true;
                if u32::is_multiple_of(asked[index], sample.unwrap_or(1)) {
                    to |= targets;
                }
                asked[index] += 1;
                if self.choose == Choose::First {
                    break;
                }
            }
            if !matched && self.default {
                to = 4;
            }
            let of = |bit: usize| to >> bit & 1 == 1;
            (0..3).filter(|bit| of(*bit)).for_each(|bit| arrived.get_mut(TARGETS[bit]).unwrap().push(number as u32));
            match (to > 0, matched) {
                (true, _) => routed += 1,
                (false, true) => sampled_out += 1,
                (false, false) => unmatched += 1,
            }
        }
        (arrived, [routed, unmatched, sampled_out])
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_event_goes_where_the_rules_say_and_is_counted_once(plan in plans()) {
        // Would break: an event that goes astray, goes twice to one target, or vanishes from the counts.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut builder = Router::builder().rules(plan.rules());
            let mut streams = Vec::new();
            for name in TARGETS {
                let (target, stream) = Target::stream(name, ROOMY);
                builder = builder.target(target);
                streams.push((name, stream));
            }
            let router = builder.start().unwrap();
            for (number, (region, class)) in plan.notes.iter().enumerate() {
                router.route(delivery(Note { region: *region, class: *class, ..Note::new(number as u32) })).await;
            }
            assert_conserved(&router);
            let now = router.snapshot();
            let (expected, counts) = plan.expected();
            assert_eq!([now.routed, now.unmatched, now.sampled_out], counts);
            drop(router);
            for (name, stream) in streams {
                let mut arrived: Vec<u32> = stream.map(|delivery| delivery.event.number).collect().await;
                arrived.sort_unstable();
                assert_eq!(arrived, expected[name], "at {name}");
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_are_exchanged_under_way_and_no_event_is_lost() {
    // Would break: events that fall between two sets of rules, counts that begin anew, or a refused set that stops the old one.
    const EVENTS: u32 = 20_000;
    let (left, lefts) = Target::stream("left", Lane { capacity: EVENTS as usize, overflow: Overflow::Block });
    let (right, rights) = Target::stream("right", Lane { capacity: EVENTS as usize, overflow: Overflow::Block });
    let router = Router::builder().target(left).target(right).rules(everything_to(&["left"])).start().unwrap();
    let routing = tokio::spawn({
        let router = router.clone();
        async move {
            for number in 0..EVENTS {
                router.route(delivery(Note::new(number))).await;
                if number % 64 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
    });
    let mut exchanges = 0;
    while !routing.is_finished() {
        router.exchange(everything_to(&[["right", "left"][exchanges as usize % 2]])).unwrap();
        assert!(router.exchange(everything_to(&["nobody"])).is_err());
        exchanges += 1;
        tokio::task::yield_now().await;
    }
    routing.await.unwrap();
    let now = router.snapshot();
    assert_eq!((now.received, now.routed, now.exchanges), (u64::from(EVENTS), u64::from(EVENTS), exchanges));
    assert_eq!(now.rules[0].matched, u64::from(EVENTS));
    drop(router);
    let mut all: Vec<u32> = lefts.chain(rights).map(|delivery| delivery.event.number).collect().await;
    all.sort_unstable();
    assert_eq!(all, (0..EVENTS).collect::<Vec<_>>());
}
