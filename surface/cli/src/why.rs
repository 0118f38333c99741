//! `why` and `episodes`: stories from the journal alone, so they can be told when the engine is dead.

use crate::arguments::{Format, StoryOf};
use crate::error::{CliError, Exit};
use crate::screen::{Screen, style_of};
use crate::table::{Cell, Column, Table};
use crate::wrap::wrap_behind;
use anstyle::Style;
use homeostat_store::{Entry, Reader};
use homeostat_story::{Message, Story, StoryState, Telling, ToldLine, Tone};
use homeostat_vocabulary::{ActionId, EpisodeId, Fact};
use serde_json::json;
use std::collections::VecDeque;

/// Most entries of one story that are read, a few days of one failure a minute: a service that fails for months must not
/// fill the memory of whoever asks.
const ENTRIES_MAX: usize = 100_000;

/// Entries read at a time where all of a kind are gone through.
const PAGE: usize = 1_000;

/// Tells one story.
pub fn run(reader: &Reader, of: Option<StoryOf>, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let trace = match of {
        Some(StoryOf::Episode(episode)) => episode.to_string(),
        Some(StoryOf::Action(action)) => trace_of_action(reader, action)?,
        None => match latest_episodes(reader, 1)?.pop() {
            Some(episode) => episode.to_string(),
            None => {
                screen.note(&Message::new("episodes-none"));
                return Ok(Exit::Findings);
            }
        },
    };
    let entries = reader.entries_of_trace(&trace, ENTRIES_MAX)?;
    if entries.len() == ENTRIES_MAX {
        screen.note(&Message::new("story-cut").number("count", ENTRIES_MAX));
    }
    let story = Story::tell(&entries).map_err(|_| CliError::NotInJournal { of: trace })?;
    let telling = story.in_language(screen.catalogue);
    match screen.format {
        Format::Json => screen.json(&json!({ "story": story, "told": telling }))?,
        Format::Table => {
            let drawn = draw(&telling, screen.width());
            screen.data(&drawn)?;
        }
    }
    Ok(Exit::Ok)
}

/// Lists the latest episodes, newest first.
pub fn list(reader: &Reader, limit: usize, screen: &mut Screen<'_>) -> Result<Exit, CliError> {
    let episodes = latest_episodes(reader, limit)?;
    let stories: Result<Vec<Story>, CliError> =
        episodes.into_iter().rev().map(|episode| story_of(reader, &episode.to_string())).collect();
    let stories = stories?;
    if screen.format == Format::Json {
        screen.json(&stories)?;
    } else if stories.is_empty() {
        screen.note(&Message::new("episodes-none"));
    } else {
        let drawn = table(&stories, screen).draw(screen.width());
        screen.data(&drawn)?;
    }
    Ok(Exit::Ok)
}

fn story_of(reader: &Reader, trace: &str) -> Result<Story, CliError> {
    let entries = reader.entries_of_trace(trace, ENTRIES_MAX)?;
    Story::tell(&entries).map_err(|_| CliError::NotInJournal { of: trace.to_owned() })
}

/// The last episodes that were opened, oldest of them first.
fn latest_episodes(reader: &Reader, limit: usize) -> Result<Vec<EpisodeId>, CliError> {
    let mut latest = VecDeque::new();
    each_of_kind(reader, "episode.opened", |entry| {
        if let Ok(episode) = entry.record.trace.parse::<EpisodeId>() {
            latest.push_back(episode);
            if latest.len() > limit {
                latest.pop_front();
            }
        }
        true
    })?;
    Ok(latest.into())
}

/// The story that an action belongs to: its episode's, or its own.
fn trace_of_action(reader: &Reader, action: ActionId) -> Result<String, CliError> {
    let mut found = None;
    each_of_kind(reader, "plan.made", |entry| {
        if let Ok(Fact::PlanMade { plan, .. }) = serde_json::from_slice(&entry.record.payload)
            && plan.action == action
        {
            found = Some(entry.record.trace.clone());
        }
        found.is_none()
    })?;
    found.ok_or_else(|| CliError::NotInJournal { of: action.to_string() })
}

/// Goes through all entries of a kind until `go_on` says no.
fn each_of_kind(reader: &Reader, kind: &str, mut go_on: impl FnMut(&Entry) -> bool) -> Result<(), CliError> {
    let mut from_seq = 1;
    loop {
        let page = reader.entries_of_kind(kind, from_seq, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        from_seq = last.seq + 1;
        if !page.iter().all(&mut go_on) {
            return Ok(());
        }
    }
}

/// Where a line's text begins: after its time, its offset and its symbol.
const TEXT_COLUMN: usize = 2 + 12 + 2 + OFFSET_WIDTH + 2 + 2;
/// The width of the longest offset, `+59 min 59 s`.
const OFFSET_WIDTH: usize = 12;

fn draw(telling: &Telling, width: Option<usize>) -> String {
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    let prose = |text: &str, column: usize| match width {
        Some(width) => wrap_behind(column, text, width),
        None => text.to_owned(),
    };
    let summary = prose(&telling.summary, 0);
    let mut text = format!("{bold}{}{bold:#}\n{summary}\n{dim}{}{dim:#}\n", telling.title, telling.dated);
    for chapter in &telling.chapters {
        text.push_str(&format!("\n{bold}{}{bold:#}\n", chapter.heading));
        if let Some(empty) = &chapter.empty {
            text.push_str(&format!("  {dim}{empty}{dim:#}\n"));
        }
        for line in &chapter.lines {
            text.push_str(&draw_line(line, &prose));
        }
    }
    text
}

fn draw_line(line: &ToldLine, prose: &impl Fn(&str, usize) -> String) -> String {
    let (dim, style) = (Style::new().dimmed(), style_of(line.tone));
    let (clock, offset, symbol) = (&line.clock, &line.offset, line.tone.symbol());
    let said = prose(&line.text, TEXT_COLUMN);
    let mut text = format!("  {dim}{clock:12}  {offset:>OFFSET_WIDTH$}{dim:#}  {style}{symbol}{style:#} {said}\n");
    for (tone, detail) in &line.details {
        let (style, symbol) = (style_of(*tone), if *tone == Tone::Plain { ' ' } else { tone.symbol() });
        let said = prose(detail, TEXT_COLUMN + 2);
        text.push_str(&format!("{:TEXT_COLUMN$}{style}{symbol}{style:#} {said}\n", ""));
    }
    text
}

fn table(stories: &[Story], screen: &Screen<'_>) -> Table {
    let heading = |key| screen.say(&Message::new(key));
    let mut table = Table::new(vec![
        Column::words(heading("column-episode")),
        Column::words(heading("column-began")),
        Column::words(heading("column-state")),
        Column::words(heading("column-summary")).gives_way(),
    ]);
    for story in stories {
        let (key, tone) = match story.state {
            StoryState::Open => ("state-open", Tone::Waiting),
            StoryState::AwaitingApproval => ("state-awaiting", Tone::Waiting),
            StoryState::Escalated => ("state-escalated", Tone::Bad),
            StoryState::Closed => ("state-closed", Tone::Good),
        };
        let began = story.began.to_string().replace('T', " ");
        let began = began.split('.').next().unwrap_or_default().to_owned();
        table.row(vec![
            Cell::new(story.trace.clone()),
            Cell::new(began),
            Cell::styled(format!("{} {}", tone.symbol(), heading(key)), style_of(tone)),
            Cell::new(screen.say(&story.summary)),
        ]);
    }
    table
}
