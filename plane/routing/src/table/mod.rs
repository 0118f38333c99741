//! The compiled table: the head of a request to its route.
//!
//! Made by the gateway at the start and at each change of the settings, and asked for each request. Always holds: the answer depends on
//! nothing but the settings and the request; looking a route up allocates nothing; the work is bounded by the table, whatever a client sends.

mod compile;
mod conditions;
mod explain;
mod find;
mod order;
mod read;
mod trie;

pub use explain::{Explained, Verdict};
pub use find::{Asked, Match};

use crate::edit::{Edits, FixedAnswer, Redirect, Rewrite};
use crate::pattern::{HostPattern, PathPattern};
use crate::problem::Problems;
use crate::settings;
use crate::split::Split;
use conditions::Conditions;
use hashbrown::HashMap;
use homeostat_resilience::StackSettings;
use std::sync::Arc;
use trie::Trie;

/// The routes and upstreams of a gateway, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Table {
    routes: Vec<Route>,
    upstreams: Vec<UpstreamPlan>,
    exact_hosts: HashMap<Box<str>, Trie>,
    /// By the name that all of them end in.
    hosts_below: HashMap<Box<str>, Trie>,
    any_host: Trie,
}

/// One route, compiled.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its name, for metrics, logs and people.
    pub name: Arc<str>,
    /// What is done with its requests.
    pub action: Action,
    /// What is changed in the request's target.
    pub rewrite: Option<Rewrite>,
    /// What is changed in the request's headers.
    pub request_edits: Edits,
    /// What is changed in the answer's headers.
    pub response_edits: Edits,
    /// What the client gets when nothing else is left.
    pub fallback: Fallback,
    /// The rest of what was written, for those who carry it out.
    pub settings: Arc<settings::Route>,
    capture_names: Box<[Box<str>]>,
    precedence: i32,
    hosts: Box<[HostPattern]>,
    path: PathPattern,
    conditions: Conditions,
    patterns: Box<[String]>,
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// It goes to an upstream.
    Forward(Split),
    /// The client is sent elsewhere.
    Redirect(Redirect),
    /// The gateway answers itself.
    Respond(FixedAnswer),
}

/// What the client gets when no upstream gives a good answer, in this order.
#[derive(Clone, Debug, Default)]
pub struct Fallback {
    /// A kept answer up to this age, in milliseconds.
    pub stale_ms: Option<u64>,
    /// Another upstream.
    pub to: Option<UpstreamId>,
    /// A fixed answer.
    pub respond: Option<FixedAnswer>,
}

/// An upstream of a table; an index into [`Table::upstreams`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpstreamId(pub usize);

/// A route of a table; an index into [`Table::routes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(pub usize);

/// An upstream, and where its endpoints come from.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamPlan {
    /// Its name.
    pub name: Arc<str>,
    /// Where its endpoints come from.
    pub source: Source,
    /// How calls to it are made, unless a route says otherwise.
    pub resilience: StackSettings,
    /// What was written of it; the defaults for a service without an entry.
    pub settings: Arc<settings::Upstream>,
}

/// Where the endpoints of an upstream come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// They stand in the settings: addresses with ports.
    Static(Vec<std::net::SocketAddr>),
    /// A name that is looked up.
    Dns {
        /// The name.
        name: Box<str>,
        /// The port.
        port: u16,
    },
    /// The instances of a service, told by the engine.
    Service {
        /// The service.
        name: Box<str>,
        /// Which of its ports: `port`, or a name among its `ports`.
        port: Box<str>,
    },
}

impl Table {
    /// Compiles the settings.
    ///
    /// # Errors
    /// With everything that cannot be compiled. What can be and is likely a mistake all the same is told by [`crate::check::check`].
    pub fn compile(settings: &settings::Gateway) -> Result<Self, Problems> {
        compile::compile(settings)
    }

    /// Every upstream that a route leads to, and every one that is declared.
    #[must_use]
    pub fn upstreams(&self) -> &[UpstreamPlan] {
        &self.upstreams
    }

    /// An upstream of this table.
    #[must_use]
    pub fn upstream(&self, id: UpstreamId) -> &UpstreamPlan {
        &self.upstreams[id.0]
    }

    /// Routes that no request can reach, each with one that takes its requests.
    pub(crate) fn shadowed(&self) -> Vec<(&Route, &Route)> {
        let tries = self.exact_hosts.values().chain(self.hosts_below.values()).chain([&self.any_host]);
        let mut open = vec![false; self.routes.len()];
        let mut taken_by = vec![None; self.routes.len()];
        for group in tries.flat_map(Trie::groups) {
            for (index, route) in group.iter().enumerate() {
                let conditions = &self.routes[*route].conditions;
                let by = group[..index].iter().find(|earlier| self.routes[**earlier].conditions.cover(conditions));
                // On one of its hosts nobody is in its way.
                open[*route] |= by.is_none();
                taken_by[*route] = by;
            }
        }
        let found = taken_by.iter().enumerate().filter(|(route, _)| !open[*route]);
        found.filter_map(|(route, by)| Some((&self.routes[route], &self.routes[*(*by)?]))).collect()
    }

    /// Every route, in the order in which those of the same host and path are asked.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }
}

impl Route {
    /// The names of what its path catches, in the order of [`crate::Captures`].
    #[must_use]
    pub fn capture_names(&self) -> &[Box<str>] {
        &self.capture_names
    }

    /// Its conditions, as a person reads them: `shop.example.org/cart`, `GET`, `X-Colour: blue`.
    #[must_use]
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }
}
