//! Scenario scripts: a text that declares services and says what happens when, and what must be so then. The whole loop runs
//! on it in a world without luck; what it tells is compared with the golden output beside the script.
//!
//! ```text
//! # a comment
//! repair budget=2 backoff_max=20s
//! service db
//! service web instances=2 health depends=db autonomy=approve warm-up=300ms stop-takes=50ms grace=2s
//! at 10s crash web/0
//! at 20s expect web/0 ready
//! at 30s requests web 10s
//! end 1m
//! ```

use crate::declare;
use crate::script::{Deed, Expectation, Wish};
use crate::simulation::Setup;
use crate::world::{CallFault, Mood, Nature};
use anyhow::{Context, bail};
use homeostat_vocabulary::{
    ActionId, Autonomy, Command, Exit, InstanceId, Millis, Policy, Repair, Scope, Service, ServiceName, StartMode,
};

/// A scenario as it was read.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What to run.
    pub setup: Setup,
    /// For how long.
    pub length: Millis,
}

/// Reads a script.
pub fn parse(text: &str) -> anyhow::Result<Scenario> {
    let mut scenario = Scenario { setup: Setup { seed: 1, ..Setup::default() }, length: Millis::from_secs(60) };
    for (number, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        if !words.is_empty() {
            scenario.read(&words).with_context(|| format!("line {}: {line}", number + 1))?;
        }
    }
    Ok(scenario)
}

impl Scenario {
    fn read(&mut self, words: &[&str]) -> anyhow::Result<()> {
        match words {
            ["repair", settings @ ..] => read_repair(&mut self.setup.policy.repair, settings),
            ["service", name, settings @ ..] => {
                let name: ServiceName = name.parse()?;
                let mut service = declare::service(name.clone());
                let mut nature = Nature::default();
                for setting in settings {
                    change(&mut service, &mut nature, setting)?;
                }
                self.setup.natures.extend(service.instance_ids().map(|id| (id, nature.clone())));
                self.setup.policy.services.insert(name, service);
                Ok(())
            }
            ["at", after, deed @ ..] => {
                let deed = self.read_deed(deed)?;
                self.setup.script.push((span(after)?, deed));
                Ok(())
            }
            ["supervised"] => {
                self.setup.supervised = true;
                Ok(())
            }
            ["end", after] => {
                self.length = span(after)?;
                Ok(())
            }
            _ => bail!("not a line of a scenario"),
        }
    }

    fn read_deed(&self, words: &[&str]) -> anyhow::Result<Deed> {
        let ask = |command| Ok(Deed::Ask(Wish::Exactly(command)));
        match words {
            ["crash", instance] => Ok(Deed::Crash(instance.parse()?, Exit::Killed { signal: 9 })),
            ["exit", instance, code] => Ok(Deed::Crash(instance.parse()?, Exit::Code { code: code.parse()? })),
            ["hang" | "close" | "sicken", instance, rest @ ..] => {
                Ok(Deed::Turn(instance.parse()?, read_mood(words[0])?, rest.first().map(|it| span(it)).transpose()?))
            }
            ["born", instance, mood] => Ok(Deed::BornAs(instance.parse()?, read_mood(mood)?)),
            ["dies-after", instance, "never"] => Ok(Deed::DieAfter(instance.parse()?, None)),
            ["dies-after", instance, after] => Ok(Deed::DieAfter(instance.parse()?, Some(span(after)?))),
            ["ignores-stop", instance] => Ok(Deed::IgnoreStop(instance.parse()?, true)),
            ["calls", instance, faults @ ..] => {
                let faults: anyhow::Result<Vec<CallFault>> = faults.iter().map(|it| read_fault(it)).collect();
                Ok(Deed::FailCalls(instance.parse()?, faults?))
            }
            ["kill-engine"] => Ok(Deed::KillEngine),
            ["start-engine"] => Ok(Deed::StartEngine),
            ["stall", span_text] => Ok(Deed::Stall(span(span_text)?)),
            ["journal", "breaks"] => Ok(Deed::BreakJournal(true)),
            ["journal", "heals"] => Ok(Deed::BreakJournal(false)),
            ["pause", scope @ ..] => ask(Command::Pause { scope: read_scope(scope)? }),
            ["resume", scope @ ..] => ask(Command::Resume { scope: read_scope(scope)? }),
            ["approve"] => Ok(Deed::Ask(Wish::ApproveWaiting)),
            ["reject"] => Ok(Deed::Ask(Wish::RejectWaiting)),
            ["undo", target] => match target.parse::<ActionId>() {
                Ok(action) => ask(Command::Undo { action }),
                Err(_) => Ok(Deed::Ask(Wish::UndoLatest(target.parse()?))),
            },
            ["activate", service] => ask(Command::Activate { service: service.parse()? }),
            ["requests", service, length] => Ok(Deed::Requests(service.parse()?, span(length)?)),
            ["shutdown"] => ask(Command::Shutdown { keep_services: false }),
            ["detach"] => ask(Command::Shutdown { keep_services: true }),
            ["reload-badly", problem @ ..] => Ok(Deed::ReloadBadly(problem.join(" "))),
            ["reload", settings @ ..] => Ok(Deed::Reload(Box::new(self.changed_policy(settings)?))),
            ["expect", expected @ ..] => Ok(Deed::Expect(read_expectation(expected)?)),
            _ => bail!("nothing that can happen"),
        }
    }

