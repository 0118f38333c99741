//! What is looked after, as it stands: status, services, policy.

use super::Shared;
use crate::extract::Named;
use crate::problem::Refused;
use axum::Json;
use axum::extract::State;
use homeostat_vocabulary::{Policy, ServiceName, ServiceStatus, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceList {
    /// The services, by name.
    pub services: Vec<ServiceStatus>,
}

pub async fn status(State(shared): State<Shared>) -> Json<Status> {
    Json(Status::clone(&shared.status()))
}

pub async fn services(State(shared): State<Shared>) -> Json<ServiceList> {
    Json(ServiceList { services: shared.status().services.clone() })
}

pub async fn service(
    State(shared): State<Shared>,
    Named(name): Named<ServiceName>,
) -> Result<Json<ServiceStatus>, Refused> {
    let found = shared.status().services.iter().find(|service| service.name == name).cloned();
    found
        .map(Json)
        .ok_or_else(|| Refused::nothing(format!("there is no service {name}"), "/v1/services lists the services"))
}

pub async fn policy(State(shared): State<Shared>) -> Json<Policy> {
    let policy = std::sync::Arc::clone(&shared.policy.borrow());
    Json(Policy::clone(&policy))
}
