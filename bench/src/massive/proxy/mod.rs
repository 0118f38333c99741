//! The proxies that are compared: put in place where that can be done, and run by a [keeper](crate::keeper).
//!
//! Each is run as it comes and tuned, with a configuration in `bench/peers/massive` that is filled in for the run. Between them they
//! differ in nothing else: the same load client and the same backends as every other subject.

mod config;
mod place;
mod refused;
mod running;

use std::path::Path;

pub use self::config::fill;
pub use self::place::{Placed, debian, place};
pub use self::running::Running;

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
    /// The gateway of Homeostat as it comes
    #[value(name = "homeostat-gateway")]
    Gateway,
    /// The gateway of Homeostat, told that answers are small and which requests are important
    #[value(name = "homeostat-gateway-tuned")]
    GatewayTuned,
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
            Self::Gateway => include_str!("../../../peers/massive/homeostat.toml"),
            Self::GatewayTuned => include_str!("../../../peers/massive/homeostat-tuned.toml"),
        }
    }

    /// What its configuration is called.
    const fn config_name(self) -> &'static str {
        match self {
            Self::Nginx | Self::NginxTuned => "nginx.conf",
            Self::Haproxy | Self::HaproxyTuned => "haproxy.cfg",
            Self::Envoy | Self::EnvoyTuned => "envoy.yaml",
            Self::Gateway | Self::GatewayTuned => "homeostat.toml",
        }
    }

    /// The arguments of the program with this configuration, in the foreground.
    fn arguments(self, config: &Path) -> Vec<String> {
        let config = config.to_string_lossy();
        let words: &[&str] = match self {
            Self::Nginx | Self::NginxTuned => &["-c", &config],
            Self::Haproxy | Self::HaproxyTuned => &["-db", "-f", &config],
            // One worker, as every subject has one thread.
            Self::Envoy | Self::EnvoyTuned => {
                &["--concurrency", "1", "--disable-hot-restart", "--log-level", "error", "-c", &config]
            }
            Self::Gateway | Self::GatewayTuned => &["gateway", "run", "--config", &config],
        };
        words.iter().map(|word| (*word).to_owned()).collect()
    }
}
