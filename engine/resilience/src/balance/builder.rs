//! How a balancer is made: with the defaults, or with what a caller or a test hands in instead.

use std::sync::{Arc, Mutex};

use homeostat_reactor::Clock;

use super::core::BalanceCore;
use super::settings::BalanceSettings;
use super::{Balancer, Shared, State};
use crate::Listener;
use crate::chance::Chance;
use crate::line::Line;
use crate::memory::Gossip;

/// Makes a [`Balancer`].
#[derive(Debug)]
pub struct BalancerBuilder {
    name: Arc<str>,
    settings: BalanceSettings,
    clock: Clock,
    chance: Chance,
    listener: Listener,
}

impl BalancerBuilder {
    /// Other settings than the default ones.
    #[must_use]
    pub fn settings(mut self, settings: BalanceSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Another clock than the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Another chance than the machine's.
    #[must_use]
    pub fn chance(mut self, chance: Chance) -> Self {
        self.chance = chance;
        self
    }

    /// Who is told of ejections and panic.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listener = listener;
        self
    }

    /// The balancer, without endpoints.
    pub fn build<T>(self) -> Balancer<T> {
        let core = BalanceCore::new(self.settings);
        let state = State { core, values: Vec::new(), gossip: Gossip::default() };
        let Self { name, clock, chance, listener, .. } = self;
        Balancer(Arc::new(Shared { name, clock, chance, listener, state: Mutex::new(state), line: Line::default() }))
    }
}

impl Balancer<()> {
    /// A balancer of this name, to be built with the defaults or other ones.
    pub fn builder(name: &str) -> BalancerBuilder {
        BalancerBuilder {
            name: name.into(),
            settings: BalanceSettings::default(),
            clock: Clock::machine(),
            chance: Chance::of_the_machine(),
            listener: Listener::default(),
        }
    }
}
