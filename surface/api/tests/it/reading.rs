//! What is read from the journal: episodes with their story, actions with their state, page by page.

use crate::{Fixture, facts};
use homeostat_vocabulary::{ActionEnd, ActionId, Decision, EpisodeId, Fact, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

fn ids(page: &Value, of: &str) -> Vec<String> {
    page[of].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn episodes_come_open_first_then_newest_first_page_by_page() {
    // What is going on now would hide behind old stories, or a page would skip one.
    let fixture = Fixture::open().await;
    for number in 1..=25 {
        fixture.record(facts::repair(number)).await;
    }
    let mut status = facts::status();
    status.episodes.push(facts::open_episode(26));
    fixture.status.send_replace(Arc::new(status));
    let local = fixture.local();
    let mut seen = Vec::new();
    let mut path = "/v1/episodes?limit=10".to_owned();
    loop {
        let page = local.get(&path).await.json();
        seen.extend(ids(&page, "episodes"));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/episodes?limit=10&cursor={next}");
    }
    let expected: Vec<String> = (1..=26).rev().map(|number| format!("E{number}")).collect();
    assert_eq!(seen, expected);
    let closed = local.get("/v1/episodes?state=closed&limit=1").await.json();
    assert_eq!(ids(&closed, "episodes"), ["E25"]);
    let first = &closed["episodes"][0];
    assert_eq!(
        (&first["subject"], &first["resolution"], &first["took"]),
        (&json!("web/0"), &json!("repaired"), &json!(620))
    );
    assert_eq!(first["finding"]["finding"], "exited");
    assert_eq!(ids(&local.get("/v1/episodes?state=open").await.json(), "episodes"), ["E26"]);
}

#[tokio::test]
async fn an_episode_tells_its_story_in_the_language_asked_for() {
    // "Why" would be answered with bare data, or in a language nobody asked for.
    let fixture = Fixture::open().await;
    fixture.record(facts::repair(1)).await;
    let english = fixture.local().get("/v1/episodes/E1").await.json();
    let spanish = fixture.local().get("/v1/episodes/E1?lang=es").await.json();
    assert_eq!(english["facts"].as_array().unwrap().len(), facts::repair(1).len());
    assert_eq!(
        (&english["left_out"], &english["why"]["lang"], &spanish["why"]["lang"]),
        (&json!(0), &json!("en"), &json!("es"))
    );
    assert_ne!(english["why"]["summary"], spanish["why"]["summary"]);
    let kinds: Vec<&Value> =
        english["why"]["chapters"].as_array().unwrap().iter().map(|chapter| &chapter["kind"]).collect();
    assert_eq!(kinds, ["seen", "thought", "done", "brought"]);
}

#[tokio::test]
async fn a_story_of_thousands_of_records_keeps_its_beginning_and_its_end() {
    // A service that failed all night would make one answer of hundreds of megabytes, or a story without its end.
    let fixture = Fixture::open().await;
    let repair = facts::repair(1);
    let (end, beginning) = repair.split_last().unwrap();
    fixture.record(beginning.to_vec()).await;
    let wait = facts::record(&facts::guards(1, Some(1), Decision::Wait { until: Timestamp(5) }), 1_000);
    let many = homeostat_store::Commit { records: vec![wait; 5_000], ..Default::default() };
    fixture.journal.commit(many).await.unwrap();
    fixture.record([end.clone()]).await;
    let detail = fixture.local().get("/v1/episodes/E1").await.json();
    let kept = detail["facts"].as_array().unwrap();
    assert_eq!(kept.len() as u64 + detail["left_out"].as_u64().unwrap(), repair.len() as u64 + 5_000);
    assert!(kept.len() <= 2_000);
    assert_eq!((&kept[0]["kind"], &kept.last().unwrap()["kind"]), (&json!("episode.opened"), &json!("episode.closed")));
}

#[tokio::test]
async fn an_action_stands_as_its_last_fact_says() {
    // A person would approve what is done already, or wait for what was refused.
    let fixture = Fixture::open().await;
    let (action, episode) = (ActionId, Some(EpisodeId(1)));
    fixture.record(facts::repair(1)).await;
    fixture.record([facts::plan_made(2, None)]).await;
    fixture
        .record([facts::plan_made(3, Some(1)), facts::guards(3, Some(1), Decision::AskPerson { until: Timestamp(9) })])
        .await;
    fixture.record([facts::plan_made(4, None), facts::guards(4, None, Decision::Refuse)]).await;
    fixture
        .record([facts::plan_made(5, Some(1)), facts::guards(5, Some(1), Decision::Wait { until: Timestamp(9) })])
        .await;
    let dropped = Fact::ActionDropped { action: action(6), episode, by: "engine".to_owned(), why: "void".to_owned() };
    fixture.record([facts::plan_made(6, Some(1)), dropped]).await;
    let begun = Fact::ActionBegun { action: action(7), episode: None, target: facts::instance("web/0") };
    fixture.record([facts::plan_made(7, None), begun]).await;
    let stuck = Fact::ActionEnded { action: action(8), episode, end: ActionEnd::Stuck { why: "?".to_owned() } };
    fixture.record([facts::plan_made(8, Some(1)), stuck]).await;
    let page = fixture.local().get("/v1/actions?limit=5").await.json();
    assert_eq!(ids(&page, "actions"), ["A8", "A7", "A6", "A5", "A4"]);
    let rest = fixture.local().get(&format!("/v1/actions?cursor={}", page["next"].as_str().unwrap())).await.json();
    assert_eq!(
        (ids(&rest, "actions"), rest["next"].is_null()),
        (vec!["A3".to_owned(), "A2".to_owned(), "A1".to_owned()], true)
    );
    for (number, state) in [
        (1, "done"),
        (2, "planned"),
        (3, "awaiting_approval"),
        (4, "refused"),
        (5, "waiting"),
        (6, "dropped"),
        (7, "running"),
        (8, "stuck"),
    ] {
        let detail = fixture.local().get(&format!("/v1/actions/A{number}")).await.json();
        assert_eq!(
            (&detail["action"]["state"], &detail["plan"]["action"]),
            (&json!(state), &json!(format!("A{number}")))
        );
    }
    let first = fixture.local().get("/v1/actions/A1").await.json();
    assert_eq!(first["action"]["outcome"]["outcome"], "fixed");
    assert_eq!(fixture.local().get("/v1/actions/A9").await.code(), "H0424");
}

#[tokio::test]
async fn records_that_nobody_understands_are_passed_over() {
    // One record of a newer engine, or of somebody's own, would make every list fail.
    let fixture = Fixture::open().await;
    fixture.record(facts::repair(1)).await;
    for kind in ["plan.made", "episode.closed", "finding.made", "saga.step"] {
        let mut record = facts::record(&facts::policy_applied(), 1);
        (record.kind, record.trace, record.payload) = (kind.to_owned(), "E1".to_owned(), b"\xff not json".to_vec());
        fixture.journal.commit(homeostat_store::Commit::record(record)).await.unwrap();
    }
    let local = fixture.local();
    assert_eq!(ids(&local.get("/v1/episodes").await.json(), "episodes"), ["E1"]);
    assert_eq!(ids(&local.get("/v1/actions").await.json(), "actions"), ["A1"]);
    assert_eq!(local.get("/v1/actions/A1").await.status, 200);
    assert!(local.get("/v1/episodes/E1").await.json()["facts"][8]["payload"].is_null());
}

#[tokio::test]
async fn status_services_and_policy_are_served_as_they_stand() {
    // The command line would show an older state than the engine has.
    let fixture = Fixture::open().await;
    let mut status = facts::status();
    status.services[0].instances.pop();
    fixture.status.send_replace(Arc::new(status.clone()));
    let local = fixture.local();
    assert_eq!(local.get("/v1/status").await.json(), serde_json::to_value(&status).unwrap());
    assert_eq!(local.get("/v1/services").await.json()["services"], serde_json::to_value(&status.services).unwrap());
    assert_eq!(local.get("/v1/services/web").await.json(), serde_json::to_value(&status.services[0]).unwrap());
    assert_eq!(local.get("/v1/policy").await.json(), serde_json::to_value(facts::policy()).unwrap());
}
