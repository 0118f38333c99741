//! The status of a made-up engine, drawn for eyes and for programs.

use crate::engine::Made;
use crate::home::Home;
use crate::sample::START;
use homeostat_cli::Exit;
use homeostat_vocabulary::{
    ActionId, Autonomy, CommandReply, Complaint, ComplaintKind, EpisodeId, EpisodeStatus, Exit as Ended, FindingKind,
    InstanceId, InstanceStatus, Millis, Phase, Scope, ServiceStatus, Status, Tallies, Timestamp,
};

const UP: u64 = 3 * 3_600_000 + 25 * 60_000;

fn instance(id: &str, phase: Phase) -> InstanceStatus {
    let id: InstanceId = id.parse().unwrap();
    let runs = matches!(phase, Phase::Ready | Phase::Starting | Phase::Unhealthy | Phase::Stopping);
    InstanceStatus {
        pid: runs.then_some(4_711 + u32::from(id.index)),
        ports: if runs { [("port".to_owned(), 5_801 + id.index)].into() } else { [].into() },
        since: runs.then_some(Timestamp(START - 243_456)),
        restarts: 0,
        last_exit: None,
        episode: None,
        next_attempt: None,
        id,
        phase,
    }
}

fn service(name: &str, instances: Vec<InstanceStatus>) -> ServiceStatus {
    ServiceStatus {
        name: name.parse().unwrap(),
        autonomy: Autonomy::Auto,
        depends_on: Vec::new(),
        instances,
        availability_objective_ppm: None,
        availability_ppm: None,
        recovery_objective: None,
        traffic: None,
        complaints: Vec::new(),
    }
}

fn all_ready() -> Status {
    Status {
        at: Timestamp(START),
        engine_since: Timestamp(START - UP),
        services: vec![
            service("api", vec![instance("api/0", Phase::Ready), instance("api/1", Phase::Ready)]),
            service("web", vec![instance("web/0", Phase::Ready)]),
        ],
        tallies: Tallies { fixed: 3, without_effect: 1, escalations: 0, ..Tallies::default() },
        ..Status::default()
    }
}

/// One of everything that can be wrong.
fn troubled() -> Status {
    let mut status = all_ready();
    let mut down = instance("worker/0", Phase::Down);
    (down.restarts, down.episode, down.last_exit) = (12, Some(EpisodeId(17)), Some(Ended::Killed { signal: 9 }));
    let mut sick = instance("a-service-with-a-rather-long-name/0", Phase::Unhealthy);
    sick.episode = Some(EpisodeId(18));
    status.services.push(service("a-service-with-a-rather-long-name", vec![sick]));
    let rest = [Phase::Starting, Phase::Waiting, Phase::Stopping, Phase::Stopped, Phase::Resting];
    let rest = rest.into_iter().zip(1..).map(|(phase, index)| instance(&format!("worker/{index}"), phase));
    status.services.push(service("worker", [down].into_iter().chain(rest).collect()));
    let open = |id, subject: &str, finding, awaiting_approval, escalated| EpisodeStatus {
        id: EpisodeId(id),
        subject: subject.parse().unwrap(),
        since: Timestamp(START - 9_000),
        finding,
        attempts: 4,
        awaiting_approval,
        escalated,
    };
    let exited = FindingKind::Exited { exit: Ended::Killed { signal: 9 }, after: Millis(1_200) };
    status.episodes =
        vec![open(17, "worker/0", Some(exited), None, true), open(18, "web/0", None, Some(ActionId(25)), false)];
    status.services[0].complaints = vec![
        Complaint {
            kind: ComplaintKind::SettingsRefused,
            why: "gateway.access_log: no such folder\u{1b}[2J".to_owned(),
        },
        Complaint { kind: ComplaintKind::ListenerMissing, why: "127.0.0.1:80: permission denied".to_owned() },
        Complaint { kind: ComplaintKind::CertificatesRefused, why: "shop.pem: no certificate in it".to_owned() },
    ];
    status.paused = vec![Scope::Service { name: "api".parse().unwrap() }];
    status.cannot_act = Some("the disk is full\u{1b}[2J".to_owned());
    status.configuration_refused =
        vec!["homeostat.toml:7:1: H0003 unknown key `\u{1b}[2J`".to_owned(), "another".to_owned()];
    status.shutting_down = true;
    status
}

