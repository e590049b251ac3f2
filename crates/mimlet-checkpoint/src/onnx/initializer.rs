//! `TensorProto`s: weights by their place, small ones by their values.

use super::external::{Extent, locate};
use super::wire::Field;
use super::{Constant, MAX_CONSTANT, Reader};
use crate::CheckpointError;
use crate::checkpoint::{Entry, Place};
use crate::numbers::{Number, count};
use prost::Message;
use std::path::Path;
use tract_onnx::pb;

/// Field numbers of `TensorProto` that hold long data: `float_data`, `raw_data`.
const FLOATS: u64 = 4;
const RAW: u64 = 9;

impl Reader {
    /// An initialiser: everything but its numbers decoded, its numbers by their place.
    pub(super) fn initializer(&mut self, path: &Path, end: u64) -> Result<(), CheckpointError> {
        let mut rest = Vec::new();
        let mut data = None;
        while let Some((field, value)) = self.wire.field(end)? {
            match (field, value) {
                (FLOATS | RAW, Field::Bytes(len)) if data.is_none() => {
                    data = Some((0, self.wire.at(), len));
                    self.wire.skip(value)?;
                }
                // Numbers one by one, or in pieces: no exporter writes those.
                (FLOATS | RAW, _) => return Err(self.wire.wrong()),
                (_, Field::Varint(number)) => {
                    encode_varint(field << 3, &mut rest);
                    encode_varint(number, &mut rest);
                }
                (_, Field::Fixed(len)) => {
                    let kind = if len == 8 { 1 } else { 5 };
                    encode_varint(field << 3 | kind, &mut rest);
                    rest.extend(self.bytes(path, len)?);
                }
                (_, Field::Bytes(len)) => {
                    encode_varint(field << 3 | 2, &mut rest);
                    encode_varint(len, &mut rest);
                    rest.extend(self.bytes(path, len)?);
                }
            }
        }
        let tensor = pb::TensorProto::decode(rest.as_slice()).map_err(|error| {
            CheckpointError::content(path, format!("not an ONNX model: {error}"))
        })?;
        self.add(path, tensor, data)
    }

    fn add(
        &mut self,
        path: &Path,
        tensor: pb::TensorProto,
        data: Option<Extent>,
    ) -> Result<(), CheckpointError> {
        let name = tensor.name.clone();
        let wrong = |reason: String| {
            CheckpointError::content(path, format!("tensor {name} {:?} {reason}", tensor.dims))
        };
        let sides = tensor.dims.iter().map(|&side| usize::try_from(side).ok());
        let shape = sides.collect::<Option<Vec<usize>>>();
        let count = shape.as_deref().and_then(count);
        let (shape, count) = shape
            .zip(count)
            .ok_or_else(|| wrong("has no such size".into()))?;
        let number = number_of(tensor.data_type);
        let held = held(&tensor);
        let data = match tensor.data_location {
            Some(1) => {
                let checkpoint = &mut self.model.initializers;
                Some(locate(checkpoint, path, &name, &tensor.external_data)?)
            }
            _ => data,
        };
        let place = match (data, &held) {
            (Some((file, offset, bytes)), _) => {
                if count.checked_mul(number.size()).map(|n| n as u64) != Some(bytes) {
                    return Err(wrong(format!("has {bytes} bytes of data")));
                }
                Place::At {
                    file,
                    offset,
                    strides: None,
                }
            }
            (None, Some(Constant::Floats(values))) if values.len() == count => {
                Place::Held(values.clone())
            }
            (None, Some(Constant::Ints(values))) if values.len() == count => {
                Place::Held(Vec::new())
            }
            (None, None) if count == 0 => Place::Held(Vec::new()),
            _ => return Err(wrong("has no data of that size".into())),
        };
        let entry = Entry {
            number,
            shape,
            place,
        };
        if count <= MAX_CONSTANT {
            let constant = self.constant(path, &entry, held)?;
            let constants = &mut self.model.graph.constants;
            constants.extend(constant.map(|constant| (name.clone(), constant)));
        }
        let entries = &mut self.model.initializers.entries;
        match entries.insert(name.clone(), entry) {
            Some(_) => Err(wrong("is there twice".into())),
            None => Ok(()),
        }
    }

