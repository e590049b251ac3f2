//! The dictionary at the start of a `.npy` file.
//!
//! A Python literal such as `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, padded
//! with spaces to a newline. Format: `numpy.lib.format` in NumPy's documentation.

use crate::error::NpyError;
use crate::npy::elements;

/// First bytes of a `.npy` file.
pub(crate) const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// What the dictionary says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Type of the numbers, in NumPy's notation.
    pub(crate) descr: String,
    /// Last axis fastest otherwise.
    pub(crate) fortran_order: bool,
    /// Length of each axis.
    pub(crate) shape: Vec<usize>,
}

impl Header {
    /// Holds `data` to the order and the shape, for numbers of `width` bytes.
    pub(crate) fn check(&self, width: usize, data: &[u8]) -> Result<(), NpyError> {
        // With at most one axis the two orders are the same.
        if self.fortran_order && self.shape.len() > 1 {
            return Err(NpyError::FortranOrder);
        }
        let needed = elements(&self.shape).and_then(|count| count.checked_mul(width));
        if needed != Some(data.len()) {
            return Err(NpyError::Length {
                shape: self.shape.clone(),
                found: data.len(),
                needed: needed.unwrap_or(usize::MAX),
            });
        }
        Ok(())
    }
}

/// Splits a file into its header and its data.
pub(crate) fn split(bytes: &[u8]) -> Result<(Header, &[u8]), NpyError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyError::Magic)?;
    let (&[major, _minor], rest) = rest.split_first_chunk().ok_or(NpyError::CutShort)?;
    let (length, rest) = match major {
        1 => rest
            .split_first_chunk()
            .map(|(length, rest)| (usize::from(u16::from_le_bytes(*length)), rest)),
        2 | 3 => rest
            .split_first_chunk()
            .map(|(length, rest)| (u32::from_le_bytes(*length) as usize, rest)),
        _ => return Err(NpyError::Version(major)),
    }
    .ok_or(NpyError::CutShort)?;
    let (text, data) = rest.split_at_checked(length).ok_or(NpyError::CutShort)?;
    let text = std::str::from_utf8(text).map_err(|_| NpyError::Header)?;
    Ok((dictionary(text).ok_or(NpyError::Header)?, data))
}

/// A version 1 header for C-ordered data that starts at a multiple of 64 bytes.
pub(crate) fn write(descr: &str, shape: &[usize]) -> Vec<u8> {
    let axes: String = shape.iter().map(|axis| format!("{axis}, ")).collect();
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({axes}), }}");
    let start = MAGIC.len() + 2 + 2;
    let end = (start + text.len() + 1).next_multiple_of(64);
    text.extend(std::iter::repeat_n(' ', end - start - text.len() - 1));
    text.push('\n');
    let length = u16::try_from(text.len()).expect("a shape is a handful of axes");
    [MAGIC, &[1, 0][..], &length.to_le_bytes(), text.as_bytes()].concat()
}

/// Each of the three keys once, in any order, and nothing else.
fn dictionary(text: &str) -> Option<Header> {
    let mut literal = Literal(text);
    let (mut descr, mut fortran_order, mut shape) = (None, None, None);
    literal.eat("{")?;
    while literal.eat("}").is_none() {
        let key = literal.string()?;
        literal.eat(":")?;
        let seen = match key {
            "descr" => descr.replace(literal.string()?.to_string()).is_some(),
            "fortran_order" => fortran_order.replace(literal.boolean()?).is_some(),
            "shape" => shape.replace(literal.tuple()?).is_some(),
            _ => return None,
        };
        if seen || (literal.eat(",").is_none() && !literal.0.trim_start().starts_with('}')) {
            return None;
        }
    }
    literal.0.trim().is_empty().then_some(())?;
    Some(Header {
        descr: descr?,
        fortran_order: fortran_order?,
        shape: shape?,
    })
}

/// What is left to read of a Python literal.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn eat(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(expected)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let quote = if self.eat("'").is_some() {
            '\''
        } else {
            self.eat("\"")?;
            '"'
        };
        let (string, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        Some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        match self.eat("True") {
            Some(()) => Some(true),
            None => self.eat("False").map(|()| false),
        }
    }

    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut axes = Vec::new();
        self.eat("(")?;
        while self.eat(")").is_none() {
            self.0 = self.0.trim_start();
            let digits = self.0.find(|c: char| !c.is_ascii_digit())?;
            axes.push(self.0[..digits].parse().ok()?);
            self.0 = &self.0[digits..];
            if self.eat(",").is_none() && !self.0.trim_start().starts_with(')') {
                return None;
            }
        }
        Some(axes)
    }
}
