//! The two services that listen: `web` and `catalog`. Ordinary paths, and paths that make it misbehave.
//!
//! ```text
//! /            what it is there for; `web` asks the catalog
//! /health      200 while it can do that
//! /crash       aborts                      /exit?code=3      ends with that code
//! /hang        answers nobody any more     /slow?ms=500      answers late from now on
//! /leak-port   closes its port and lives   /flood-log?lines=1000000
//! /fork        leaves a daemon behind
//! ```

use crate::arguments::{Arguments, Role};
use crate::{faults, http};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Connections answered at once; further ones wait in the kernel's queue.
const WORKERS: usize = 8;

/// How many lines `/flood-log` writes unless told.
const FLOOD_LINES: u64 = 1_000_000;

struct Kiosk {
    arguments: Arguments,
    hangs: AtomicBool,
    slow_ms: AtomicU64,
    served: AtomicU64,
    /// Taken away by `/leak-port`.
    listener: Mutex<Option<TcpListener>>,
}

/// Serves until it is killed or told to misbehave.
pub fn run(arguments: Arguments) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, arguments.port))?;
    println!("listening at {}", listener.local_addr()?);
    let kiosk = Arc::new(Kiosk {
        arguments,
        hangs: AtomicBool::new(false),
        slow_ms: AtomicU64::new(0),
        served: AtomicU64::new(0),
        listener: Mutex::new(Some(listener)),
    });
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let kiosk = Arc::clone(&kiosk);
            thread::spawn(move || kiosk.work())
        })
        .collect();
    for worker in workers {
        let _ended_by_leak_port = worker.join();
    }
    faults::sleep_for_ever()
}

impl Kiosk {
    fn work(&self) {
        // Each worker accepts on its own copy: the port is closed when the last copy is.
        let copy = self.listener().as_ref().map(TcpListener::try_clone);
        let Some(Ok(listener)) = copy else { return };
        while self.listener().is_some() {
            let Ok((stream, _)) = listener.accept() else { continue };
            if let Err(error) = self.serve(&stream) {
                eprintln!("a client was not served: {error}");
            }
        }
    }

    fn listener(&self) -> std::sync::MutexGuard<'_, Option<TcpListener>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        let Some(request) = http::Request::read(stream)? else { return Ok(()) };
        if self.hangs.load(Ordering::Relaxed) {
            return faults::sleep_for_ever();
        }
        thread::sleep(Duration::from_millis(self.slow_ms.load(Ordering::Relaxed)));
        let (status, body) = match request.path.as_str() {
            "/" | "/health" => match self.offer() {
                Ok(offer) => ("200 OK", offer),
                Err(error) => ("503 Service Unavailable", format!("the catalog does not answer: {error}\n")),
            },
            "/crash" => faults::crash(),
            "/exit" => {
                std::process::exit(request.number("code").and_then(|code| i32::try_from(code).ok()).unwrap_or(1))
            }
            "/hang" => {
                self.hangs.store(true, Ordering::Relaxed);
                ("200 OK", "from now on nobody is answered\n".to_owned())
            }
            "/slow" => {
                self.slow_ms.store(request.number("ms").unwrap_or(1_000), Ordering::Relaxed);
                ("200 OK", "answers are late from now on\n".to_owned())
            }
            "/leak-port" => {
                http::answer(stream, "200 OK", "the port is closed now\n")?;
                return self.close_port();
            }
            "/flood-log" => {
                faults::flood_log(request.number("lines").unwrap_or(FLOOD_LINES));
                ("200 OK", "the log is flooded\n".to_owned())
            }
            "/fork" => {
                faults::leave_daemon()?;
                ("200 OK", "a daemon is left behind\n".to_owned())
            }
            _ => ("404 Not Found", "there is no such thing here\n".to_owned()),
        };
        http::answer(stream, status, &body)
    }

    fn offer(&self) -> io::Result<String> {
        let served = self.served.fetch_add(1, Ordering::Relaxed) + 1;
        match (&self.arguments.role, &self.arguments.catalog) {
            (Role::Web, Some(catalog)) => Ok(format!("welcome, today we have: {}", http::get(catalog, "/")?)),
            (Role::Web, None) => Ok(format!("welcome, request {served}\n")),
            _ => Ok("newspapers, coffee, umbrellas\n".to_owned()),
        }
    }

    /// Takes the listener away and wakes every worker by a last connection, so that each drops its copy.
    fn close_port(&self) -> io::Result<()> {
        let Some(listener) = self.listener().take() else { return Ok(()) };
        let address = listener.local_addr()?;
        drop(listener);
        for _ in 1..WORKERS {
            // Fails once all are gone, which is what is wanted.
            let _all_gone = TcpStream::connect(address);
        }
        Ok(())
    }
}