    /// A small tensor's values, when its type is one of shapes or scales.
    fn constant(
        &mut self,
        path: &Path,
        entry: &Entry,
        held: Option<Constant>,
    ) -> Result<Option<Constant>, CheckpointError> {
        use std::io::{Read, Seek, SeekFrom};
        let Place::At { file, offset, .. } = entry.place else {
            return Ok(held);
        };
        let len = count(&entry.shape).unwrap_or(0) * entry.number.size();
        let mut bytes = vec![0; len];
        let (_, file) = &mut self.model.initializers.files[file];
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(CheckpointError::io(path))?;
        Ok(of_bytes(&entry.number, &bytes))
    }
}

fn encode_varint(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// ONNX's `TensorProto.DataType`.
fn number_of(data_type: i32) -> Number {
    let other = |name: &str, size| Number::Other(name.to_owned(), size);
    match data_type {
        1 => Number::F32,
        10 => Number::F16,
        11 => Number::F64,
        16 => Number::BF16,
        2 => other("uint8", 1),
        3 => other("int8", 1),
        6 => other("int32", 4),
        7 => other("int64", 8),
        9 => other("bool", 1),
        _ => other(&format!("ONNX type {data_type}"), 1),
    }
}

/// Numbers that a tensor holds in fields of their own type.
fn held(tensor: &pb::TensorProto) -> Option<Constant> {
    if !tensor.float_data.is_empty() {
        return Some(Constant::Floats(tensor.float_data.clone()));
    }
    if !tensor.double_data.is_empty() {
        let values = tensor.double_data.iter().map(|&value| value as f32);
        return Some(Constant::Floats(values.collect()));
    }
    if !tensor.int64_data.is_empty() {
        return Some(Constant::Ints(tensor.int64_data.clone()));
    }
    let ints = tensor.int32_data.iter().map(|&value| i64::from(value));
    let is_int = matches!(number_of(tensor.data_type), Number::Other(..));
    (is_int && ints.len() > 0).then(|| Constant::Ints(ints.collect()))
}

fn of_bytes(number: &Number, bytes: &[u8]) -> Option<Constant> {
    let ints = |ints: Vec<i64>| Some(Constant::Ints(ints));
    match number {
        Number::Other(name, _) => match name.as_str() {
            "int64" => ints(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| i64::from_le_bytes(*b))
                    .collect(),
            ),
            "int32" => {
                let words = bytes.as_chunks().0.iter();
                ints(words.map(|b| i64::from(i32::from_le_bytes(*b))).collect())
            }
            "bool" | "uint8" => ints(bytes.iter().map(|&b| i64::from(b)).collect()),
            _ => None,
        },
        _ => {
            let mut values = Vec::new();
            number.widen(bytes, &mut values);
            Some(Constant::Floats(values))
        }
    }
}

/// A node's setting, when it is of numbers and not too many.
pub(super) fn of_attribute(attribute: pb::AttributeProto) -> Option<Constant> {
    if let Some(tensor) = attribute.t {
        let values =
            held(&tensor).or_else(|| of_bytes(&number_of(tensor.data_type), &tensor.raw_data));
        return values.filter(|values| match values {
            Constant::Ints(values) => values.len() <= MAX_CONSTANT,
            Constant::Floats(values) => values.len() <= MAX_CONSTANT,
        });
    }
    match attribute.r#type {
        1 => Some(Constant::Floats(vec![attribute.f])),
        2 => Some(Constant::Ints(vec![attribute.i])),
        6 => Some(Constant::Floats(attribute.floats)),
        7 => Some(Constant::Ints(attribute.ints)),
        _ => None,
    }
}
