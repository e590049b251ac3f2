//! One table, written as Markdown, CSV and JSON.

use serde_json::{Map, Value, json};

use super::statistics::Estimate;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in CSV and JSON.
    pub key: &'static str,
    /// Its title in Markdown.
    pub title: &'static str,
    /// Digits after the point in Markdown.
    pub decimals: usize,
}

/// What stands in a row under a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing, because there is no such figure.
    Blank,
    /// Words.
    Text(String),
    /// A number.
    Number(f64),
    /// A mean over runs; its 95 % interval stands beside it.
    Estimate(Estimate),
}

/// Rows of cells under columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl From<Option<f64>> for Cell {
    fn from(value: Option<f64>) -> Self {
        value.map_or(Self::Blank, Self::Number)
    }
}

impl From<Option<Estimate>> for Cell {
    fn from(value: Option<Estimate>) -> Self {
        value.map_or(Self::Blank, Self::Estimate)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Table {
    /// No row yet.
    pub fn new(columns: Vec<Column>) -> Self {
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    /// Appends a row.
    ///
    /// # Panics
    /// When it has not a cell for each column.
    pub fn push(&mut self, row: Vec<Cell>) {
        assert_eq!(row.len(), self.columns.len(), "a cell for each column");
        self.rows.push(row);
    }

    /// A Markdown table whose source is aligned; numbers to the right.
    pub fn to_markdown(&self) -> String {
        let titles = self.columns.iter().map(|column| column.title.to_owned());
        let mut lines: Vec<Vec<String>> = vec![titles.collect()];
        for row in &self.rows {
            let cells = row.iter().zip(&self.columns);
            lines.push(
                cells
                    .map(|(cell, column)| cell.markdown(column.decimals))
                    .collect(),
            );
        }
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                lines
                    .iter()
                    .map(|line| line[at].chars().count())
                    .max()
                    .unwrap_or(0)
                    .max(3)
            })
            .collect();
        let mut out = String::new();
        for (number, line) in lines.iter().enumerate() {
            let cells = line
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(at, (text, &width))| {
                    if self.is_numeric(at) {
                        format!("{text:>width$}")
                    } else {
                        format!("{text:<width$}")
                    }
                });
            out += &format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
            if number == 0 {
                let rules = widths.iter().enumerate().map(|(at, &width)| {
                    if self.is_numeric(at) {
                        format!("{}:", "-".repeat(width + 1))
                    } else {
                        "-".repeat(width + 2)
                    }
                });
                out += &format!("|{}|\n", rules.collect::<Vec<_>>().join("|"));
            }
        }
        out
    }

    /// RFC 4180 with a line of names. A column of estimates takes four: mean, deviation, and both
    /// ends of the interval.
    pub fn to_csv(&self) -> String {
        let estimates: Vec<bool> = (0..self.columns.len())
            .map(|at| {
                self.rows
                    .iter()
                    .any(|row| matches!(row[at], Cell::Estimate(_)))
            })
            .collect();
        let names = self
            .columns
            .iter()
            .zip(&estimates)
            .flat_map(|(column, &wide)| {
                let ends: &[&str] = if wide {
                    &["", "_sd", "_low", "_high"]
                } else {
                    &[""]
                };
                ends.iter().map(|end| format!("{}{end}", column.key))
            });
        let mut out = record(names);
        for row in &self.rows {
            let fields = row.iter().zip(&estimates);
            out += &record(fields.flat_map(|(cell, &wide)| cell.csv(wide)));
        }
        out
    }

    /// An array of an object for each row; estimates as objects, blanks as null.
    pub fn to_json(&self) -> Value {
        let object = |row: &Vec<Cell>| {
            let fields = self.columns.iter().zip(row);
            let fields = fields.map(|(column, cell)| (column.key.to_owned(), cell.json()));
            Value::Object(fields.collect::<Map<_, _>>())
        };
        self.rows.iter().map(object).collect()
    }

    fn is_numeric(&self, column: usize) -> bool {
        let numeric = |cell: &Cell| matches!(cell, Cell::Number(_) | Cell::Estimate(_));
        self.rows.iter().any(|row| numeric(&row[column]))
    }
}

impl Cell {
    fn markdown(&self, decimals: usize) -> String {
        match self {
            Self::Blank => String::new(),
            Self::Text(text) => text.replace('|', "\\|").replace('\n', " "),
            Self::Number(value) => format!("{value:.decimals$}"),
            Self::Estimate(estimate) => match estimate.half_width() {
                Some(half) => format!("{:.decimals$} ± {half:.decimals$}", estimate.mean),
                None => format!("{:.decimals$}", estimate.mean),
            },
        }
    }

    /// One field, or four in a column that holds estimates.
    fn csv(&self, wide: bool) -> Vec<String> {
        let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
        let mut fields = match self {
            Self::Blank => vec![String::new()],
            Self::Text(text) => vec![text.clone()],
            Self::Number(value) => vec![value.to_string()],
            Self::Estimate(estimate) => {
                let end = |at: usize| number(estimate.interval.map(|ends| ends[at]));
                let mean = number(Some(estimate.mean));
                vec![mean, number(estimate.deviation), end(0), end(1)]
            }
        };
        if wide {
            fields.resize(4, String::new());
        }
        fields
    }

    fn json(&self) -> Value {
        match self {
            Self::Blank => Value::Null,
            Self::Text(text) => json!(text),
            Self::Number(value) => json!(value),
            Self::Estimate(estimate) => json!(estimate),
        }
    }
}

/// One line of CSV.
fn record(fields: impl Iterator<Item = String>) -> String {
    let quoted = fields.map(|field| {
        if field.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field
        }
    });
    quoted.collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let column = |key, title, decimals| Column {
            key,
            title,
            decimals,
        };
        let mut table = Table::new(vec![
            column("name", "tokens", 0),
            column("tcas", "TCAS", 3),
            column("probe", "probe", 3),
        ]);
        let estimate = Estimate::of(&[0.91, 0.93, 0.90]);
        table.push(vec!["a|b, \"c\"".into(), Some(0.5).into(), estimate.into()]);
        table.push(vec!["mae".into(), Cell::Blank, Estimate::of(&[0.8]).into()]);
        table
    }

    #[test]
    fn markdown_is_aligned_and_escaped() {
        let expected = "\
| tokens    |  TCAS |         probe |
|-----------|------:|--------------:|
| a\\|b, \"c\" | 0.500 | 0.913 ± 0.038 |
| mae       |       |         0.800 |
";
        assert_eq!(table().to_markdown(), expected);
    }

    #[test]
    fn csv_quotes_and_spreads_estimates() {
        let csv = table().to_csv();
        let lines: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(lines[0], "name,tcas,probe,probe_sd,probe_low,probe_high");
        assert!(
            lines[1].starts_with("\"a|b, \"\"c\"\"\",0.5,0.9133"),
            "{}",
            lines[1]
        );
        assert_eq!(lines[2], "mae,,0.8,,,");
        assert_eq!(lines[1].split(',').count(), 7);
    }

    #[test]
    fn json_has_an_object_a_row() {
        let json = table().to_json();
        assert_eq!(json[0]["tcas"], 0.5);
        assert_eq!(json[1]["tcas"], Value::Null);
        assert_eq!(json[1]["probe"]["mean"], 0.8);
        assert_eq!(json[0]["probe"]["runs"], 3);
    }
}
