//! `[gateway.upstreams.NAME]`: where requests can go.

use super::UpstreamHealth;
use homeostat_resilience::StackSettings;
use homeostat_vocabulary::quantity::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where requests can go. One of `endpoints`, `dns` and `service` says where that is; without them, the service that has the upstream's name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Upstream {
    /// Addresses, such as `["127.0.0.1:9001", "10.0.0.7:9001"]`.
    pub endpoints: Vec<String>,
    /// A name and port, such as `"api.internal:9001"`; every address it resolves to is an endpoint, looked up again at each `dns_interval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<String>,
    /// How often the name is looked up again. When that fails, the last addresses stay.
    pub dns_interval: Period,
    /// A service of this file; its instances come and go by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Which port of the service: one of its `ports`; its `port` when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// What it speaks.
    pub protocol: Protocol,
    /// TLS towards it; without it plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<UpstreamTls>,
    /// Which `Host` it is sent.
    pub host_header: HostHeader,
    /// How its endpoints are asked for their health. Without it they are judged by their answers alone; the instances of a service by the
    /// engine as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<UpstreamHealth>,
    /// The most unused connections that each worker keeps to each endpoint.
    #[schemars(range(min = 1, max = 65_535))]
    pub connections_max: u32,
    /// How long an unused connection is kept.
    pub connection_idle: Period,
    /// How long a connection may take to be made.
    pub connect_timeout: Period,
    /// Starts the service when the first request comes, and holds that request until it is ready. Only for a service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation: Option<Activation>,
    /// How calls to it are made, instead of `gateway.resilience`. Keys that are not written have their usual defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resilience: Option<StackSettings>,
}

impl Default for Upstream {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            dns: None,
            dns_interval: Period::seconds(10),
            service: None,
            port: None,
            protocol: Protocol::Http1,
            tls: None,
            host_header: HostHeader::Keep,
            health: None,
            connections_max: 256,
            connection_idle: Period::seconds(60),
            connect_timeout: Period::seconds(2),
            activation: None,
            resilience: None,
        }
    }
}

/// What an upstream speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: by ALPN under TLS, by prior knowledge without.
    Http2,
    /// gRPC: HTTP/2, and an answer is judged by its `grpc-status` too.
    Grpc,
}

/// Which `Host` an upstream is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostHeader {
    /// The one that the client sent.
    #[default]
    Keep,
    /// The endpoint's own name or address.
    Upstream,
}

/// TLS towards an upstream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamTls {
    /// The name that its certificate must have; the name in `dns`, or the endpoint's address, when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// The authorities that are believed, a PEM file; those of the system when nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
    /// The gateway's own certificate, a PEM file, where the upstream asks for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Its private key, a PEM file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// Starts a service when the first request comes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Activation {
    /// How many requests wait for it; more are refused at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub waiting_max: u32,
    /// How long a request waits.
    pub wait_max: Period,
}

impl Default for Activation {
    fn default() -> Self {
        Self { waiting_max: 1_000, wait_max: Period::seconds(30) }
    }
}
