//! The command line of the real program: engines in the background, real services, real pipes, real exit codes.

use homeostat_testkit::engine::Engine;
use homeostat_testkit::processes::{self, runs};
use homeostat_testkit::{wait_for, wait_until};
use rustix::process::Signal;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};

const CONFIGURATION: &str = r#"
[api]
listen = "127.0.0.1:0"

[repair]
verify_window = "200ms"
backoff_first = "50ms"

[services.web]
command = ["sh", "-c", "echo hello from {service}/{instance}; exec sleep 1000"]
instances = 2
autonomy = "auto"

[services.worker]
command = ["sleep", "1000"]
depends_on = ["web"]
autonomy = "approve"
"#;

/// A folder whose engine runs in the background, and is ended with the test.
struct Background {
    engine: Engine,
}

impl Background {
    fn new() -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_homeostat"));
        Self { engine: Engine::in_new_folder(program, CONFIGURATION) }
    }

    fn up() -> Self {
        let background = Self::new();
        let up = background.ask("up --detach");
        assert_eq!(code(&up), 0, "{}", err(&up));
        wait_until("every service is ready", || code(&background.ask("status")) == 0);
        background
    }

    fn ask(&self, words: &str) -> Output {
        self.engine.ask(&words.split(' ').collect::<Vec<_>>())
    }

    /// One figure of an instance, from the status: `pid`, `phase`, `restarts`.
    fn of(&self, service: &str, figure: &str) -> String {
        let status: serde_json::Value = serde_json::from_str(&out(&self.ask("status --output json"))).unwrap();
        let services = status["services"].as_array().unwrap();
        let service = services.iter().find(|found| found["name"] == service).unwrap();
        service["instances"][0][figure].to_string().trim_matches('"').to_owned()
    }

    fn kill_process_of(&self, service: &str) {
        assert!(processes::signal(self.of(service, "pid").parse().unwrap(), Signal::KILL));
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Nobody runs any more where `down` says that it reached nobody.
        let _ = self.ask("down");
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_crash_is_repaired_and_explained_from_the_first_command_to_the_last() {
    // The first five minutes of everybody who tries it.
    let background = Background::up();
    let status = out(&background.ask("status"));
    assert!(status.starts_with("Both services are ready.\n"), "{status}");
    let logs = out(&background.ask("logs web"));
    assert!(logs.contains("web/0 hello from web/0") && logs.contains("web/1 hello from web/1"), "{logs}");

    background.kill_process_of("web");
    let why = wait_for("the repair is verified", || {
        let why = background.ask("why --last");
        out(&why).contains("repaired, and verified").then(|| out(&why))
    });
    assert!(why.contains("killed by SIGKILL") && why.contains("guards let A"), "{why}");
    assert_eq!(background.of("web", "restarts"), "1");
    assert_eq!(code(&background.ask("journal verify")), 0);

    let down = background.ask("down");
    assert_eq!((code(&down), out(&down).as_str()), (0, "The engine has ended, and the services with it.\n"));
    background.engine.assert_nothing_left();
    assert_eq!(code(&background.ask("status")), 3);
    let spanish = out(&background.ask("why E1 --lang es"));
    assert!(spanish.contains("Qué se logró") && spanish.contains("reparado y verificado"), "{spanish}");
    assert!(out(&background.ask("episodes")).contains("E1"));
}

#[test]
fn a_plan_waits_for_a_persons_word() {
    // A script that approves must be able to tell a guard's no from its own mistake.
    let background = Background::up();
    background.kill_process_of("worker");
    let action = wait_for("a plan waits", || {
        let status = out(&background.ask("status"));
        let word = status.split("homeostat approve ").nth(1)?.split_whitespace().next()?;
        Some(word.to_owned())
    });
    assert_eq!(code(&background.ask("status")), 1);
    assert_eq!(code(&background.ask("pause")), 0);
    let refused = background.ask("undo A1");
    assert_eq!(code(&refused), 4, "{}", err(&refused));
    assert!(err(&refused).starts_with("error[H0501]: "), "{}", err(&refused));
    assert_eq!(code(&background.ask("resume")), 0);
    let approved = background.ask(&format!("approve {action}"));
    assert_eq!(code(&approved), 0, "{}", err(&approved));
    wait_until("the worker is ready again", || background.of("worker", "phase") == "ready");
    let unknown = background.ask("approve A999");
    assert_eq!(code(&unknown), 1, "{}", err(&unknown));
}

#[test]
fn services_outlive_an_engine_that_leaves_them_running() {
    // An upgrade of the engine must not touch what it looks after.
    let background = Background::up();
    let pid: u32 = background.of("web", "pid").parse().unwrap();
    assert_eq!(out(&background.ask("down --keep-services")), "The engine has ended; the services run on.\n");
    assert!(runs(pid));
    assert_eq!(code(&background.ask("up --detach")), 0);
    wait_until("they are adopted", || code(&background.ask("status")) == 0);
    assert_eq!(background.of("web", "pid"), pid.to_string());
}

#[test]
fn the_engine_in_the_background_leaves_the_terminal() {
    // Closing the terminal would end the engine.
    let background = Background::new();
    let up = background.ask("up --detach --output json");
    let answer: serde_json::Value = serde_json::from_str(&out(&up)).unwrap();
    let pid = u32::try_from(answer["pid"].as_u64().unwrap()).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).unwrap();
    assert_eq!(session, pid.to_string(), "it has a session of its own");
    let again = background.ask("up --detach");
    assert_eq!((code(&again), out(&again).as_str()), (0, "An engine is running already.\n"));
    let second = background.ask("up");
    assert_eq!(code(&second), 1);
    assert!(err(&second).contains("error[H0101]: "), "{}", err(&second));
}

