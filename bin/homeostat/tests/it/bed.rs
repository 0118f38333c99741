//! What the fault tests stand on: a real engine with real services in a folder of its own, asked over its socket and read
//! from its journal.
//!
//! Always holds: whatever a test started is ended with it, and a test that is told to end in good order says so by
//! [`Bed::down`], which also looks that nothing is left.

use homeostat_store::{Entry, Reader, Verdict};
use homeostat_testkit::engine::Engine;
use homeostat_testkit::processes::{self, command_line};
use homeostat_testkit::{programs, wait_for, wait_until};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Fast repairs, so that what takes minutes in life takes moments here.
pub const QUICK: &str = r#"
[api]
listen = "127.0.0.1:0"

[repair]
verify_window = "300ms"
verify_deadline = "20s"
backoff_first = "50ms"
backoff_max = "400ms"
budget = 100
"#;

/// How long one request may take.
const REQUEST_PATIENCE: Duration = Duration::from_secs(20);

/// Records of a journal are never so many here.
const ALL: usize = 1_000_000;

/// A folder with services, and an engine that may run there.
pub struct Bed {
    /// The engine.
    pub engine: Engine,
}

/// How a call of the program ended.
pub struct Answer {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// The program under test.
pub fn homeostat() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_homeostat"))
}

/// A service of the kiosk called `name` that is repaired without asking; `words` are its command line, `more` further keys.
pub fn kiosk(name: &str, words: &str, more: &str) -> String {
    let program = programs::program("homeostat-kiosk", "homeostat-kiosk");
    let words: Vec<String> = words.split_whitespace().map(|word| format!("\"{word}\"")).collect();
    let (program, words) = (program.display(), words.join(", "));
    format!("\n[services.{name}]\ncommand = [\"{program}\", {words}]\nautonomy = \"auto\"\n{more}\n")
}

/// A service of the kiosk called `name` that listens, and is asked for its health often.
pub fn web(name: &str, more: &str) -> String {
    let health =
        r#"health = { http = "/health", interval = "400ms", timeout = "400ms", failures = 3, start_grace = "3s" }"#;
    kiosk(name, "web --port {port}", &format!("port = \"auto\"\nstop = {{ grace = \"2s\" }}\n{health}\n{more}"))
}

/// A service called `name` that is the script `script` of a shell.
pub fn script(name: &str, script: &str, more: &str) -> String {
    format!("\n[services.{name}]\ncommand = [\"sh\", \"-c\", '''{script}''']\nautonomy = \"auto\"\n{more}\n")
}

impl Bed {
    /// A folder with quick repairs and these services. Nothing runs yet.
    pub fn of(services: &str) -> Self {
        Self { engine: Engine::in_new_folder(homeostat(), &configuration(services)) }
    }

    /// The same, with an engine that answers.
    pub fn up(services: &str) -> Self {
        let mut bed = Self::of(services);
        bed.start();
        bed
    }

    /// Starts an engine and waits until it answers.
    pub fn start(&mut self) {
        self.engine.up();
        self.wait_for_answer();
    }

    /// Waits until the engine that was started answers.
    pub fn wait_for_answer(&self) {
        wait_until("the engine answers", || {
            let runs = self.engine.pid().is_some_and(processes::runs);
            assert!(runs, "the engine has ended: {}", self.engine.said());
            self.try_get("/v1/status").is_some()
        });
    }

    /// From now on these services are declared.
    pub fn declare(&self, services: &str) {
        // As an editor does it: whole or not at all.
        let path = self.engine.folder().join("homeostat.toml");
        let beside = path.with_extension("new");
        std::fs::write(&beside, configuration(services)).unwrap();
        std::fs::rename(beside, path).unwrap();
    }

    /// Ends everything by `homeostat down` and sees that nothing is left.
    pub fn down(mut self) {
        let answer = self.call("down");
        assert_eq!(answer.code, Some(0), "{}\n{}", answer.err, self.engine.said());
        self.gone();
        self.engine.assert_nothing_left();
        self.sound();
    }

    /// Waits until the engine, told to end by whatever means, is gone; its exit code.
    pub fn gone(&mut self) -> Option<i32> {
        self.engine.wait().and_then(|status| status.code())
    }

    /// Calls the program with these words.
    pub fn call(&self, words: &str) -> Answer {
        let output = self.engine.ask(&words.split_whitespace().collect::<Vec<_>>());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Answer { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The folder of the journal.
    pub fn data_folder(&self) -> PathBuf {
        self.engine.data_folder()
    }

    /// Asks the engine over its socket; `None` when none answers.
    pub fn try_get(&self, path: &str) -> Option<(u16, Value)> {
        self.request(&format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n"))
    }

    /// Asks the engine over its socket.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.try_get(path).expect("an engine answers");
        assert!(status == 200 || path == "/api/health", "{path}: {status} {body}");
        body
    }

    /// Tells the engine something over its socket.
    pub fn post(&self, path: &str, body: &str) -> Option<(u16, Value)> {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.0\r\nhost: localhost\r\ncontent-type: application/json\r\n");
        self.request(&format!("{head}content-length: {length}\r\n\r\n{body}"))
    }

    fn request(&self, request: &str) -> Option<(u16, Value)> {
        let mut text = String::new();
        self.open_request(request)?.read_to_string(&mut text).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, serde_json::from_str(body).unwrap_or(Value::Null)))
    }

