//! Who is measured: policies in this program, and proxies with their configurations.

use std::str::FromStr;

use anyhow::bail;
use clap::ValueEnum;

use super::backends::BackendsArguments;
use super::policy::PolicyKind;
use super::proxy::ProxyKind;

/// How the names of the ablation's own rows begin.
const ABLATION: &str = "ablation-";

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A policy in a gateway of ours.
    Policy(PolicyKind),
    /// A proxy.
    Proxy(ProxyKind),
}

impl Subject {
    /// What bounds the others.
    pub const ORACLE: Self = Self::Policy(PolicyKind::Oracle);

    /// All, in the order of the report.
    fn all() -> impl Iterator<Item = Self> {
        let policies = PolicyKind::value_variants().iter().map(|kind| Self::Policy(*kind));
        policies.chain(ProxyKind::value_variants().iter().map(|kind| Self::Proxy(*kind)))
    }

    /// All but the rows of the ablation, in the order of the report.
    pub fn contestants() -> Vec<Self> {
        Self::all().filter(|subject| !subject.name().starts_with(ABLATION)).collect()
    }

    /// The five rows of the ablation, from no policy to everything.
    pub fn ablation() -> Vec<Self> {
        use PolicyKind::{AblationBreaker, AblationEverything, AblationPredictor, AblationRetry, DirectRandom};
        [DirectRandom, AblationRetry, AblationBreaker, AblationPredictor, AblationEverything].map(Self::Policy).to_vec()
    }

    /// Its name, on the command line and in the report.
    pub fn name(self) -> String {
        match self {
            Self::Policy(kind) => name_of(&kind),
            Self::Proxy(kind) => name_of(&kind),
        }
    }
}

impl PolicyKind {
    /// As a command line for this program, in front of these ports.
    pub fn to_line(self, ports: &[u16], run: &BackendsArguments) -> Vec<String> {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let line = format!(
            "massive-subject --policy {} --ports {} --schedule {} --profile {} --slots {} --length-ms {} --seed {}",
            name_of(&self),
            ports.join(","),
            run.schedule.name(),
            run.profile.name(),
            run.slots,
            run.length_ms,
            run.seed
        );
        line.split(' ').map(str::to_owned).collect()
    }
}

fn name_of(value: &impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

impl FromStr for Subject {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let Some(subject) = Self::all().find(|subject| subject.name() == text) else {
            let names: Vec<String> = Self::all().map(Self::name).collect();
            bail!("there is no subject `{text}`; there are {}", names.join(", "));
        };
        Ok(subject)
    }
}