    /// The declared policy with some services changed: `web instances=3`, or `web removed`.
    fn changed_policy(&self, words: &[&str]) -> anyhow::Result<Policy> {
        let mut policy = self.setup.policy.clone();
        let [name, settings @ ..] = words else { bail!("which service?") };
        let name: ServiceName = name.parse()?;
        if settings == ["removed"] {
            policy.services.remove(&name);
            return Ok(policy);
        }
        let service = policy.services.get_mut(&name).context("no such service")?;
        for setting in settings {
            change(service, &mut Nature::default(), setting)?;
        }
        Ok(policy)
    }
}

fn change(service: &mut Service, nature: &mut Nature, setting: &str) -> anyhow::Result<()> {
    let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
    match key {
        "instances" => service.instances = value.parse()?,
        "health" => service.health = Some(declare::health()),
        "no-health" => service.health = None,
        "depends" => service.depends_on = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
        "autonomy" => {
            service.autonomy = match value {
                "observe" => Autonomy::Observe,
                "propose" => Autonomy::Propose,
                "approve" => Autonomy::Approve,
                "auto" => Autonomy::Auto,
                _ => bail!("{value} is no level of autonomy"),
            };
        }
        "on-request" => {
            let idle_stop = if value.is_empty() { None } else { Some(span(value)?) };
            service.start = StartMode::OnRequest { idle_stop };
        }
        "at-once" => service.start = StartMode::AtOnce,
        "grace" => service.stop.grace = span(value)?,
        "argument" => service.command.push(value.to_owned()),
        "warm-up" => nature.warm_up = span(value)?,
        "stop-takes" => nature.stop_takes = span(value)?,
        _ => bail!("{key} is no setting of a service"),
    }
    Ok(())
}

fn read_repair(repair: &mut Repair, settings: &[&str]) -> anyhow::Result<()> {
    for setting in settings {
        let (key, value) = setting.split_once('=').context("a setting is written key=value")?;
        match key {
            "budget" => repair.budget = value.parse()?,
            "budget_window" => repair.budget_window = span(value)?,
            "backoff_first" => repair.backoff_first = span(value)?,
            "backoff_max" => repair.backoff_max = span(value)?,
            "backoff_reset" => repair.backoff_reset = span(value)?,
            "verify_window" => repair.verify_window = span(value)?,
            "verify_deadline" => repair.verify_deadline = span(value)?,
            "approval_deadline" => repair.approval_deadline = span(value)?,
            _ => bail!("{key} is no limit of repairs"),
        }
    }
    Ok(())
}

fn read_fault(word: &str) -> anyhow::Result<CallFault> {
    Ok(match word {
        "fail" => CallFault::Fails,
        "impossible" => CallFault::Impossible,
        "unsure" => CallFault::Unsure,
        "silent" => CallFault::Silent,
        "lost" => CallFault::Lost,
        _ => bail!("{word} is no fault of a call"),
    })
}

fn read_mood(word: &str) -> anyhow::Result<Mood> {
    Ok(match word {
        "hang" | "hung" => Mood::Hung,
        "close" | "closed" => Mood::Closed,
        "sicken" | "sick" => Mood::Sick,
        "well" => Mood::Well,
        _ => bail!("{word} is no mood"),
    })
}

fn read_scope(words: &[&str]) -> anyhow::Result<Scope> {
    match words {
        [] => Ok(Scope::Everything),
        [name] => Ok(Scope::Service { name: name.parse()? }),
        _ => bail!("one service, or nothing for everything"),
    }
}

fn read_expectation(words: &[&str]) -> anyhow::Result<Expectation> {
    Ok(match words {
        ["episodes", number] => Expectation::Episodes(number.parse()?),
        ["repairs", number] => Expectation::Repairs(number.parse()?),
        ["repairs-at-least", number] => Expectation::RepairsAtLeast(number.parse()?),
        ["escalations", number] => Expectation::Escalations(number.parse()?),
        ["engine", "up"] => Expectation::Engine(true),
        ["engine", "down"] => Expectation::Engine(false),
        [instance, "lives", number] => Expectation::Lives(instance.parse()?, number.parse()?),
        [instance, phase] => Expectation::Phase(instance.parse::<InstanceId>()?, (*phase).to_owned()),
        _ => bail!("nothing that can be expected"),
    })
}

/// A span of time: `250ms`, `10s`, `5m`, `6h`.
fn span(text: &str) -> anyhow::Result<Millis> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        other => bail!("{other:?} is no unit of time"),
    };
    let number: u64 = digits.parse().with_context(|| format!("{text} is no span of time"))?;
    Ok(Millis(number.saturating_mul(unit)))
}
