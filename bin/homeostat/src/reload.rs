//! Reloading: a changed file, SIGHUP or the API make the configuration be read again. A good one comes into force; a bad one
//! is told and the last good one stays.
//!
//! The same task looks for the kill-switch file, so that acting can be stopped with no more than a shell and a disk.

use crate::gateway;
use homeostat_api::{ReloadOutcome, ReloadRequest};
use homeostat_config::{Loaded, Source, Stamp};
use homeostat_controller::Event;
use homeostat_driver_gateway::Client;
use homeostat_reactor::Emitter;
use homeostat_shell::{Told, kill_switch};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How often files are looked at. The kill switch must work in less than a second.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A file that stays as it is for so long is taken to be whole; and so often it is waited for, so that one that is written to all the
/// time holds up nothing else.
const SETTLED_AFTER: Duration = Duration::from_millis(100);
const SETTLES_MAX: usize = 10;

/// As many problems of a rejected configuration go into the journal; `homeostat check` shows them all.
const PROBLEMS_MAX: usize = 100;

/// Watches until it is dropped; `paused` is the answer to the pause that the kill-switch file asked for before the start.
pub async fn watch(
    source: Source,
    mut loaded: Loaded,
    control: Client,
    told: Emitter<Told>,
    mut requests: mpsc::Receiver<ReloadRequest>,
    paused: Option<kill_switch::Kept>,
) {
    let folder = loaded.settings.data_folder.clone();
    if let Some(answer) = paused {
        kill_switch::remove_once_kept(&folder, answer).await;
    }
    let mut hangup = signal(SignalKind::hangup()).ok();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // No state of the files is known to be the one that was loaded: the first look loads them again, and then it is.
    let mut stamp = Stamp::default();
    let mut gateway_owed = false;
    loop {
        let (origin, request) = tokio::select! {
            Some(request) = requests.recv() => ("api", Some(request)),
            Some(()) = hung_up(&mut hangup) => ("signal", None),
            _ = ticks.tick() => {
                kill_switch::heed(&folder, &told).await;
                if loaded.stamp() == stamp {
                    continue;
                }
                ("file", None)
            }
        };
        // Taken before the files are read: what is written meanwhile is a change.
        stamp = settled(&loaded).await;
        let outcome = reload(&source, &mut loaded, &mut gateway_owed, &control, origin, &told).await;
        if let Some(request) = request {
            // Whoever asked may have gone away; the reload holds all the same.
            let _ = request.reply.send(outcome);
        }
    }
}

async fn hung_up(hangup: &mut Option<tokio::signal::unix::Signal>) -> Option<()> {
    match hangup {
        Some(hangup) => hangup.recv().await,
        None => std::future::pending().await,
    }
}

async fn reload(
    source: &Source,
    loaded: &mut Loaded,
    gateway_owed: &mut bool,
    control: &Client,
    origin: &str,
    told: &Emitter<Told>,
) -> Result<ReloadOutcome, Vec<String>> {
    let origin = origin.to_owned();
    match homeostat_config::load(source) {
        Ok(mut new) => {
            let undeclared = gateway::declare(&mut new).err();
            let settings_of = |loaded: &Loaded| loaded.hand_over().map(|handed| handed.settings);
            let differ = new.gateway.is_some() && settings_of(&new) != settings_of(loaded);
            // What could not be written this time is owed to the gateway the next time.
            *gateway_owed |= differ;
            let for_gateway = *gateway_owed && undeclared.is_none();
            *gateway_owed &= undeclared.is_some();
            let changed = new.policy != loaded.policy || for_gateway;
            let (fingerprint, services) = (new.fingerprint(), new.policy.services.keys().cloned().collect());
            if new.settings != loaded.settings {
                tracing::warn!("changes in [engine] and [api] take effect when the engine is started again");
            }
            *loaded = new;
            if for_gateway {
                // Told where it listens still, and found from then on where its settings say.
                control.reload(loaded.gateway_control()).await;
            }
            let event = if changed {
                let (policy, origin) = (Box::new(loaded.policy.clone()), origin.clone());
                Event::PolicyApplied { policy, origin, fingerprint: fingerprint.clone() }
            } else {
                Event::PolicyUnchanged
            };
            // The engine is gone only when everything ends.
            let _ = told.emit(event).await;
            let Some(error) = undeclared else { return Ok(ReloadOutcome { changed, fingerprint, services }) };
            tracing::error!(%error, "the gateway goes on with the settings before");
            let problems = vec![format!("the gateway goes on with the settings before: {error:#}")];
            let _ = told.emit(Event::PolicyRejected { origin, problems: problems.clone() }).await;
            Err(problems)
        }
        Err(problems) => {
            let problems: Vec<String> = problems.one_line_each().into_iter().take(PROBLEMS_MAX).collect();
            tracing::warn!(?problems, "the changed configuration is not valid; the last good one stays in force");
            let _ = told.emit(Event::PolicyRejected { origin, problems: problems.clone() }).await;
            Err(problems)
        }
    }
}

/// The state of the files once nobody writes to them. Many programs empty a file before they fill it again, and half of a
/// configuration may be a good one with half of the services.
async fn settled(loaded: &Loaded) -> Stamp {
    let mut stamp = loaded.stamp();
    for _ in 0..SETTLES_MAX {
        tokio::time::sleep(SETTLED_AFTER).await;
        let before = std::mem::replace(&mut stamp, loaded.stamp());
        if stamp == before {
            break;
        }
    }
    stamp
}
