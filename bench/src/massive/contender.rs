//! A subject under way in a run: a policy in a process of this program, or a proxy under its keeper.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::backends::BackendsArguments;
use super::child::{Actor, Start};
use super::gateway::Ready;
use super::ledger::Sent;
use super::proxy;
use super::subject::Subject;

/// A subject that can be asked; dropped, it is ended.
#[derive(Debug)]
pub enum Contender {
    /// A policy, and its port.
    Policy(Actor, u16),
    /// A proxy.
    Proxy(proxy::Running),
}

impl Contender {
    /// Starts a subject in front of these ports; a proxy with its program.
    pub fn start(subject: Subject, program: Option<&Path>, ports: &[u16], run: &BackendsArguments) -> Result<Self> {
        match subject {
            Subject::Policy(kind) => {
                let (actor, ready) = Actor::start::<Ready>(&kind.to_line(ports, run))?;
                Ok(Self::Policy(actor, ready.port))
            }
            Subject::Proxy(kind) => {
                let program = program.context("a proxy has a program")?;
                proxy::Running::start(kind, program, ports).map(Self::Proxy)
            }
        }
    }

    /// Tells it when the run starts, if it wants to know.
    pub fn go(&mut self, start: &Start) -> Result<()> {
        match self {
            Self::Policy(actor, _) => actor.go(start),
            Self::Proxy(_) => Ok(()),
        }
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        match self {
            Self::Policy(_, port) => *port,
            Self::Proxy(running) => running.port,
        }
    }

    /// The processor time that it has used so far.
    pub fn cpu(&self) -> Duration {
        match self {
            Self::Policy(actor, _) => actor.cpu(),
            Self::Proxy(running) => running.cpu(),
        }
    }

    /// The most memory that it had in use.
    pub fn peak_mib(&self) -> f64 {
        match self {
            Self::Policy(actor, _) => actor.peak_mib(),
            Self::Proxy(running) => running.peak_mib(),
        }
    }

    /// Ends it; what it sent that never arrived.
    pub fn end(self) -> Result<Sent> {
        match self {
            Self::Policy(actor, _) => actor.end(),
            Self::Proxy(running) => running.end(),
        }
    }
}
