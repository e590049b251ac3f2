//! Where text is printed: how wide it is, and what can be drawn there.

use std::env;
use std::io::{IsTerminal, stdout};

/// Columns where nobody says otherwise.
const USUAL: usize = 80;

/// What text is laid out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Canvas {
    /// Columns.
    pub(crate) width: usize,
    /// Whether lines and bars may be drawn with more than ASCII.
    pub(crate) drawn: bool,
}

impl Canvas {
    /// Of stdout. `COLUMNS` overrides what the terminal says; a pipe or file is 80 columns of ASCII.
    pub(crate) fn stdout() -> Self {
        let asked = env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        let size = || console::Term::stdout().size_checked();
        let width = asked
            .or_else(|| size().map(|(_, columns)| usize::from(columns)))
            .filter(|&columns: &usize| columns > 0);
        Self {
            width: width.unwrap_or(USUAL),
            drawn: stdout().is_terminal(),
        }
    }

    /// A bar for a share, 0..1, of at most `columns` columns: in eighths of a column where it may be
    /// drawn. A share above zero shows.
    pub(crate) fn bar(self, share: f64, columns: usize) -> String {
        const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
        let share = share.clamp(0.0, 1.0);
        if share == 0.0 {
            return String::new();
        }
        if !self.drawn {
            let full = (share * columns as f64).round() as usize;
            return "#".repeat(full.max(1));
        }
        let eighths = ((share * columns as f64 * 8.0).round() as usize).max(1);
        format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
    }
}

/// Text in lines of at most `width` columns, broken at spaces; a longer word has a line of its own.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        let needed = line.chars().count() + 1 + word.chars().count();
        if line.is_empty() {
            line.push_str(word);
        } else if needed <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_string());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        let drawn = Canvas {
            width: 80,
            drawn: true,
        };
        let plain = Canvas {
            drawn: false,
            ..drawn
        };
        assert_eq!(drawn.bar(0.0, 8), "");
        assert_eq!(drawn.bar(1e-9, 8), "▏");
        assert_eq!(drawn.bar(0.5, 8), "████");
        assert_eq!(drawn.bar(0.53, 8), "████▎");
        assert_eq!(drawn.bar(1.0, 8), "████████");
        assert_eq!(plain.bar(0.01, 8), "#");
        assert_eq!(plain.bar(1.0, 8), "########");
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(
            wrapped("a incomprehensible b", 5),
            ["a", "incomprehensible", "b"]
        );
        assert_eq!(wrapped("", 5), [""]);
    }
}
