//! A life that takes over from the one before: both run for a while, and the one before ends by itself when the new one has its work.
//!
//! Called by the driver after a start, and when it adopts. Always holds: the start counts as done only when the life before is gone;
//! when the new one ends first, or gives no sign of having taken over, it is ended, the start has failed, and the life before goes on
//! as if nobody had asked. It must never end a life that nobody took over from.

use crate::driver::{ProcessDriver, STOP_MARGIN, Seen};
use crate::error::ProcessError;
use crate::watch::Shim;
use homeostat_act::{DriverError, Sighting};
use homeostat_vocabulary::{Probe, Service};
use rustix::process::Signal as ProcessSignal;
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;

/// How long a new life may take until it answers for itself. Longer than the 30 s for which a gateway offers its sockets: whoever is
/// silent after that has hung. The grace would be too long: it is for requests that end, and may be hours.
const TAKES_OVER_WITHIN: Duration = Duration::from_secs(45);

/// Two lives of an instance, seen from the new one.
pub struct Relief {
    /// The new one; `None` when it is over.
    pub own: Option<Shim>,
    /// Those that run still and are to end.
    pub before: Vec<Shim>,
}

impl ProcessDriver {
    /// Waits until those before have ended. They have the grace for it; whoever needs longer is told to end, if the new one has their
    /// work.
    pub(crate) async fn relieve(&self, new: &Sighting, service: &Service) -> Result<(), DriverError> {
        let (instance, run) = (new.instance.clone(), new.run.clone());
        let Relief { own, before } = self.blocking(move |shared| shared.relief(&instance, &run)).await?;
        if before.is_empty() {
            return Ok(());
        }
        let Some(own) = own else { return failed(new, "ended before it took over") };
        let all_gone = async {
            for shim in &before {
                shim.until_gone().await;
            }
        };
        tokio::pin!(all_gone);
        let (desk, grace) = (desk_of(service), Duration::from(service.stop.grace));
        // Without a desk there is no sign but the end of the life before, which then has all the time for it.
        let first = desk.map_or(grace, |_| grace.min(TAKES_OVER_WITHIN));
        for wait in [first, grace - first] {
            tokio::select! {
                biased;
                () = &mut all_gone => return Ok(()),
                () = own.until_gone() => return failed(new, "ended before it took over"),
                () = tokio::time::sleep(wait) => {}
            }
            if !answers(desk, new.pid).await {
                // Nobody waits for an answer of a life that has no work: it need not have the grace.
                own.signal(ProcessSignal::TERM);
                own.end_within(STOP_MARGIN).await;
                return failed(new, "did not take over in time, and was ended");
            }
        }
        // Taken over from long ago, and it hangs: its shim ends it, hard at last.
        before.iter().for_each(|shim| shim.signal(ProcessSignal::TERM));
        if tokio::time::timeout(grace + STOP_MARGIN, all_gone).await.is_ok() {
            return Ok(());
        }
        let reason = format!("the life that {} took over from", new.run);
        Err(ProcessError::DoesNotEnd { instance: new.instance.clone(), reason }.into())
    }
}

/// Of the lives of an instance that run, the latest first, the one that has the work. An engine that died in the middle of a take-over
/// leaves two, and the start has not counted as done: the later one is it only if it answers for itself. The next engine goes on with the
/// start, which ends it should it hang.
pub(crate) async fn with_work(lives: Vec<(Seen, Service)>) -> Option<Seen> {
    let mut lives = lives.into_iter().peekable();
    while let Some((seen, service)) = lives.next() {
        if lives.peek().is_none() || answers(desk_of(&service), seen.sighting.pid).await {
            return Some(seen);
        }
    }
    None
}

fn failed(new: &Sighting, how: &str) -> Result<(), DriverError> {
    let reason = format!("{} of {} {how}; the life before goes on", new.run, new.instance);
    // Another attempt of this step could only find the same life over.
    Err(DriverError::Impossible { reason })
}

/// The socket where a service answers for its health, if it is one in the file system: of these the kernel tells who listens.
fn desk_of(service: &Service) -> Option<&Path> {
    let Probe::Http { url } = &service.health.as_ref()?.probe else { return None };
    let (socket, _) = url.strip_prefix("unix:")?.rsplit_once(":/")?;
    Some(Path::new(socket))
}

/// Whether it is the process `pid` that listens there. A life takes the desk when it has its work, and not before.
async fn answers(desk: Option<&Path>, pid: u32) -> bool {
    let Some(desk) = desk else { return false };
    let Ok(stream) = UnixStream::connect(desk).await else { return false };
    let listens = stream.peer_cred().ok().and_then(|peer| peer.pid());
    listens.is_some_and(|listens| u32::try_from(listens) == Ok(pid))
}
