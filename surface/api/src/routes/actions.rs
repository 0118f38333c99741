//! Actions: the list, and one in full.

use super::Shared;
use super::page::{self, PageQuery};
use crate::extract::{Named, Parameters};
use crate::problem::Refused;
use crate::reading::{self, ActionDetail, ActionSummary};
use axum::Json;
use axum::extract::State;
use homeostat_vocabulary::ActionId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A page of actions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ActionPage {
    /// The actions, newest first.
    pub actions: Vec<ActionSummary>,
    /// Where to go on; absent on the last page.
    pub next: Option<String>,
}

pub async fn actions(
    State(shared): State<Shared>,
    Parameters(query): Parameters<PageQuery>,
) -> Result<Json<ActionPage>, Refused> {
    let (limit, before) = (query.limit()?, query.before()?.unwrap_or(u64::MAX));
    let found = shared.journal.read(move |reader| reading::actions(reader, before, limit)).await?;
    let next = page::next(&found, limit);
    Ok(Json(ActionPage { actions: found.into_iter().map(|(_, action)| action).collect(), next }))
}

pub async fn action(State(shared): State<Shared>, Named(id): Named<ActionId>) -> Result<Json<ActionDetail>, Refused> {
    let found = shared.journal.read(move |reader| reading::action(reader, id)).await?;
    found
        .map(Json)
        .ok_or_else(|| Refused::nothing(format!("the journal holds no action {id}"), "/v1/actions lists what is kept"))
}
