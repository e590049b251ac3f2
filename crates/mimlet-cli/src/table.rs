//! Text in aligned columns.

use std::fmt;

use crate::terminal::wrapped;

/// How the cells of a column line up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// At their starts: text.
    Left,
    /// At their ends: numbers.
    Right,
}

/// Rows of cells under a heading, each column as wide as its widest cell, two spaces apart.
#[derive(Debug, Clone)]
pub(crate) struct Table<const COLUMNS: usize> {
    align: [Align; COLUMNS],
    rows: Vec<[String; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    /// A table with a heading.
    pub(crate) fn new(heading: [(&str, Align); COLUMNS]) -> Self {
        Self {
            align: heading.map(|(_, align)| align),
            rows: vec![heading.map(|(text, _)| text.to_string())],
        }
    }

    /// A table without heading.
    pub(crate) fn plain(align: [Align; COLUMNS]) -> Self {
        Self {
            align,
            rows: Vec::new(),
        }
    }

    /// The table in lines of at most `width` columns: what is too long in the last column goes on
    /// below. Columns before it keep their width.
    pub(crate) fn within(&self, width: usize) -> String {
        let before = self.rows.iter().map(|row| {
            let cells = row[..COLUMNS - 1].iter();
            cells.map(|cell| cell.chars().count()).collect::<Vec<_>>()
        });
        let widest = before.reduce(|a, b| a.iter().zip(&b).map(|(a, b)| *a.max(b)).collect());
        let indent = widest.map_or(0, |widths| widths.iter().map(|width| width + 2).sum());
        let mut table = Self {
            align: self.align,
            rows: Vec::new(),
        };
        for row in &self.rows {
            let mut cells = row.clone();
            for line in wrapped(&row[COLUMNS - 1], width.saturating_sub(indent)) {
                cells[COLUMNS - 1] = line;
                table.rows.push(cells);
                cells = std::array::from_fn(|_| String::new());
            }
        }
        table.to_string()
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: [String; COLUMNS]) -> &mut Self {
        self.rows.push(cells);
        self
    }
}

impl<const COLUMNS: usize> fmt::Display for Table<COLUMNS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = [0; COLUMNS];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, &width), align) in row.iter().zip(&widths).zip(&self.align) {
                line += &match align {
                    Align::Left => format!("{cell:<width$}  "),
                    Align::Right => format!("{cell:>width$}  "),
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A table of names and values.
#[derive(Debug, Clone)]
pub(crate) struct Facts(Table<2>);

impl Facts {
    /// No facts yet.
    pub(crate) fn new() -> Self {
        Self(Table::plain([Align::Left; 2]))
    }

    /// Adds a fact.
    pub(crate) fn fact(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.0.row([name.to_string(), value.into()]);
        self
    }
}

impl Facts {
    /// The facts in lines of at most `width` columns; what is longer goes on under its value.
    pub(crate) fn within(&self, width: usize) -> String {
        self.0.within(width)
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_cells_go_on_in_the_last_column() {
        let mut table = Table::new([("name", Align::Left), ("what", Align::Left)]);
        table.row(["a".into(), "one two".into()]);
        let expected = "name  what\na     one\n      two\n";
        assert_eq!(table.within(11), expected);
    }

    #[test]
    fn long_facts_go_on_under_their_value() {
        let mut facts = Facts::new();
        facts.fact("a", "one two three").fact("name", "x");
        let expected = "a     one two\n      three\nname  x\n";
        assert_eq!(facts.within(13), expected);
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new([("name", Align::Left), ("bytes", Align::Right)]);
        table
            .row(["a".into(), "7".into()])
            .row(["long name".into(), "123456".into()]);
        let expected = "name        bytes\na               7\nlong name  123456\n";
        assert_eq!(table.to_string(), expected);
    }
}