fn home(status: Status) -> (Home, Made) {
    let home = Home::new();
    let made = Made::up(&home, status, |_| Ok(CommandReply::Done));
    (home, made)
}

#[test]
fn when_all_is_well_one_sentence_says_so() {
    // The first line is what one looks at; the exit code is what a script looks at.
    let (home, _made) = home(all_ready());
    insta::assert_snapshot!("status_ready", home.run("status").all());
    insta::assert_snapshot!("status_ready_es", home.run("status --lang es").all());
}

#[test]
fn an_engine_that_has_not_looked_yet_is_not_as_old_as_1970() {
    // Whoever asks in its first moment would read that it has been up for half a million hours.
    let status = Status { engine_since: Timestamp(0), paused: vec![Scope::Everything], ..all_ready() };
    let (home, _made) = home(status);
    for (language, sentence) in [("en", "has just been started"), ("es", "acaba de arrancar")] {
        let ran = home.run(&format!("status --lang {language}"));
        assert!(ran.out.contains(sentence) && !ran.out.contains(" h "), "{}", ran.out);
    }
}

#[test]
fn trouble_is_seen_at_a_glance_and_fits_the_terminal() {
    // A line that wraps breaks the table; a symbol without a word is lost on whoever cannot see colours.
    let (mut home, _made) = home(troubled());
    let ran = home.run("status");
    assert_eq!(ran.exit, Exit::Findings);
    insta::assert_snapshot!("status_troubled", ran.all());
    home.width = Some(80);
    for language in ["en", "es"] {
        let narrow = home.run(&format!("status --lang {language}"));
        assert!(narrow.out.lines().all(|line| line.chars().count() <= 80), "{}", narrow.out);
        insta::assert_snapshot!(format!("status_troubled_80_{language}"), narrow.out);
    }
    home.colour = true;
    let coloured = home.run("status").out;
    assert!(coloured.contains("\u{1b}[31m✗ down\u{1b}[0m"), "{coloured:?}");
    assert!(!coloured.contains("\u{1b}[2J"), "what came from outside was obeyed");
}

#[test]
fn programs_get_the_status_as_the_api_has_it() {
    // Two forms of the same thing would have to be learned twice.
    let (home, _made) = home(troubled());
    let ran = home.run("status --output json");
    assert_eq!(ran.exit, Exit::Findings);
    assert_eq!(serde_json::from_str::<Status>(&ran.out).unwrap(), troubled());
}

#[test]
fn an_engine_without_services_is_well() {
    // A first start with an empty file must not look like a failure.
    let (home, _made) = home(Status::default());
    let ran = home.run("status");
    assert_eq!(ran.exit, Exit::Ok);
    assert!(ran.out.starts_with("No service is declared.\n"), "{}", ran.out);
}

#[test]
fn the_socket_is_reached_by_a_path_of_any_length() {
    // A unix socket's address holds 107 bytes; a deep folder would put the engine out of reach.
    let mut home = Home::new();
    let deep = home.folder.path().join("d".repeat(120)).join("e".repeat(120));
    std::fs::create_dir_all(deep.join("data")).unwrap();
    std::fs::rename(home.configuration(), deep.join("homeostat.toml")).unwrap();
    let keep = std::mem::replace(&mut home.folder, tempfile::tempdir_in(&deep).unwrap());
    std::fs::rename(deep.join("homeostat.toml"), home.configuration()).unwrap();
    std::fs::create_dir(home.data()).unwrap();
    let made = Made::up(&home, all_ready(), |_| Ok(CommandReply::Done));
    assert_eq!(home.run("status").exit, Exit::Ok);
    drop((made, home, keep));
}