#[test]
fn an_engine_that_cannot_start_says_why_where_it_was_started() {
    // Otherwise the reason lies in a log file, and the terminal says that all is well.
    let background = Background::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let up = background.ask(&format!("up --detach --set api.listen=127.0.0.1:{port}"));
    assert_eq!((code(&up), out(&up).as_str()), (1, ""));
    let err = err(&up);
    assert!(err.starts_with("error[H0412]: ") && err.contains(&port.to_string()), "{err}");
}

#[test]
fn a_pause_without_an_engine_holds_for_the_next_one() {
    // The kill switch must work on a machine where nothing else does.
    let background = Background::new();
    assert_eq!(code(&background.ask("pause")), 0);
    assert_eq!(code(&background.ask("up --detach")), 0);
    let status = wait_for("a status", || Some(out(&background.ask("status"))).filter(|text| !text.is_empty()));
    assert!(status.contains("Paused: everything."), "{status}");
    assert_eq!(code(&background.ask("resume")), 0);
    wait_until("it acts", || code(&background.ask("status")) == 0);
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    // `homeostat config schema | head -1` would print a panic, or fail a script.
    let background = Background::new();
    for words in [&["config", "schema"][..], &["completions", "bash"], &["--help"], &["config", "show"]] {
        let mut command = background.engine.call(words);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!((code(&ended), err(&ended).as_str()), (0, ""), "{words:?}");
    }
}

#[test]
fn exit_codes_say_what_kind_of_answer_it_was() {
    // Scripts and monitors have nothing else to go by.
    let background = Background::new();
    for (words, expected) in [
        ("check", 0),
        ("why", 1),
        ("logs nobody", 1),
        ("frobnicate", 2),
        ("check --set repair.budget=many", 2),
        ("up --set engine.nmae=x", 2),
        ("init", 2),
        ("status", 3),
        ("down", 3),
    ] {
        let ran = background.ask(words);
        assert_eq!(code(&ran), expected, "{words}: {}{}", out(&ran), err(&ran));
    }
}
