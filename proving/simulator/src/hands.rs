//! The driver's calls in virtual time: each is made, takes effect a little later, and is answered later still; a crash can come
//! between any two of these, and a fault can take any of them away.

use crate::agenda::Item;
use crate::simulation::{KillPoint, Simulation};
use crate::world::CallFault;
use homeostat_act::{Deed, end_of, run_of};
use homeostat_controller::Event;
use homeostat_saga::{Answer, Call, End, Verb};
use homeostat_vocabulary::{ActionId, Exit, InstanceId, Millis, RunId};
use serde_json::json;

/// How long a call takes to take effect, and again to be answered.
const CALL_TAKES: Millis = Millis(10);

/// A call that was made and not answered yet.
pub(crate) struct Outstanding {
    call: Call,
    fault: Option<CallFault>,
    instance: InstanceId,
    run: RunId,
    starts: bool,
    lands: bool,
}

impl Simulation {
    /// A call goes out, its intent being durable.
    pub(crate) fn call(&mut self, call: Call) {
        let now = self.agenda.now;
        let Some(engine) = &mut self.engine else { return };
        if !engine.gate_open {
            return engine.executor.withheld(call, now.0);
        }
        let deed: Deed = serde_json::from_value(call.input.clone()).expect("the input is a deed");
        let (instance, run, starts) = match deed {
            Deed::Start { instance } => (instance, run_of(&call.key), true),
            Deed::Stop { instance, run } => (instance, run.unwrap_or_else(|| run_of(&call.key)), false),
        };
        let others = engine.calls.values().filter(|out| out.instance == instance).count();
        self.auditor.called(now, &call, &instance, &run, starts, others);
        let fault = self.fault_of(&instance);
        let Some(engine) = &mut self.engine else { return };
        engine.calls_made += 1;
        let id = engine.calls_made;
        self.story.world(now, || format!("call {} {} {run} {fault:?}", call.verb, call.name));
        engine.calls.insert(id, Outstanding { call, fault, instance, run, starts, lands: false });
        let takes = Millis(CALL_TAKES.0 + self.up_to(self.luck.call_slow_max).0);
        self.agenda.after(takes, Item::CallLands { engine: self.engine_number, call: id });
    }

    fn fault_of(&mut self, instance: &InstanceId) -> Option<CallFault> {
        if let Some(fault) = self.world.nature(instance).faults.pop_front() {
            return Some(fault);
        }
        if self.luck.call_fault_permille == 0 || !self.chance.happens(self.luck.call_fault_permille) {
            return None;
        }
        let faults = [CallFault::Fails, CallFault::Impossible, CallFault::Unsure, CallFault::Silent, CallFault::Lost];
        Some(faults[usize::try_from(self.chance.below(5)).expect("below five")])
    }

    pub(crate) fn abandon_call(&mut self, call: &Call) {
        let Some(engine) = &mut self.engine else { return };
        let name = |it: &Call| (it.saga.clone(), it.step, it.attempt);
        engine.calls.retain(|_, out| name(&out.call) != name(call));
    }

    pub(crate) fn call_lands(&mut self, id: u64) {
        let Some(out) = self.engine.as_mut().and_then(|engine| engine.calls.get_mut(&id)) else { return };
        self.counts.calls += 1;
        let number = self.counts.calls;
        if self.kill == Some(KillPoint::BeforeCall(number)) {
            self.kill = None;
            return self.kill_engine();
        }
        out.lands = true;
        let happens = out.fault.is_none_or(CallFault::happens);
        let (verb, starts, instance, run) = (out.call.verb, out.starts, out.instance.clone(), out.run.clone());
        let waits = match verb {
            Verb::Do | Verb::Undo if !happens => false,
            Verb::Do | Verb::Undo if starts => {
                self.begin_life(&instance, &run);
                false
            }
            Verb::Do | Verb::Undo => self.end_life(id, &instance, &run),
            Verb::Probe => false,
        };
        if self.kill == Some(KillPoint::AfterCall(number)) {
            self.kill = None;
            return self.kill_engine();
        }
        if !waits {
            self.agenda.after(CALL_TAKES, Item::CallAnswers { engine: self.engine_number, call: id });
        }
    }

