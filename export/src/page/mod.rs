//! The frame of a page: one file, no script, nothing from elsewhere.

use crate::markup::Markup;
use crate::plot;

/// A browser that finds markup where there should be text still runs and loads nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// A whole page.
pub(crate) fn page(title: &str, body: impl FnOnce(&mut Markup)) -> String {
    let mut html = Markup::default();
    html.raw("<!doctype html>\n");
    html.element("html", &[("lang", &"en")], |html| {
        html.element("head", &[], |head| {
            head.empty("meta", &[("charset", &"utf-8")]);
            let policy = [
                ("http-equiv", &"Content-Security-Policy" as _),
                ("content", &POLICY as _),
            ];
            head.empty("meta", &policy);
            named_meta(head, "viewport", "width=device-width, initial-scale=1");
            named_meta(head, "color-scheme", "light dark");
            head.leaf("title", &[], title);
            head.element("style", &[], |style| {
                style.raw(include_str!("page.css")).raw(plot::STYLE);
            });
        });
        html.element("body", &[], |html| {
            html.element("main", &[], body);
        });
    });
    html.raw("\n");
    html.into_string()
}

fn named_meta(head: &mut Markup, name: &'static str, content: &'static str) {
    head.empty("meta", &[("name", &name), ("content", &content)]);
}

/// A figure that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    /// What it is to be held against.
    pub(crate) note: String,
    /// Whether it is as it must be.
    pub(crate) is_met: bool,
}

/// A section: its heading, and what a reader should see in it.
#[derive(Debug)]
pub(crate) struct Heading<'a> {
    pub(crate) title: &'a str,
    pub(crate) lede: String,
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// Words.
    Text(&'static str),
    /// Numbers, lined up at their ends.
    Number(&'static str),
    /// Names as programs write them.
    Code(&'static str),
}

impl Column {
    fn parts(self) -> (&'static str, &'static str) {
        match self {
            Self::Text(name) => (name, "text"),
            Self::Number(name) => (name, "number"),
            Self::Code(name) => (name, "code"),
        }
    }
}

/// A row of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// May set the row off.
    pub(crate) class: &'static str,
    /// Where its first cell leads.
    pub(crate) link: Option<String>,
    pub(crate) cells: Vec<String>,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    name: &'static str,
    value: String,
    is_code: bool,
}

impl Fact {
    /// A value in words.
    pub(crate) fn words(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            name,
            value: value.into(),
            is_code: false,
        }
    }

    /// A value that is to be compared letter by letter.
    pub(crate) fn code(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            is_code: true,
            ..Self::words(name, value)
        }
    }
}

impl Markup {
    /// The figures that matter, side by side.
    pub(crate) fn tiles(&mut self, tiles: &[Tile]) {
        self.element("dl", &[("class", &"tiles")], |list| {
            for tile in tiles {
                let class = if tile.is_met { "tile" } else { "tile missed" };
                list.element("div", &[("class", &class)], |item| {
                    item.leaf("dt", &[], tile.name);
                    item.leaf("dd", &[("class", &"value")], &tile.value);
                    item.leaf("dd", &[("class", &"note")], &tile.note);
                });
            }
        });
    }

    /// A section.
    pub(crate) fn section(&mut self, heading: &Heading<'_>, content: impl FnOnce(&mut Self)) {
        self.element("section", &[], |section| {
            section.leaf("h2", &[], heading.title);
            if !heading.lede.is_empty() {
                section.leaf("p", &[("class", &"lede")], &heading.lede);
            }
            content(section);
        });
    }

    /// A drawing, which narrow screens scroll.
    pub(crate) fn figure(&mut self, drawing: &Self) {
        self.element("figure", &[("tabindex", &"0")], |figure| {
            figure.append(drawing);
        });
    }

    /// Something long that is closed until it is asked for.
    pub(crate) fn details(&mut self, summary: &str, content: impl FnOnce(&mut Self)) {
        self.element("details", &[], |details| {
            details.leaf("summary", &[], summary);
            content(details);
        });
    }

    /// A table.
    pub(crate) fn table(&mut self, columns: &[Column], rows: &[Row]) {
        self.element("div", &[("class", &"wide")], |wide| {
            wide.element("table", &[], |table| {
                table.element("thead", &[], |head| {
                    head.element("tr", &[], |row| {
                        for (name, class) in columns.iter().map(|column| column.parts()) {
                            row.leaf("th", &[("scope", &"col"), ("class", &class)], name);
                        }
                    });
                });
                table.element("tbody", &[], |body| {
                    for row in rows {
                        body.row(columns, row);
                    }
                });
            });
        });
    }

    fn row(&mut self, columns: &[Column], row: &Row) {
        self.element("tr", &[("class", &row.class)], |line| {
            let mut link = row.link.as_ref();
            for (cell, column) in row.cells.iter().zip(columns) {
                let (_, class) = column.parts();
                line.element("td", &[("class", &class)], |content| {
                    match link.take() {
                        Some(link) => content.leaf("a", &[("href", link)], cell),
                        None => content.text(cell),
                    };
                });
            }
        });
    }

    /// Names and values.
    pub(crate) fn facts(&mut self, facts: &[Fact]) {
        self.element("dl", &[("class", &"facts")], |list| {
            for fact in facts {
                list.leaf("dt", &[], fact.name);
                let class = if fact.is_code { "code" } else { "words" };
                list.leaf("dd", &[("class", &class)], &fact.value);
            }
        });
    }
}
