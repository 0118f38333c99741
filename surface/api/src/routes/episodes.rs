//! Episodes: the list, and one in full with its story.

use super::{Shared, page};
use crate::extract::{Named, Parameters};
use crate::problem::Refused;
use crate::reading::{self, EpisodeState, EpisodeSummary, Event};
use axum::Json;
use axum::extract::State;
use homeostat_story::{Catalogue, Language, Story, Telling};
use homeostat_vocabulary::EpisodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which episodes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EpisodesQuery {
    /// Only these; all when it is not said.
    pub state: Option<EpisodeState>,
    /// How many at most, 1 to 100; 20 when it is not said.
    pub limit: Option<usize>,
    /// Where to go on: the `next` of the page before.
    pub cursor: Option<String>,
}

/// How an episode is told.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EpisodeQuery {
    /// `en` or `es`; English when it is not said.
    pub lang: Option<String>,
}

/// A page of episodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EpisodePage {
    /// The episodes. The first page begins with all open ones.
    pub episodes: Vec<EpisodeSummary>,
    /// Where to go on; absent on the last page.
    pub next: Option<String>,
}

/// An episode in full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EpisodeDetail {
    /// Its number.
    pub id: EpisodeId,
    /// Every record of it, oldest first.
    pub facts: Vec<Event>,
    /// How many records were left out in the middle of a very long one.
    pub left_out: u64,
    /// What was seen, thought and done, and what it brought, in words.
    pub why: Why,
}

/// A story in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Why {
    /// The language it is told in.
    pub lang: String,
    /// What it is about and how it stands.
    pub title: String,
    /// All of it in one sentence.
    pub summary: String,
    /// Its date, and how times are meant.
    pub dated: String,
    /// Seen, thought, done, brought.
    pub chapters: Vec<ToldChapter>,
}

/// A chapter in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToldChapter {
    /// `seen`, `thought`, `done` or `brought`.
    pub kind: String,
    /// The question it answers, in words.
    pub heading: String,
    /// Said where there are no lines.
    pub empty: Option<String>,
    /// Its lines.
    pub lines: Vec<ToldLine>,
}

/// A line in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToldLine {
    /// The time of day in UTC.
    pub clock: String,
    /// The time since the first signal.
    pub offset: String,
    /// `plain`, `good`, `bad` or `waiting`.
    pub tone: String,
    /// What it says.
    pub text: String,
    /// What belongs to it.
    pub details: Vec<ToldDetail>,
}

/// A line below a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToldDetail {
    /// `plain`, `good`, `bad` or `waiting`.
    pub tone: String,
    /// What it says.
    pub text: String,
}

pub async fn episodes(
    State(shared): State<Shared>,
    Parameters(query): Parameters<EpisodesQuery>,
) -> Result<Json<EpisodePage>, Refused> {
    let part = page::PageQuery { limit: query.limit, cursor: query.cursor };
    let (limit, before) = (part.limit()?, part.before()?);
    let mut episodes: Vec<EpisodeSummary> = Vec::new();
    if before.is_none() && query.state != Some(EpisodeState::Closed) {
        // Never cut: they are few (one an instance at most), and what is going on must not hide behind a cursor.
        episodes.extend(shared.status().episodes.iter().rev().map(EpisodeSummary::from));
    }
    if query.state == Some(EpisodeState::Open) {
        return Ok(Json(EpisodePage { episodes, next: None }));
    }
    let before = before.unwrap_or(u64::MAX);
    let closed = shared.journal.read(move |reader| reading::closed_episodes(reader, before, limit)).await?;
    let next = page::next(&closed, limit);
    // The journal may be a moment ahead of the status: what it says is closed is closed.
    episodes.retain(|open| !closed.iter().any(|(_, closed)| closed.id == open.id));
    episodes.extend(closed.into_iter().map(|(_, episode)| episode));
    Ok(Json(EpisodePage { episodes, next }))
}

pub async fn episode(
    State(shared): State<Shared>,
    Named(id): Named<EpisodeId>,
    Parameters(query): Parameters<EpisodeQuery>,
) -> Result<Json<EpisodeDetail>, Refused> {
    let language = match query.lang.as_deref() {
        None => Language::default(),
        Some(asked) => asked.parse().map_err(|error| Refused::unreadable(format!("{error}")))?,
    };
    let (entries, left_out) = shared.journal.read(move |reader| reading::story_of(reader, &id.to_string())).await?;
    let Ok(story) = Story::tell(&entries) else {
        let hint = "/v1/episodes lists what is kept; old episodes are forgotten as the retention says";
        return Err(Refused::nothing(format!("the journal holds no episode {id}"), hint));
    };
    let why = Why::of(story.in_language(Catalogue::of(language)), language);
    Ok(Json(EpisodeDetail { id, facts: entries.iter().map(Event::from).collect(), left_out, why }))
}

impl Why {
    fn of(telling: Telling, language: Language) -> Self {
        let detail = |(tone, text)| ToldDetail { tone: word(&tone), text };
        let line = |line: homeostat_story::ToldLine| ToldLine {
            clock: line.clock,
            offset: line.offset,
            tone: word(&line.tone),
            text: line.text,
            details: line.details.into_iter().map(detail).collect(),
        };
        let chapter = |chapter: homeostat_story::ToldChapter| ToldChapter {
            kind: word(&chapter.kind),
            heading: chapter.heading,
            empty: chapter.empty,
            lines: chapter.lines.into_iter().map(line).collect(),
        };
        Self {
            lang: language.code().to_owned(),
            title: telling.title,
            summary: telling.summary,
            dated: telling.dated,
            chapters: telling.chapters.into_iter().map(chapter).collect(),
        }
    }
}

/// The story's own word for one of its plain enums.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
