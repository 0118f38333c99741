//! A cable between two sides that a test can cut, stall, or set to break after so many bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Passes bytes on between whoever connects to its address and a target.
pub struct Cable {
    pub address: SocketAddr,
    state: Arc<State>,
    _task: JoinSet<()>,
}

struct State {
    target: SocketAddr,
    cuts: watch::Sender<u64>,
    stalled: AtomicBool,
    /// Bytes that still pass before it breaks by itself.
    bytes_left: AtomicU64,
    connections: AtomicUsize,
}

impl Cable {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            target,
            cuts: watch::Sender::new(0),
            stalled: AtomicBool::new(false),
            bytes_left: AtomicU64::new(u64::MAX),
            connections: AtomicUsize::new(0),
        });
        let mut task = JoinSet::new();
        let shared = Arc::clone(&state);
        task.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(connect(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state, _task: task }
    }

    /// Ends all connections, now.
    pub fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Ends all connections once so many more bytes have passed, both ways together.
    pub fn break_after(&self, bytes: u64) {
        self.state.bytes_left.store(bytes, Ordering::SeqCst);
    }

    /// Nothing passes any more, and nobody is told.
    pub fn stall(&self, stalled: bool) {
        self.state.stalled.store(stalled, Ordering::SeqCst);
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

async fn connect(near: TcpStream, state: Arc<State>) {
    let Ok(far) = TcpStream::connect(state.target).await else { return };
    state.connections.fetch_add(1, Ordering::SeqCst);
    let mut cut = state.cuts.subscribe();
    cut.mark_unchanged();
    // An abrupt end, as of a killed process or a pulled cable.
    let _ = near.set_zero_linger();
    let _ = far.set_zero_linger();
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    tokio::select! {
        () = pass(near_in, far_out, &state) => {}
        () = pass(far_in, near_out, &state) => {}
        _ = cut.changed() => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State) {
    let mut buffer = [0; 4096];
    loop {
        while state.stalled.load(Ordering::SeqCst) {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let Ok(count) = from.read(&mut buffer).await else { return };
        let left = state.bytes_left.load(Ordering::SeqCst);
        let passing = (count as u64).min(left);
        if count == 0 || to.write_all(&buffer[..passing as usize]).await.is_err() {
            return;
        }
        if left != u64::MAX && state.bytes_left.fetch_sub(passing, Ordering::SeqCst) == passing {
            state.bytes_left.store(u64::MAX, Ordering::SeqCst);
            return;
        }
    }
}
