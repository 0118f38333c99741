//! Servers that answer as they are told, well or badly, on a free port.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a server does with a connection.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Sends these bytes once a request came, and closes.
    Says(Vec<u8>),
    /// Accepts and never answers.
    Silent,
    /// Sends the first bytes, then repeats the second for ever, with a pause between.
    Drips(Vec<u8>, Vec<u8>, Duration),
}

/// A running server; it ends with the test's runtime.
pub struct Server {
    pub port: u16,
    pub accepted: Arc<AtomicUsize>,
    pub open: Arc<AtomicUsize>,
}

impl Server {
    pub async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (accepted, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (counts, opens) = (Arc::clone(&accepted), Arc::clone(&open));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counts.fetch_add(1, Ordering::SeqCst);
                let (manner, opens) = (manner.clone(), Arc::clone(&opens));
                tokio::spawn(async move {
                    opens.fetch_add(1, Ordering::SeqCst);
                    serve(stream, manner).await;
                    opens.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, accepted, open }
    }

    pub async fn saying(text: &str) -> Self {
        Self::start(Manner::Says(text.as_bytes().to_vec())).await
    }

    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, manner: Manner) {
    let mut request = [0_u8; 2048];
    match manner {
        Manner::Says(bytes) => {
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        // Ends when the other side closes.
        Manner::Silent => while stream.read(&mut request).await.is_ok_and(|length| length > 0) {},
        Manner::Drips(first, then, pause) => {
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&first).await;
            while stream.write_all(&then).await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        }
    }
}
