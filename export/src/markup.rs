//! HTML and SVG as they are written: names are literals, everything else is escaped, so that no
//! text out of a checkpoint or a folder's name can become markup.
//!
//! Empty elements are closed (`<br/>`), which both languages read: a page is well-formed XML.

use std::fmt::{Display, Write};

/// An attribute: its name, and a value that will be escaped.
pub(crate) type Attribute<'a> = (&'static str, &'a dyn Display);

/// Markup under construction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Markup(String);

impl Markup {
    /// Text, escaped.
    pub(crate) fn text(&mut self, text: impl Display) -> &mut Self {
        escape(&text.to_string(), &mut self.0);
        self
    }

    /// Markup of this program's own, as it is.
    pub(crate) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0 += markup;
        self
    }

    /// Other finished markup.
    pub(crate) fn append(&mut self, other: &Self) -> &mut Self {
        self.0 += &other.0;
        self
    }

    /// An element with content.
    pub(crate) fn element(
        &mut self,
        name: &'static str,
        attributes: &[Attribute<'_>],
        content: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.tag(name, attributes, ">");
        content(self);
        self.0 += "</";
        self.0 += name;
        self.0 += ">";
        self
    }

    /// An element with nothing but text in it.
    pub(crate) fn leaf(
        &mut self,
        name: &'static str,
        attributes: &[Attribute<'_>],
        text: impl Display,
    ) -> &mut Self {
        self.element(name, attributes, |content| {
            content.text(text);
        })
    }

    /// An element without content.
    pub(crate) fn empty(&mut self, name: &'static str, attributes: &[Attribute<'_>]) -> &mut Self {
        self.tag(name, attributes, "/>")
    }

    fn tag(
        &mut self,
        name: &'static str,
        attributes: &[Attribute<'_>],
        end: &'static str,
    ) -> &mut Self {
        self.0 += "<";
        self.0 += name;
        for (name, value) in attributes {
            self.0 += " ";
            self.0 += name;
            self.0 += "=\"";
            escape(&value.to_string(), &mut self.0);
            self.0 += "\"";
        }
        self.0 += end;
        self
    }

    /// The finished text.
    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// Appends text as character data, good in content and in quoted attributes alike. Characters that
/// XML has no way to write become U+FFFD (XML 1.0, section 2.2).
fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => *out += "&amp;",
            '<' => *out += "&lt;",
            '>' => *out += "&gt;",
            '"' => *out += "&quot;",
            '\'' => *out += "&#39;",
            '\t' | '\n' | '\r' => out.push(character),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}');
            }
            // Marks that turn the reading direction could make a name read as something else.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                // Writing to a string does not fail.
                let _ = write!(out, "{}", character.escape_unicode());
            }
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Markup;

    #[test]
    fn text_cannot_become_markup() {
        let mut markup = Markup::default();
        let hostile = "</td><script>alert('\"&\u{0}\u{202e}')</script>";
        markup.element("td", &[("title", &hostile)], |cell| {
            cell.text(hostile);
        });
        let escaped = "&lt;/td&gt;&lt;script&gt;alert(&#39;&quot;&amp;\u{fffd}\\u{202e}&#39;)\
                       &lt;/script&gt;";
        let expected = format!("<td title=\"{escaped}\">{escaped}</td>");
        assert_eq!(markup.into_string(), expected);
    }
}
