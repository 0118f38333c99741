//! The proxies that are compared: put in place where that can be done, and run by a keeper that is this program.
//!
//! Each is run as it comes and tuned, with a configuration in `bench/peers/massive` that is filled in for the run. Between them they
//! differ in nothing else: the same load client and the same backends as every other subject.

mod config;
mod keeper;
mod place;
mod refused;

use std::path::Path;
use std::process::Command;

pub use self::config::fill;
pub use self::keeper::{KeeperArguments, be_keeper};
pub use self::place::{Placed, debian, place};

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum ProxyKind {
    /// nginx as it comes
    Nginx,
    /// nginx with passive checks and the next server after every error
    NginxTuned,
    /// HAProxy as it comes
    Haproxy,
    /// HAProxy with retries elsewhere and observed answers
    HaproxyTuned,
    /// Envoy as it comes
    Envoy,
    /// Envoy with outlier detection, hedging and a retry budget
    EnvoyTuned,
}

impl ProxyKind {
    /// Its configuration, to be filled in.
    const fn template(self) -> &'static str {
        match self {
            Self::Nginx => include_str!("../../../peers/massive/nginx.conf"),
            Self::NginxTuned => include_str!("../../../peers/massive/nginx-tuned.conf"),
            Self::Haproxy => include_str!("../../../peers/massive/haproxy.cfg"),
            Self::HaproxyTuned => include_str!("../../../peers/massive/haproxy-tuned.cfg"),
            Self::Envoy => include_str!("../../../peers/massive/envoy.yaml"),
            Self::EnvoyTuned => include_str!("../../../peers/massive/envoy-tuned.yaml"),
        }
    }

    /// The program with this configuration, in the foreground.
    fn command(self, program: &Path, config: &Path) -> Command {
        let mut command = Command::new(program);
        match self {
            Self::Nginx | Self::NginxTuned => command.arg("-c").arg(config),
            Self::Haproxy | Self::HaproxyTuned => command.args(["-db", "-f"]).arg(config),
            // One worker, as every subject has one thread.
            Self::Envoy | Self::EnvoyTuned => {
                let quiet = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"];
                command.args(quiet).arg("-c").arg(config)
            }
        };
        command
    }
}
