//! A fake world that counts effects by key, and fails in every way a driver can.
//!
//! Idempotent steps are deduplicated by key, as their drivers promise; the others are not, so an engine that repeats
//! one of those shows up as a count of two.

use std::collections::{BTreeMap, BTreeSet};

use homeostat_saga::{Answer, Call, Nature, StepKey, Verb};
use serde_json::json;

/// What the world does with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Willing,
    /// Nothing happens, and says so; a retry may help.
    Fails,
    /// Nothing happens, and no retry will help.
    Refuses,
    /// It happens, but the answer is lost.
    DoneUnheard,
    /// Nothing happens, and no answer comes.
    LostUnheard,
    /// No answer; it happens later, unless something about the same key comes first.
    Late,
    /// It happens, and the driver says that it does not know.
    DoneUnsure,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effect {
    pub times: u32,
    pub standing: bool,
}

#[derive(Debug, Default)]
pub struct World {
    pub effects: BTreeMap<StepKey, Effect>,
    pub calls: Vec<Call>,
    natures: BTreeMap<StepKey, Nature>,
    late: BTreeSet<StepKey>,
    gone: BTreeSet<StepKey>,
}

impl World {
    pub fn expect(&mut self, key: StepKey, nature: Nature) {
        self.natures.insert(key, nature);
    }

    pub fn effect(&self, key: &StepKey) -> Effect {
        self.effects.get(key).copied().unwrap_or_default()
    }

    /// The answer, or `None` when none ever comes.
    pub fn call(&mut self, call: &Call, mood: Mood) -> Option<Answer> {
        self.calls.push(call.clone());
        match call.verb {
            Verb::Do => self.bring_about(call, mood),
            Verb::Undo => self.take_back(call, mood),
            Verb::Probe => self.find_out(call, mood),
        }
    }

    fn bring_about(&mut self, call: &Call, mood: Mood) -> Option<Answer> {
        match mood {
            Mood::Fails => return Some(Answer::Failed { error: "not now".into(), retryable: true }),
            Mood::Refuses => return Some(Answer::Failed { error: "never".into(), retryable: false }),
            Mood::LostUnheard => return None,
            Mood::Late => {
                self.late.insert(call.key.clone());
                return None;
            }
            Mood::Willing | Mood::DoneUnheard | Mood::DoneUnsure => self.land(&call.key),
        }
        match mood {
            Mood::DoneUnheard => None,
            Mood::DoneUnsure => Some(Answer::Unknown { why: "connection reset".into() }),
            _ => Some(Answer::Done(json!({ "done": call.step }))),
        }
    }

    fn land(&mut self, key: &StepKey) {
        let idempotent = self.natures.get(key) == Some(&Nature::Idempotent);
        let effect = self.effects.entry(key.clone()).or_default();
        if self.gone.contains(key) || (idempotent && effect.times > 0) {
            return;
        }
        effect.times += 1;
        effect.standing = true;
    }

    fn take_back(&mut self, call: &Call, mood: Mood) -> Option<Answer> {
        match mood {
            Mood::Fails => return Some(Answer::Failed { error: "cannot undo now".into(), retryable: true }),
            Mood::Refuses => return Some(Answer::Failed { error: "cannot undo".into(), retryable: false }),
            Mood::LostUnheard => return None,
            _ => {}
        }
        // A late effect of the same key must not land any more: the driver's part of "safe when it never happened".
        self.gone.insert(call.key.clone());
        self.late.remove(&call.key);
        if let Some(effect) = self.effects.get_mut(&call.key) {
            effect.standing = false;
        }
        match mood {
            Mood::DoneUnheard | Mood::Late => None,
            Mood::DoneUnsure => Some(Answer::Unknown { why: "connection reset".into() }),
            _ => Some(Answer::Done(json!(null))),
        }
    }

    fn find_out(&mut self, call: &Call, mood: Mood) -> Option<Answer> {
        match mood {
            Mood::Fails | Mood::Refuses => {
                return Some(Answer::Failed { error: "cannot look now".into(), retryable: true });
            }
            Mood::LostUnheard | Mood::DoneUnheard | Mood::Late => return None,
            Mood::DoneUnsure => return Some(Answer::Unknown { why: "half an answer".into() }),
            Mood::Willing => {}
        }
        // What is still under way is called off before the answer, so that "never" holds.
        self.late.remove(&call.key);
        let happened = self.effect(&call.key).times > 0;
        Some(if happened { Answer::Done(json!({ "done": call.step })) } else { Answer::NeverHappened })
    }

    /// Time passes: what was late lands.
    pub fn settle(&mut self) {
        for key in std::mem::take(&mut self.late) {
            self.land(&key);
        }
    }
}
