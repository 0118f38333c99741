//! Lives that take over from the one before.

use crate::bed::{Bed, TESTBED, command, instance, run, shell};
use homeostat_act::{Deed, Driver, DriverError, StepHands, run_of};
use homeostat_saga::{Answer, Call, Hands, SagaId, StepKey, Verb};
use homeostat_testkit::wait_until;
use homeostat_vocabulary::{Exit, HealthCheck, Millis, Probe, Service, Timestamp};
use std::sync::Arc;

/// A service whose new life takes over from the one that runs, which then ends by itself.
fn taking_over(line: &str) -> Service {
    Service { takes_over: true, ..shell(line) }
}

/// Runs until somebody leaves a word in its folder of logs.
fn until_relieved(bed: &Bed) -> Service {
    let word = bed.folder.path().join("word").display().to_string();
    taking_over(&format!("echo ready; while [ ! -e {word} ]; do sleep 0.02; done"))
}

#[tokio::test]
async fn a_new_life_begins_beside_the_one_that_it_relieves() {
    // A gateway could only be replaced by stopping it first, and every request in between would fail.
    let mut bed = Bed::new();
    bed.start("web/0", "aaaa0001", &until_relieved(&bed)).await.unwrap();
    bed.wait_for_line("web/0", "ready");
    let word = bed.folder.path().join("word").display().to_string();
    let new = bed.start("web/0", "aaaa0002", &taking_over(&format!("touch {word}; exec sleep 3600"))).await.unwrap();
    assert_eq!(new.ended, None);
    assert_eq!(bed.next_exit().await, (instance("web/0"), run("aaaa0001"), Exit::Code { code: 0 }));
    assert!(bed.look("web/0", "aaaa0002").await.unwrap().ended.is_none());
    // And once more, now that the other lock is the free one.
    std::fs::remove_file(word).unwrap();
    let third = bed.start("web/0", "aaaa0003", &shell("exit 0")).await;
    assert!(third.unwrap_err().to_string().contains("still runs"), "only one that takes over may begin beside another");
    bed.stop("web/0", "aaaa0002").await.unwrap();
    bed.assert_nothing_left();
}

#[tokio::test]
async fn a_new_life_that_ends_first_changes_nothing() {
    // A bad new program would take the good old one along, or have it forgotten while it runs.
    let mut bed = Bed::new();
    bed.start("web/0", "aaaa0001", &until_relieved(&bed)).await.unwrap();
    bed.wait_for_line("web/0", "ready");
    for number in 2..9 {
        let failed = bed.start("web/0", &format!("aaaa000{number}"), &taking_over("exit 3")).await;
        assert!(failed.unwrap_err().to_string().contains("before it took over"));
    }
    let again = bed.start("web/0", "aaaa0008", &taking_over("exit 3")).await;
    assert!(again.is_err(), "asked again, it is no success either");
    assert!(bed.look("web/0", "aaaa0001").await.unwrap().ended.is_none(), "the old one runs, and its records stand");
    bed.next_engine();
    let adopted = bed.driver.adopt().await.unwrap();
    assert_eq!(adopted[0].run, run("aaaa0001"), "the next engine finds the one that runs");
    bed.stop("web/0", "aaaa0001").await.unwrap();
    bed.assert_nothing_left();
}

#[tokio::test]
async fn undoing_a_take_over_that_failed_leaves_the_one_that_serves() {
    // Would break: a bad new program, and an engine that died meanwhile, and the good old gateway is ended with nothing in its place.
    let bed = Bed::new();
    bed.start("web/0", "aaaa0001", &until_relieved(&bed)).await.unwrap();
    bed.wait_for_line("web/0", "ready");
    bed.start("web/0", "aaaa0002", &taking_over("exit 3")).await.unwrap_err();
    assert_eq!(bed.stop("web/0", "aaaa0002").await.unwrap(), Some(Exit::Code { code: 3 }));
    std::fs::write(bed.folder.path().join("word"), "").unwrap();
    wait_until("the old one ends", || bed.running().is_empty());
    let ended = bed.look("web/0", "aaaa0001").await.unwrap().ended.unwrap().0;
    assert_eq!(ended, Exit::Code { code: 0 }, "by itself, and not by a signal");
    bed.assert_nothing_left();
}

