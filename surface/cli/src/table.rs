//! Tables: columns that line up, headings that stand out, nothing drawn around them.
//!
//! Without a terminal a table is as wide as its content, so that a program finds the same words whatever the window; on a
//! terminal the last column that may give way is cut to fit.

use anstyle::Style;

/// A table being made.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column's heading and manner.
#[derive(Debug)]
pub struct Column {
    heading: String,
    right: bool,
    gives_way: bool,
}

/// One cell.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    style: Style,
}

/// Between two columns.
const GAP: usize = 2;

/// What stands in an empty cell, so that columns can be counted by a program.
const EMPTY: &str = "-";

/// A column that gives way keeps this much.
const WIDTH_MIN: usize = 8;

impl Column {
    /// A column of words.
    pub fn words(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), right: false, gives_way: false }
    }

    /// A column of numbers, set to the right.
    pub fn numbers(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), right: true, gives_way: false }
    }

    /// The same column, cut when the terminal is too narrow.
    #[must_use]
    pub fn gives_way(self) -> Self {
        Self { gives_way: true, ..self }
    }
}

impl Cell {
    /// A cell with its own style.
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    /// A cell; one that is empty shows a dash.
    pub fn new(text: impl Into<String>) -> Self {
        Self::styled(text, Style::new())
    }

    /// A cell of what may not be there.
    pub fn maybe(value: Option<impl ToString>) -> Self {
        Self::new(value.map(|value| value.to_string()).unwrap_or_default())
    }
}

impl Table {
    /// A table of these columns, without rows yet.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "a row has a cell for each column");
        self.rows.push(cells);
    }

    /// The table as text, at most `width` columns wide where it may give way.
    #[must_use]
    pub fn draw(&self, width: Option<usize>) -> String {
        let widths = self.widths(width);
        let heading = Style::new().dimmed();
        let headings: Vec<Cell> =
            self.columns.iter().map(|column| Cell::styled(column.heading.to_uppercase(), heading)).collect();
        let mut text = String::new();
        for row in std::iter::once(&headings).chain(&self.rows) {
            let cells = row.iter().zip(&self.columns).zip(&widths);
            let drawn: Vec<String> = cells.map(|((cell, column), width)| draw_cell(cell, column, *width)).collect();
            text.push_str(drawn.join(&" ".repeat(GAP)).trim_end());
            text.push('\n');
        }
        text
    }

    fn widths(&self, width: Option<usize>) -> Vec<usize> {
        let longest = |(index, column): (usize, &Column)| {
            let cells = self.rows.iter().map(|row| shown(&row[index].text).chars().count());
            cells.chain([column.heading.chars().count()]).max().unwrap_or_default()
        };
        let mut widths: Vec<usize> = self.columns.iter().enumerate().map(longest).collect();
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let mut excess = total.saturating_sub(width.unwrap_or(usize::MAX));
        for (column, width) in self.columns.iter().zip(&mut widths).rev().filter(|(column, _)| column.gives_way) {
            let least = WIDTH_MIN.max(column.heading.chars().count()).min(*width);
            let cut = excess.min(*width - least);
            *width -= cut;
            excess -= cut;
        }
        widths
    }
}

fn shown(text: &str) -> &str {
    if text.is_empty() { EMPTY } else { text }
}

fn draw_cell(cell: &Cell, column: &Column, width: usize) -> String {
    let text = shown(&cell.text);
    let length = text.chars().count();
    let text = if length > width {
        let kept: String = text.chars().take(width.saturating_sub(1)).collect();
        format!("{kept}…")
    } else {
        text.to_owned()
    };
    let pad = " ".repeat(width.saturating_sub(length));
    let style = cell.style;
    if column.right { format!("{pad}{style}{text}{style:#}") } else { format!("{style}{text}{style:#}{pad}") }
}