    /// Sends a request and leaves the answer to be read.
    pub fn open_request(&self, request: &str) -> Option<UnixStream> {
        let mut stream = UnixStream::connect(self.data_folder().join("engine.sock")).ok()?;
        stream.set_read_timeout(Some(REQUEST_PATIENCE)).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        Some(stream)
    }

    /// How the instance `id` is.
    pub fn instance(&self, id: &str) -> Option<Value> {
        let (_, status) = self.try_get("/v1/status")?;
        let services = status["services"].as_array()?.clone();
        services.iter().flat_map(|service| service["instances"].as_array().cloned()).flatten().find(|it| it["id"] == id)
    }

    /// Waits until the instance `id` is ready, in another life than that of process `before`; its process.
    #[track_caller]
    pub fn ready_after(&self, id: &str, before: u32) -> u32 {
        wait_for(&format!("{id} is ready, and not as process {before}"), || {
            let instance = self.instance(id)?;
            let pid = u32::try_from(instance["pid"].as_u64()?).ok()?;
            (instance["phase"] == "ready" && pid != before).then_some(pid)
        })
    }

    /// Waits until the instance `id` is ready; its process.
    #[track_caller]
    pub fn ready(&self, id: &str) -> u32 {
        self.ready_after(id, 0)
    }

    /// Waits until every instance is ready and nothing is open.
    #[track_caller]
    pub fn all_well(&self) {
        wait_until("every instance is ready and no episode is open", || {
            let Some((200, status)) = self.try_get("/v1/status") else { return false };
            let none_open = status["episodes"].as_array().is_some_and(Vec::is_empty);
            let mut instances = status["services"].as_array().into_iter().flatten().flat_map(|service| {
                let instances = service["instances"].as_array();
                instances.cloned().unwrap_or_default()
            });
            none_open && instances.all(|instance| instance["phase"] == "ready")
        });
    }

    /// The port of the instance `id`, which must run.
    pub fn port(&self, id: &str) -> u16 {
        let port = self.instance(id).and_then(|instance| instance["ports"]["port"].as_u64());
        u16::try_from(port.expect("it has a port")).unwrap()
    }

    /// Asks a service of the kiosk for `path`; it may die of it, so the answer does not matter.
    pub fn visit(&self, id: &str, path: &str) -> Option<String> {
        visit(self.port(id), path)
    }

    /// Every record of the journal, oldest first; works without an engine.
    pub fn records(&self) -> Vec<Entry> {
        Reader::open(&self.data_folder()).unwrap().entries(1, ALL).unwrap()
    }

    /// The payloads of all facts of this kind, as in `episode.closed`.
    pub fn facts(&self, kind: &str) -> Vec<Value> {
        let entries = Reader::open(&self.data_folder()).unwrap().entries_of_kind(kind, 1, ALL).unwrap();
        entries.iter().map(|entry| serde_json::from_slice(&entry.record.payload).unwrap()).collect()
    }

    /// Waits until a fact of this kind is recorded for which `holds`; the first one.
    #[track_caller]
    pub fn fact(&self, kind: &str, holds: impl Fn(&Value) -> bool) -> Value {
        wait_for(&format!("a fact {kind}"), || self.facts(kind).into_iter().find(&holds))
    }

    /// Fails the test if the journal is not whole.
    #[track_caller]
    pub fn sound(&self) {
        match Reader::open(&self.data_folder()).unwrap().verify(|_| {}).unwrap() {
            Verdict::Whole(_) => {}
            Verdict::Broken(broken) => panic!("the journal is broken: {broken}"),
        }
    }

    /// The story of the last episode, in full.
    pub fn why(&self, more: &str) -> String {
        let answer = self.call(&format!("why --last {more}"));
        assert_eq!(answer.code, Some(0), "{}", answer.err);
        answer.out
    }
}

/// Asks whoever listens at `port` for `path`.
pub fn visit(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(REQUEST_PATIENCE)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}

/// `kill -9` of a process that must be there.
#[track_caller]
pub fn kill(pid: u32) {
    assert!(processes::signal(pid, Signal::KILL), "process {pid} was not there to be killed");
}

/// The shim that looks after process `pid`.
#[track_caller]
pub fn shim_of(pid: u32) -> u32 {
    let shim = processes::parent(pid).expect("a service has a parent");
    assert!(command_line(shim).contains(" shim "), "process {shim} is no shim: {}", command_line(shim));
    shim
}

fn configuration(services: &str) -> String {
    // Tests that need other limits bring the whole section along.
    let quick = if services.contains("[repair]") { QUICK.split("[repair]").next().unwrap() } else { QUICK };
    format!("{quick}{services}")
}