    fn begin_life(&mut self, instance: &InstanceId, run: &RunId) {
        let now = self.agenda.now;
        let Some(service) = self.policy.services.get(&instance.service) else { return };
        let (begun, _) = self.world.begin(instance, run, service.fingerprint(), now);
        if !begun {
            return;
        }
        self.auditor.life_began(now, instance, run, self.world.count_running(instance));
        if let Some(after) = self.world.nature(instance).dies_after {
            self.agenda.after(after, Item::Death { run: run.clone(), exit: Exit::Code { code: 1 } });
        }
    }

    /// Asks a life to end; true while the call has to wait for it.
    fn end_life(&mut self, call: u64, instance: &InstanceId, run: &RunId) -> bool {
        let now = self.agenda.now;
        if !self.world.look(run).is_some_and(crate::world::Life::runs) {
            return false;
        }
        if self.world.hears_stop(run, now) {
            let takes = self.world.nature(instance).stop_takes;
            self.agenda.after(takes, Item::Death { run: run.clone(), exit: Exit::Killed { signal: 15 } });
        }
        let grace = self.policy.services.get(&instance.service).map_or(Millis(10_000), |service| service.stop.grace);
        self.agenda.after(grace, Item::GraceOver { engine: self.engine_number, call, run: run.clone() });
        true
    }

    pub(crate) fn grace_is_over(&mut self, call: u64, run: &RunId) {
        // A call that nobody waits for any more kills nobody.
        if self.engine.as_ref().is_some_and(|engine| engine.calls.contains_key(&call)) {
            self.life_ends(run, Exit::Killed { signal: 9 });
        }
    }

    /// Stops that waited for this life to end are answered.
    pub(crate) fn stop_calls_are_over(&mut self, run: &RunId) {
        let Some(engine) = &self.engine else { return };
        let over = engine.calls.iter().filter(|(_, out)| out.lands && !out.starts && out.run == *run);
        let over: Vec<u64> = over.map(|(id, _)| *id).collect();
        for call in over {
            self.agenda.after(CALL_TAKES, Item::CallAnswers { engine: self.engine_number, call });
        }
    }

    pub(crate) fn call_answers(&mut self, id: u64) {
        let now = self.agenda.now;
        let Some(engine) = &mut self.engine else { return };
        if engine.stalled_until > now {
            // The driver lives in the engine: it stands still with it.
            let until = engine.stalled_until;
            return self.agenda.at(until, Item::CallAnswers { engine: self.engine_number, call: id });
        }
        if engine.calls.get(&id).is_some_and(|out| out.fault == Some(CallFault::Silent)) {
            return;
        }
        let Some(out) = engine.calls.remove(&id) else { return };
        let answer = self.answer_of(&out);
        let Some(engine) = &mut self.engine else { return };
        engine.executor.answered(out.call, answer, now.0);
        self.carry_out_saga_effects();
        self.turn_while_possible();
    }

    fn answer_of(&mut self, out: &Outstanding) -> Answer {
        match out.fault {
            Some(CallFault::Fails) => Answer::Failed { error: "the driver failed".to_owned(), retryable: true },
            Some(CallFault::Impossible) => Answer::Failed { error: "it cannot be done".to_owned(), retryable: false },
            Some(CallFault::Unsure | CallFault::Lost | CallFault::Silent) => {
                Answer::Unknown { why: "the driver cannot tell".to_owned() }
            }
            None if out.starts => self.started(out),
            None => Answer::Done(json!({ "exit": null })),
        }
    }

    /// A life that began is told as a signal before the step counts as done; so is its end, if it ended meanwhile.
    fn started(&mut self, out: &Outstanding) -> Answer {
        let now = self.agenda.now;
        let Some(life) = self.world.look(&out.run) else {
            let error = format!("service {} is no longer declared", out.instance.service);
            return Answer::Failed { error, retryable: false };
        };
        let sighting = life.sighting.clone();
        let output = json!({ "run": sighting.run, "pid": sighting.pid, "ports": sighting.ports });
        if let Some(engine) = &mut self.engine {
            engine.lives.extend(sighting.signals(now, false));
        }
        Answer::Done(output)
    }
}

pub(crate) fn ended(action: ActionId, end: &End) -> Event {
    Event::ActionEnded { action, end: end_of(end) }
}
