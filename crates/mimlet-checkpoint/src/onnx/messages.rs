//! The messages of `onnx.proto3` (onnx 1.x) that a graph is made of, decoded field by field.
//!
//! Fields that say nothing about what is computed are passed over, as protobuf asks of unknown ones.

use super::{Constant, Node, Value};
use std::collections::BTreeMap;

/// A field's value in memory.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item<'a> {
    Varint(u64),
    /// 4 or 8 bytes, or a length's worth: text, a message, packed numbers.
    Bytes(&'a [u8]),
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

/// The fields of a message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Result<u64, Damaged> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Damaged)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damaged)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], Damaged> {
        let len = usize::try_from(len).map_err(|_| Damaged)?;
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn next(&mut self) -> Result<Option<(u64, Item<'a>)>, Damaged> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let item = match key & 7 {
            0 => Item::Varint(self.varint()?),
            1 => Item::Bytes(self.take(8)?),
            2 => {
                let len = self.varint()?;
                Item::Bytes(self.take(len)?)
            }
            5 => Item::Bytes(self.take(4)?),
            _ => return Err(Damaged),
        };
        Ok(Some((key >> 3, item)))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Appends integers, one or packed.
fn ints(item: Item<'_>, into: &mut Vec<i64>) -> Result<(), Damaged> {
    match item {
        Item::Varint(value) => into.push(value as i64),
        Item::Bytes(bytes) => {
            let mut packed = Fields(bytes);
            while !packed.0.is_empty() {
                into.push(packed.varint()? as i64);
            }
        }
    }
    Ok(())
}

/// Appends f32, one or packed.
fn floats(item: Item<'_>, into: &mut Vec<f32>) {
    if let Item::Bytes(bytes) = item {
        into.extend(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|word| f32::from_le_bytes(*word)),
        );
    }
}

/// `TensorProto`, without its place.
#[derive(Debug, Default)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) dims: Vec<i64>,
    pub(super) data_type: i64,
    pub(super) floats: Vec<f32>,
    pub(super) ints: Vec<i64>,
    pub(super) raw: Vec<u8>,
    /// Keys and values of where its data is, when that is in another file.
    pub(super) external: Vec<(String, String)>,
    pub(super) is_external: bool,
}

impl Tensor {
    /// Takes a field in.
    pub(super) fn set(&mut self, field: u64, item: Item<'_>) -> Result<(), Damaged> {
        match (field, item) {
            (1, item) => ints(item, &mut self.dims)?,
            (2, Item::Varint(value)) => self.data_type = value as i64,
            (4, item) => floats(item, &mut self.floats),
            // int32_data and int64_data.
            (5 | 7, item) => ints(item, &mut self.ints)?,
            (8, Item::Bytes(bytes)) => self.name = text(bytes),
            (9, Item::Bytes(bytes)) => self.raw = bytes.to_vec(),
            (10, Item::Bytes(bytes)) => {
                let words = bytes.as_chunks().0.iter();
                self.floats
                    .extend(words.map(|word| f64::from_le_bytes(*word) as f32));
            }
            (13, Item::Bytes(bytes)) => self.external.push(entry(bytes)?),
            (14, Item::Varint(value)) => self.is_external = value == 1,
            _ => {}
        }
        Ok(())
    }

    fn of(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut fields = Fields(bytes);
        let mut tensor = Self::default();
        while let Some((field, item)) = fields.next()? {
            tensor.set(field, item)?;
        }
        Ok(tensor)
    }
}

/// `StringStringEntryProto`.
fn entry(bytes: &[u8]) -> Result<(String, String), Damaged> {
    let mut fields = Fields(bytes);
    let mut pair = (String::new(), String::new());
    while let Some((field, item)) = fields.next()? {
        match (field, item) {
            (1, Item::Bytes(bytes)) => pair.0 = text(bytes),
            (2, Item::Bytes(bytes)) => pair.1 = text(bytes),
            _ => {}
        }
    }
    Ok(pair)
}

impl Node {
    /// `NodeProto`.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut fields = Fields(bytes);
        let mut domain = String::new();
        let mut node = Self {
            name: String::new(),
            op: String::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            attributes: BTreeMap::new(),
            texts: BTreeMap::new(),
        };
        while let Some((field, item)) = fields.next()? {
            let Item::Bytes(bytes) = item else {
                continue;
            };
            match field {
                1 => node.inputs.push(text(bytes)),
                2 => node.outputs.push(text(bytes)),
                3 => node.name = text(bytes),
                4 => node.op = text(bytes),
                5 => node.attribute(bytes)?,
                7 => domain = text(bytes),
                _ => {}
            }
        }
        if !matches!(domain.as_str(), "" | "ai.onnx") {
            node.op = format!("{domain}.{}", node.op);
        }
        Ok(node)
    }

    /// `AttributeProto`: one float 2, one integer 3, text 4, tensor 5, floats 7, integers 8.
    fn attribute(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        let mut fields = Fields(bytes);
        let mut name = String::new();
        let (mut of_floats, mut of_ints, mut constant) = (Vec::new(), Vec::new(), None);
        let mut string = None;
        while let Some((field, item)) = fields.next()? {
            match (field, item) {
                (1, Item::Bytes(bytes)) => name = text(bytes),
                (2 | 7, item) => floats(item, &mut of_floats),
                (3 | 8, item) => ints(item, &mut of_ints)?,
                (4, Item::Bytes(bytes)) => string = Some(text(bytes)),
                (5, Item::Bytes(bytes)) => constant = Tensor::of(bytes)?.small(),
                _ => {}
            }
        }
        // Zero is the value of a number that is not written down.
        let numbers = match (of_floats.is_empty(), constant) {
            (_, Some(constant)) => constant,
            (false, _) => Constant::Floats(of_floats),
            _ if of_ints.is_empty() => Constant::Ints(vec![0]),
            _ => Constant::Ints(of_ints),
        };
        match string {
            Some(string) => drop(self.texts.insert(name, string)),
            None => drop(self.attributes.insert(name, numbers)),
        }
        Ok(())
    }
}

impl Value {
    /// `ValueInfoProto`: its name 1, its type 2 -> tensor 1 -> shape 2 -> sides 1 -> number 1.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut value = Self {
            name: String::new(),
            shape: Vec::new(),
        };
        let mut fields = Fields(bytes);
        while let Some((field, item)) = fields.next()? {
            match (field, item) {
                (1, Item::Bytes(bytes)) => value.name = text(bytes),
                (2, Item::Bytes(bytes)) => {
                    let shape = inner(bytes, 1)?.map_or(Ok(None), |tensor| inner(tensor, 2))?;
                    let mut sides = Fields(shape.unwrap_or_default());
                    while let Some((field, item)) = sides.next()? {
                        if let (1, Item::Bytes(side)) = (field, item) {
                            value.shape.push(number(side, 1)?);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(value)
    }
}

/// The message that is a field of another.
fn inner(bytes: &[u8], wanted: u64) -> Result<Option<&[u8]>, Damaged> {
    let mut fields = Fields(bytes);
    let mut found = None;
    while let Some((field, item)) = fields.next()? {
        if let (true, Item::Bytes(bytes)) = (field == wanted, item) {
            found = Some(bytes);
        }
    }
    Ok(found)
}

/// The number that is a field of a message.
fn number(bytes: &[u8], wanted: u64) -> Result<Option<u64>, Damaged> {
    let mut fields = Fields(bytes);
    let mut found = None;
    while let Some((field, item)) = fields.next()? {
        if let (true, Item::Varint(value)) = (field == wanted, item) {
            found = Some(value);
        }
    }
    Ok(found)
}
