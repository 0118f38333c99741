//! What every test needs: a gateway on a free port in a folder of its own, origins that do as they are told, and a client that sees
//! every byte.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use homeostat_gateway::{Options, Written, run};
use homeostat_routing::settings::Gateway;
use serde::Deserialize;

/// No test waits longer for a byte.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
struct Document {
    gateway: Gateway,
}

/// A gateway that ends when it is dropped.
pub struct House {
    pub address: SocketAddr,
    /// Of every listener, by its name.
    pub addresses: BTreeMap<String, SocketAddr>,
    pub folder: Arc<tempfile::TempDir>,
    text: Arc<Mutex<String>>,
    thread: Option<JoinHandle<()>>,
}

impl House {
    /// One with these settings; `listen` is added.
    pub fn open(settings: &str) -> Self {
        Self::open_in(Arc::new(tempfile::tempdir().unwrap()), settings, "127.0.0.1:0")
    }

    /// One in a folder that another may have left, or still be in.
    pub fn open_in(folder: Arc<tempfile::TempDir>, settings: &str, listen: &str) -> Self {
        Self::with_workers(2, folder, settings, listen)
    }

    /// The same, with so many workers.
    pub fn with_workers(workers: u16, folder: Arc<tempfile::TempDir>, settings: &str, listen: &str) -> Self {
        let text = Arc::new(Mutex::new(format!("[gateway]\nlisten = \"{listen}\"\nworkers = {workers}\n{settings}")));
        let (tell, told) = sync_channel(1);
        let read = Arc::clone(&text);
        let reader = move || {
            let text = read.lock().unwrap().clone();
            let document: Document = toml::from_str(&text).map_err(|error| vec![error.to_string()])?;
            Ok(Written { settings: document.gateway, fingerprint: text.len().to_string() })
        };
        let ready = move |addresses: &[(String, SocketAddr)]| tell.send(addresses.to_vec()).unwrap();
        let options = Options { folder: folder.path().to_owned(), reader: Box::new(reader), ready: Box::new(ready) };
        let thread = std::thread::spawn(move || run(options).unwrap());
        let told: Vec<(String, SocketAddr)> = told.recv_timeout(PATIENCE).expect("the gateway is ready");
        let (address, addresses) = (told[0].1, told.into_iter().collect());
        Self { address, addresses, folder, text, thread: Some(thread) }
    }

    /// Other settings, and told to read them.
    pub fn reload(&self, settings: &str) -> String {
        let listen = self.address;
        *self.text.lock().unwrap() = format!("[gateway]\nlisten = \"{listen}\"\nworkers = 2\n{settings}");
        self.order("POST /v1/reload", "{}")
    }

    /// Other settings, and the control at another place in the folder told to read them.
    pub fn order_at(&self, socket: &str, line: &str, settings: &str) -> String {
        let listen = self.address;
        *self.text.lock().unwrap() = format!("[gateway]\nlisten = \"{listen}\"\nworkers = 2\n{settings}");
        order_at(&self.folder.path().join(socket), line, "{}")
    }

    /// Asks the control; the whole answer.
    pub fn order(&self, line: &str, body: &str) -> String {
        order(self.folder.path(), line, body)
    }

    /// A connection to the control.
    pub fn control(&self) -> std::os::unix::net::UnixStream {
        let stream = std::os::unix::net::UnixStream::connect(self.folder.path().join("gateway.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes on a new connection, and reads until the gateway closes it.
    pub fn talk(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes.as_ref()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// A GET on a connection of its own.
    pub fn get(&self, path: &str) -> String {
        self.talk(format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n"))
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Waits until the gateway has ended by itself.
    pub fn ended(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            order(self.folder.path(), "POST /v1/drain", "{}");
            thread.join().unwrap();
        }
    }
}

fn order(folder: &Path, line: &str, body: &str) -> String {
    order_at(&folder.join("gateway.sock"), line, body)
}

fn order_at(socket: &Path, line: &str, body: &str) -> String {
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head =
        format!("{line} HTTP/1.1\r\nHost: gateway\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A server that answers each request with what `answer` makes of it, on connections that are kept.
pub struct Origin {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    pub requests: Arc<AtomicUsize>,
}

impl Origin {
    /// `answer` gets the request's head and body, and gives the whole answer; nothing, or one that says so, closes the connection.
    pub fn start(answer: impl Fn(&str, &[u8]) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (answer, counted, seen) = (Arc::new(answer), Arc::clone(&connections), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::SeqCst);
                let (answer, seen) = (Arc::clone(&answer), Arc::clone(&seen));
                std::thread::spawn(move || serve(stream, &*answer, &seen));
            }
        });
        Self { address, connections, requests }
    }

    /// One that says who it is.
    pub fn named(name: &'static str) -> Self {
        Self::start(move |_, _| ok(name))
    }
}

/// A usual answer.
pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// So far an answer's head is looked at: looking through megabytes takes longer than sending them.
const HEAD_BYTES: usize = 1_024;

fn serve(mut stream: TcpStream, answer: &dyn Fn(&str, &[u8]) -> Vec<u8>, seen: &AtomicUsize) {
    let mut read = Vec::new();
    loop {
        let Some((head, body)) = request(&mut stream, &mut read) else { return };
        seen.fetch_add(1, Ordering::SeqCst);
        let answer = answer(&head, &body);
        let closes = answer[..answer.len().min(HEAD_BYTES)].windows(17).any(|window| window == b"Connection: close");
        if answer.is_empty() || stream.write_all(&answer).is_err() || closes {
            return;
        }
    }
}

/// The next request of a connection: its head and its body, by length or in chunks.
pub fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    let mut more = |read: &mut Vec<u8>| {
        let mut piece = [0; 16 << 10];
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&piece[..count]);
        Some(())
    };
    let end = loop {
        match read.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => more(read)?,
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    read.drain(..end);
    let field = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    if field("transfer-encoding").is_some() {
        let end = loop {
            match read.windows(5).position(|window| window == b"0\r\n\r\n") {
                Some(end) => break end + 5,
                None => more(read)?,
            }
        };
        return Some((head, read.drain(..end).collect()));
    }
    let length: usize = field("content-length").map_or(0, |text| text.parse().unwrap());
    while read.len() < length {
        more(read)?;
    }
    Some((head, read.drain(..length).collect()))
}
