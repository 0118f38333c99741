//! A life that takes over from the one before: both run for a while, and the one before ends by itself when the new one has its work.
//!
//! Called by the driver after a start. Always holds: the start counts as done only when the life before is gone; when the new one ends
//! first, the start has failed and the life before goes on as if nobody had asked. It must never end a life that nobody took over from.

use crate::driver::{ProcessDriver, STOP_MARGIN};
use crate::watch::Shim;
use homeostat_act::{DriverError, Sighting};
use rustix::process::Signal as ProcessSignal;
use std::time::Duration;

/// Two lives of an instance, seen from the new one.
pub struct Relief {
    /// The new one; `None` when it is over.
    pub own: Option<Shim>,
    /// Those that run still and are to end.
    pub before: Vec<Shim>,
}

impl ProcessDriver {
    /// Waits until those before have ended. They have `grace` for it; whoever needs longer is told to end.
    pub(crate) async fn relieve(&self, new: &Sighting, grace: Duration) -> Result<(), DriverError> {
        let (instance, run) = (new.instance.clone(), new.run.clone());
        let Relief { own, before } = self.blocking(move |shared| shared.relief(&instance, &run)).await?;
        if before.is_empty() {
            return Ok(());
        }
        let failed = || {
            let (instance, run) = (&new.instance, &new.run);
            let reason = format!("{run} of {instance} ended before it took over; the life before goes on");
            // Another attempt of this step could only find the same life over.
            Err(DriverError::Impossible { reason })
        };
        let Some(own) = own else { return failed() };
        let all_gone = async {
            for shim in &before {
                shim.until_gone().await;
            }
        };
        tokio::pin!(all_gone);
        tokio::select! {
            biased;
            () = &mut all_gone => return Ok(()),
            () = own.until_gone() => return failed(),
            () = tokio::time::sleep(grace) => {}
        }
        // Taken over from long ago, and it hangs: its shim ends it, hard at last.
        before.iter().for_each(|shim| shim.signal(ProcessSignal::TERM));
        if tokio::time::timeout(grace + STOP_MARGIN, all_gone).await.is_err() {
            tracing::error!("a life of {} that was taken over from does not end", new.instance);
        }
        Ok(())
    }
}
