//! Start of an engine: takes the data folder, recalls what the last engine knew, looks what runs, connects the parts, runs.
//!
//! Always holds: the data folder has one engine (the journal's lock); nothing is begun before the drivers have told what runs.

use crate::{gateway, reload};
use anyhow::Context;
use homeostat_act::{Driver, StepHands};
use homeostat_api::{CommandRequest, JournalView, Options as ApiOptions};
use homeostat_cli::{Telling, UpOrder, Voice};
use homeostat_config::{GATEWAY_SERVICE, Loaded};
use homeostat_controller::{Event, Memory, State, step};
use homeostat_driver_gateway::{Client, Link, Options as LinkOptions};
use homeostat_driver_process::{Options as ProcessOptions, ProcessDriver};
use homeostat_reactor::Emitter;
use homeostat_saga::{JournalLedger, Runner, RunnerOptions};
use homeostat_sense::Prober;
use homeostat_shell::{
    Clock, Engine, Told, Word, hearing, heed_signals, kill_switch, pass_on_sagas, prune, recall, steady,
};
use homeostat_store::{Journal, Options as StoreOptions, Reader};
use homeostat_vocabulary::{Chance, Status, Timestamp};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

/// Commands and policies waiting for the engine; whoever asks beyond that waits.
const REQUESTS_MAX: usize = 256;

/// How long the last events of an engine that ends may take; nothing is lost with them, as the next engine looks for itself.
const HEARING_ENDS_WITHIN: Duration = Duration::from_secs(1);

