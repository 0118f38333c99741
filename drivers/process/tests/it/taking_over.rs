//! Lives that take over from the one before.

use crate::bed::{Bed, instance, run, shell};
use homeostat_act::Driver;
use homeostat_testkit::wait_until;
use homeostat_vocabulary::{Exit, Service};

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
    assert_eq!(bed.driver.adopt().await.unwrap()[0].run, run("aaaa0002"));
    bed.stop("web/0", "aaaa0002").await.unwrap();
    wait_until("nothing of both is left", || bed.running().is_empty());
    bed.assert_nothing_left();
}
