//! A line of text in fixed memory.

use core::fmt::{self, Write};

/// Bytes of the longest line: 320 pixels of the narrowest font.
const CAPACITY: usize = 80;

/// Text of at most [`CAPACITY`] bytes; what does not fit is cut.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    bytes: [u8; CAPACITY],
    used: usize,
}

impl Line {
    /// What `format_args!` gives.
    pub(crate) fn of(arguments: fmt::Arguments<'_>) -> Self {
        let mut line = Self {
            bytes: [0; CAPACITY],
            used: 0,
        };
        // It never fails: it cuts.
        let _ = line.write_fmt(arguments);
        line
    }

    /// A number in about `digits` digits, so that it takes the same room whatever its size.
    pub(crate) fn number(value: f64, digits: usize) -> Self {
        let whole = match value {
            value if value.abs() < 9.9995 => 1,
            value if value.abs() < 99.995 => 2,
            value if value.abs() < 999.95 => 3,
            _ => digits,
        };
        Self::of(format_args!("{value:.*}", digits.saturating_sub(whole)))
    }

    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.used]).unwrap_or_default()
    }

    /// The text in at most `columns` characters; what was cut shows as two dots.
    pub(crate) fn fitted(text: &str, columns: usize) -> Self {
        if text.chars().count() <= columns {
            return Self::of(format_args!("{text}"));
        }
        let kept = text.char_indices().nth(columns.saturating_sub(2));
        let end = kept.map_or(text.len(), |(index, _)| index);
        Self::of(format_args!("{}..", &text[..end]))
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            let end = self.used + character.len_utf8();
            if end > CAPACITY {
                break;
            }
            character.encode_utf8(&mut self.bytes[self.used..end]);
            self.used = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{CAPACITY, Line};

    #[test]
    fn numbers_take_the_same_room() {
        let cases = [
            (0.123_456, "0.123"),
            (9.999_6, "10.00"),
            (123.45, "123.5"),
            (123_456.0, "123456"),
            (f64::NAN, "NaN"),
        ];
        for (value, expected) in cases {
            assert_eq!(Line::number(value, 4).as_str(), expected);
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(Line::fitted("shapes", 6).as_str(), "shapes");
        assert_eq!(Line::fitted("shapes-tiny", 6).as_str(), "shap..");
        let line = Line::of(format_args!("{:a<79}é", ""));
        assert_eq!(line.as_str().len(), CAPACITY - 1);
    }
}