/// Runs an engine until it is told to end; whether the services were left running.
pub async fn run(order: UpOrder, voice: Voice) -> anyhow::Result<bool> {
    let UpOrder { source, loaded, telling } = order;
    let folder = loaded.settings.data_folder.clone();
    prepare_folder(&folder)?;
    let journal = Journal::open(&folder, StoreOptions::default())?;
    let remembered = recall(&journal.reader()?)?;
    let clock = steady(remembered.newest);
    let policy = Arc::new(loaded.policy.clone());

    let (reactor, ear) = hearing();
    let emitter = reactor.emitter();
    let signals = emitter.inlet(Told::from);
    let (sagas_in, sagas) = mpsc::channel(REQUESTS_MAX);
    let (requests_in, requests) = mpsc::channel(REQUESTS_MAX);
    let (reloads_in, reloads) = mpsc::channel(REQUESTS_MAX);
    let (policy_in, policy_out) = watch::channel(Arc::clone(&policy));
    let (pause, paused) = kill_switch::asked(&folder).unzip();
    let first_status = first_status(&remembered.memory, &loaded, pause.as_ref(), clock());
    let (status_in, status) = watch::channel(Arc::new(first_status));

    let process_options = ProcessOptions::new(folder.clone(), signals.clone(), Arc::clone(&clock));
    let driver: Arc<dyn Driver> = Arc::new(ProcessDriver::new(process_options)?);
    let control = Client::new(loaded.gateway_control());
    let link = Link::new(LinkOptions {
        client: control.clone(),
        status: status.clone(),
        heard: emitter.inlet(gateway::told),
        clock: Arc::clone(&clock),
    });
    let hands = StepHands::new(Arc::clone(&driver), policy_out.clone(), signals.clone(), Arc::clone(&clock));
    let hands = hands.with_parting(link.parting());
    // Shut until the controller has seen what runs and says that steps may go on.
    let not_before_ms = remembered.newest.0;
    let runner_options = RunnerOptions { acting: false, not_before_ms, ..RunnerOptions::default() };
    let runner = Runner::recover(JournalLedger::new(journal.clone()), hands, runner_options, sagas_in).await?;

    let with_gateway = policy_out.clone();
    let api = homeostat_api::Engine {
        commands: requests_in,
        status,
        policy: policy_out,
        journal: JournalView::of(journal.clone()),
        reloads: reloads_in,
        reactor: {
            let observer = reactor.observer();
            Arc::new(move || observer.snapshot())
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let api_options = ApiOptions {
        tcp: loaded.settings.api_enabled.then_some(loaded.settings.api_listen),
        ..ApiOptions::new(folder.clone())
    };
    let (api_stop, api_stopped) = oneshot::channel::<()>();
    let stopped = async { drop(api_stopped.await) };
    let bound = homeostat_api::serve(api, api_options, stopped).await?;
    let tcp = bound.tcp.map(|address| format!(" and http://{address}")).unwrap_or_default();
    tracing::info!("the engine answers at {}{tcp}", bound.socket.display());

    let first = first_events(pause, &loaded, driver.as_ref(), &clock).await?;
    let mut aside = JoinSet::new();
    let retention = Duration::from(loaded.settings.journal_retention);
    aside.spawn(prune(journal.clone(), retention, Arc::clone(&clock)));
    aside.spawn(reload::watch(source, loaded, control, emitter.clone(), reloads, paused));
    aside.spawn(link.run_while_declared(GATEWAY_SERVICE, with_gateway));
    aside.spawn(heed_signals(emitter.clone()));
    aside.spawn(pass_on(requests, emitter.clone()));
    aside.spawn(pass_on_sagas(sagas, emitter.clone()));
    if let Some(telling) = telling {
        aside.spawn(tell(telling, voice, journal.reader()?, journal.durable()));
    }

    let engine = Engine {
        state: State::remembering(remembered.memory),
        chance: Chance::from_seed(seed()?),
        prober: Prober::new(signals, Arc::clone(&clock), seed()?),
        clock,
        journal,
        runner,
        policy: policy_in,
        status: status_in,
        shown_at: tokio::time::Instant::now(),
        emitter,
        submissions: JoinSet::new(),
        since_checkpoint: remembered.folded,
    };
    let ended = engine.run(ear, first).await;
    reactor.shutdown(HEARING_ENDS_WITHIN).await;
    aside.shutdown().await;
    drop(api_stop);
    bound.ended().await;
    Ok(ended?)
}

/// What is shown until the engine has taken its first turn: all that is declared, whether it will act, and that nothing is known of
/// it yet. An empty status would tell whoever asks first that all is well.
fn first_status(memory: &Memory, loaded: &Loaded, pause: Option<&Word>, now: Timestamp) -> Status {
    let mut state = State::remembering(memory.clone());
    let nothing_is_drawn = &mut Chance::from_seed(0);
    for event in [policy_at_start(loaded)].into_iter().chain(pause.map(|word| word.event.clone())) {
        let _the_engine_does_this = step(&mut state, event, now, nothing_is_drawn);
    }
    state.status(now)
}

fn policy_at_start(loaded: &Loaded) -> Event {
    let policy = Box::new(loaded.policy.clone());
    Event::PolicyApplied { policy, origin: "start".to_owned(), fingerprint: loaded.fingerprint() }
}

/// What the engine hears before anything else: the policy, a pause asked for by file, and what runs.
async fn first_events(
    pause: Option<Word>,
    loaded: &Loaded,
    driver: &dyn Driver,
    clock: &Clock,
) -> anyhow::Result<Vec<Word>> {
    let mut first = vec![policy_at_start(loaded).into()];
    first.extend(pause);
    let sightings = driver.adopt().await.context("looking for services of an earlier engine")?;
    let now = clock();
    let signals = sightings.iter().flat_map(|sighting| sighting.signals(now, true)).collect();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    first.push(Event::Boot { version, pid: std::process::id(), signals }.into());
    Ok(first)
}

/// Only the owner may look into the data folder: logs of services may say what is not for everybody.
fn prepare_folder(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder).with_context(|| format!("making the data folder {}", folder.display()))
}

fn seed() -> anyhow::Result<u64> {
    use std::io::Read;
    let mut bytes = [0; 8];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Tells what happens, as it becomes durable, to whoever sits before the terminal.
async fn tell(telling: Telling, voice: Voice, reader: Reader, mut durable: watch::Receiver<u64>) {
    const PAGE: usize = 256;
    let mut from_seq = *durable.borrow_and_update() + 1;
    while durable.changed().await.is_ok() {
        let page = reader.entries(from_seq, PAGE).unwrap_or_default();
        from_seq = page.last().map_or(from_seq, |entry| entry.seq + 1);
        if page.len() == PAGE {
            // There may be more, and the next change may be long in coming.
            durable.mark_changed();
        }
        for line in page.iter().filter_map(|entry| telling.line(entry)) {
            voice.say(line.as_bytes());
        }
    }
}

/// Requests of the API become events with somebody who waits for the answer.
async fn pass_on(mut requests: mpsc::Receiver<CommandRequest>, commands: Emitter<Told>) {
    while let Some(CommandRequest { command, by, reply }) = requests.recv().await {
        let word = Word { event: Event::Command { command, by }, asker: Some(reply.into()) };
        if commands.emit(word).await.is_err() {
            return;
        }
    }
}
