//! What a person tells the engine, with an engine and without one.

use crate::engine::Made;
use crate::home::Home;
use homeostat_cli::{Exit, paused_path};
use homeostat_vocabulary::{ActionId, Command, CommandReply, Guard, Refusal, Scope, Status};

fn home(answer: fn(&Command) -> Result<CommandReply, Refusal>) -> (Home, Made) {
    let home = Home::new();
    let made = Made::up(&home, Status::default(), answer);
    (home, made)
}

#[test]
fn orders_reach_the_engine_as_they_were_typed() {
    // `undo A7` that undoes anything else, or `pause web` that pauses everything.
    let (home, made) = home(|command| match command {
        Command::Undo { .. } => Ok(CommandReply::Begun { action: ActionId(30) }),
        Command::Reject { .. } => Ok(CommandReply::Already),
        _ => Ok(CommandReply::Done),
    });
    let mut said = String::new();
    for words in [
        "pause",
        "pause web",
        "resume",
        "resume web",
        "start web",
        "approve A7",
        "reject A7",
        "undo A7",
        "undo A7 --lang es",
    ] {
        let ran = home.run(words);
        assert_eq!((ran.exit, ran.err.as_str()), (Exit::Ok, ""), "{words}");
        said.push_str(&format!("{words}: {}", ran.out));
    }
    insta::assert_snapshot!("orders", said);
    let web = || Scope::Service { name: "web".parse().unwrap() };
    let action = ActionId(7);
    let expected = [
        Command::Pause { scope: Scope::Everything },
        Command::Pause { scope: web() },
        Command::Resume { scope: Scope::Everything },
        Command::Resume { scope: web() },
        Command::Activate { service: "web".parse().unwrap() },
        Command::Approve { action },
        Command::Reject { action },
        Command::Undo { action },
        Command::Undo { action },
    ];
    assert_eq!(made.asked(), expected);
}

#[test]
fn a_guards_no_is_told_apart_from_a_mistake() {
    // A script must know whether to ask again, to ask somebody, or to mend its own words.
    let (home, _made) = home(|command| match command {
        Command::Undo { .. } => {
            let reason = "step 1 cannot be taken back\u{1b}[2J".to_owned();
            Err(Refusal::Guarded { guard: Guard::Reversible, reason })
        }
        Command::Pause { .. } => Err(Refusal::NoSuchService { name: "wbe".parse().unwrap() }),
        _ => Err(Refusal::ShuttingDown),
    });
    insta::assert_snapshot!("refused_by_a_guard", home.run("undo A7").all());
    insta::assert_snapshot!("no_such_service", home.run("pause wbe").all());
    let json: serde_json::Value = serde_json::from_str(&home.run("undo A7 --output json").err).unwrap();
    assert_eq!((json["exit"].as_u64(), json["code"].as_str()), (Some(4), Some("H0509")));
    assert_eq!(home.run("approve A7").exit, Exit::Unreachable);
}

#[test]
fn the_kill_switch_works_without_an_engine() {
    // When everything else is broken, the next engine must not begin to act by itself.
    let home = Home::new();
    let file = paused_path(&home.data());
    insta::assert_snapshot!("paused_offline", home.run("pause").all());
    assert!(file.exists());
    assert_eq!(home.run("pause").exit, Exit::Ok, "twice is as good as once");
    insta::assert_snapshot!("resumed_offline", home.run("resume --lang es").all());
    assert!(!file.exists());
    assert_eq!(home.run("resume").exit, Exit::Unreachable, "nothing was paused, and no engine could be told");
    assert_eq!(home.run("pause web").exit, Exit::Unreachable, "the file is for everything");
    assert!(!file.exists());
}

#[test]
fn resuming_a_running_engine_takes_the_file_away() {
    // The next engine would start paused although everybody believes it was resumed.
    let (home, _made) = home(|_| Ok(CommandReply::Done));
    let file = paused_path(&home.data());
    std::fs::write(&file, "").unwrap();
    assert_eq!(home.run("resume web").exit, Exit::Ok);
    assert!(file.exists(), "one service is not everything");
    assert_eq!(home.run("resume").exit, Exit::Ok);
    assert!(!file.exists());
}
