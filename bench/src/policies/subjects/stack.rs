//! The full stack of ours, as it is made from no settings at all: with and without a fallback, and for essential calls.

use std::sync::Arc;

use homeostat_reactor::Clock;
use homeostat_resilience::Verdict;
use homeostat_resilience::stack::{Stack, StackSettings};

use crate::answer::{Answer, Broken, ask};
use crate::ours::{ENDPOINTS, With};
use crate::subject::{Caller, OURS, Subject};

/// For essential calls.
#[derive(Clone)]
struct Essential(Stack<()>);

/// The stack with its defaults, and the one that never refuses.
pub fn ours() -> [Subject; 2] {
    let clock = Clock::machine();
    let essential = StackSettings { essential: true, ..StackSettings::default() };
    [
        Subject::new("full stack", OURS, With::new(stack(&clock, StackSettings::default()), &clock)),
        Subject::new("full stack, essential", OURS, With::new(Essential(stack(&clock, essential)), &clock)),
    ]
}

fn stack(clock: &Clock, settings: StackSettings) -> Stack<()> {
    let stack = Stack::builder("bench", clock).settings(settings).build().expect("the defaults make a stack");
    (0..ENDPOINTS).for_each(|number| stack.endpoints().insert(&format!("endpoint-{number}"), ()));
    stack
}

fn verdict(result: Result<&u64, &Broken>) -> Verdict {
    if result.is_ok() { Verdict::Good } else { Verdict::Failed }
}

impl Caller for With<Stack<()>> {
    async fn call(&mut self, answer: Answer) -> bool {
        self.policy.call(&self.call, verdict, |_, _: Arc<()>| ask(answer)).await.is_ok()
    }
}

impl Caller for With<Essential> {
    async fn call(&mut self, answer: Answer) -> bool {
        let instead = || async { None };
        self.policy.0.call_or(&self.call, verdict, |_, _: Arc<()>| ask(answer), instead).await.is_ok()
    }
}