/// One that asks for its health at a socket, and whose lives have little time to end.
fn with_desk(bed: &Bed, service: Service) -> Service {
    let url = format!("unix:{}:/v1/status", bed.folder.path().join("desk").display());
    let millis = Millis(1_000);
    let health = HealthCheck {
        probe: Probe::Http { url },
        interval: millis,
        timeout: millis,
        failures: 3,
        successes: 1,
        start_grace: millis,
    };
    let mut service = Service { takes_over: true, health: Some(health), ..service };
    service.stop.grace = Millis(500);
    service
}

#[tokio::test]
async fn a_new_life_that_hangs_before_it_takes_over_is_ended_and_not_the_old_one() {
    // Would break: a new program that hangs at its start costs the old gateway, and nobody serves.
    let bed = Bed::new();
    bed.start("web/0", "aaaa0001", &until_relieved(&bed)).await.unwrap();
    bed.wait_for_line("web/0", "ready");
    let desk = bed.folder.path().join("desk");
    // Somebody answers there: the old one, and not the new one.
    let _of_the_old_one = std::os::unix::net::UnixListener::bind(&desk).unwrap();
    let failed = bed.start("web/0", "aaaa0002", &with_desk(&bed, shell("exec sleep 3600"))).await.unwrap_err();
    assert!(matches!(&failed, DriverError::Impossible { reason } if reason.contains("did not take over")), "{failed}");
    assert!(bed.look("web/0", "aaaa0002").await.unwrap().ended.is_some());
    assert!(bed.look("web/0", "aaaa0001").await.unwrap().ended.is_none());
    bed.stop("web/0", "aaaa0002").await.unwrap();
    assert!(bed.look("web/0", "aaaa0001").await.unwrap().ended.is_none());
    bed.stop("web/0", "aaaa0001").await.unwrap();
    bed.assert_nothing_left();
}

#[tokio::test]
async fn an_old_life_that_hangs_is_ended_once_the_new_one_answers() {
    // Would break: an old gateway that does not end holds its place for ever, and the change never comes to its end.
    let bed = Bed::new();
    bed.start("web/0", "aaaa0001", &until_relieved(&bed)).await.unwrap();
    bed.wait_for_line("web/0", "ready");
    let desk = bed.folder.path().join("desk").display().to_string();
    let new = with_desk(&bed, command(&[TESTBED, "takes-desk", &desk]));
    bed.start("web/0", "aaaa0002", &new).await.unwrap();
    assert!(bed.look("web/0", "aaaa0001").await.unwrap().ended.is_some());
    assert!(bed.look("web/0", "aaaa0002").await.unwrap().ended.is_none());
    bed.stop("web/0", "aaaa0002").await.unwrap();
    bed.assert_nothing_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_stopped_takes_along_what_it_did_not_relieve() {
    // An engine that died in the middle of a take-over would leave a life that nobody ends.
    let mut bed = Bed::new();
    bed.start("web/0", "aaaa0001", &until_relieved(&bed)).await.unwrap();
    bed.wait_for_line("web/0", "ready");
    let driver = bed.driver.clone();
    let order = homeostat_act::StartOrder {
        instance: instance("web/0"),
        run: run("aaaa0002"),
        service: taking_over("echo begun; exec sleep 3600"),
    };
    let starting = tokio::spawn(async move { driver.start(order).await });
    bed.wait_for_line("web/0", "begun");
    starting.abort();
    bed.next_engine();
    assert_eq!(bed.driver.adopt().await.unwrap()[0].run, run("aaaa0001"));
    bed.stop("web/0", "aaaa0001").await.unwrap();
    wait_until("nothing of both is left", || bed.running().is_empty());
    bed.assert_nothing_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_that_is_undone_while_the_new_life_hangs_ends_that_one_alone() {
    // Would break: whoever takes an upgrade back that hangs is left with no gateway at all.
    let bed = Bed::new();
    bed.start("web/0", "aaaa0001", &until_relieved(&bed)).await.unwrap();
    bed.wait_for_line("web/0", "ready");
    let saga = SagaId::from("upgrade");
    let key = StepKey::of(&saga, 0);
    let driver = bed.driver.clone();
    let service = taking_over("echo begun; exec sleep 3600");
    let order = homeostat_act::StartOrder { instance: instance("web/0"), run: run_of(&key), service };
    let starting = tokio::spawn(async move { driver.start(order).await });
    bed.wait_for_line("web/0", "begun");
    // Its time is over: nobody waits for the start any more, and it is taken back.
    starting.abort();
    let policy = tokio::sync::watch::channel(Arc::default()).1;
    let signals = tokio::sync::mpsc::channel(10).0;
    let hands = StepHands::new(Arc::new(bed.driver.clone()), policy, signals, Arc::new(|| Timestamp(1)));
    let deed = Deed::Stop { instance: instance("web/0"), run: None };
    let undo = Call {
        saga,
        trace: String::new(),
        target: "web/0".to_owned(),
        step: 0,
        name: "start".to_owned(),
        verb: Verb::Undo,
        key: key.clone(),
        fencing: 1,
        attempt: 2,
        input: serde_json::to_value(deed).unwrap(),
        outputs: Vec::new(),
    };
    let answer = hands.call(undo).await;
    assert!(matches!(answer, Answer::Done(_)), "{answer:?}");
    assert!(bed.look("web/0", run_of(&key).as_str()).await.unwrap().ended.is_some());
    assert!(bed.look("web/0", "aaaa0001").await.unwrap().ended.is_none(), "the good one serves");
    bed.stop("web/0", "aaaa0001").await.unwrap();
    bed.assert_nothing_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_engine_does_not_take_a_life_that_hangs_for_the_one_that_serves() {
    // Would break: an engine dies in the middle of an upgrade to a bad program, and the next one forgets the good gateway that serves.
    let mut bed = Bed::new();
    bed.start("web/0", "aaaa0001", &until_relieved(&bed)).await.unwrap();
    bed.wait_for_line("web/0", "ready");
    let hangs = with_desk(&bed, shell("echo begun; exec sleep 3600"));
    let _of_the_old_one = std::os::unix::net::UnixListener::bind(bed.folder.path().join("desk")).unwrap();
    let order =
        || homeostat_act::StartOrder { instance: instance("web/0"), run: run("aaaa0002"), service: hangs.clone() };
    let (driver, ordered) = (bed.driver.clone(), order());
    let starting = tokio::spawn(async move { driver.start(ordered).await });
    bed.wait_for_line("web/0", "begun");
    starting.abort();
    bed.next_engine();
    let adopted = bed.driver.adopt().await.unwrap();
    assert_eq!((adopted.len(), &adopted[0].run), (1, &run("aaaa0001")));
    // The next engine goes on with what the one before was doing.
    let failed = bed.driver.start(order()).await.unwrap_err();
    assert!(failed.to_string().contains("did not take over"), "{failed}");
    assert!(bed.look("web/0", "aaaa0002").await.unwrap().ended.is_some());
    assert!(bed.look("web/0", "aaaa0001").await.unwrap().ended.is_none());
    bed.stop("web/0", "aaaa0001").await.unwrap();
    bed.assert_nothing_left();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_engine_knows_the_life_that_has_taken_over() {
    // Would break: an engine dies while the old gateway lets its last requests end, and the next one takes that for the one that serves.
    let mut bed = Bed::new();
    bed.start("web/0", "aaaa0001", &until_relieved(&bed)).await.unwrap();
    bed.wait_for_line("web/0", "ready");
    let desk = bed.folder.path().join("desk");
    let mut new = with_desk(&bed, command(&[TESTBED, "takes-desk", &desk.display().to_string()]));
    new.stop.grace = Millis(600_000);
    let order = homeostat_act::StartOrder { instance: instance("web/0"), run: run("aaaa0002"), service: new };
    let driver = bed.driver.clone();
    let starting = tokio::spawn(async move { driver.start(order).await });
    wait_until("it answers", || std::os::unix::net::UnixStream::connect(&desk).is_ok());
    starting.abort();
    bed.next_engine();
    assert_eq!(bed.driver.adopt().await.unwrap()[0].run, run("aaaa0002"));
    bed.stop("web/0", "aaaa0002").await.unwrap();
    wait_until("nothing of both is left", || bed.running().is_empty());
    bed.assert_nothing_left();
}
