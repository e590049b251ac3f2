//! `TensorProto`s: weights by their place, small ones by their values.

use super::external::{Extent, locate};
use super::messages::{Damaged, Item, Tensor};
use super::wire::Field;
use super::{Constant, MAX_CONSTANT, Reader};
use crate::CheckpointError;
use crate::checkpoint::{Entry, Place};
use crate::numbers::{Number, count};
use std::path::Path;

/// Field numbers of `TensorProto` that hold long data: `float_data`, `raw_data`.
const FLOATS: u64 = 4;
const RAW: u64 = 9;

impl Reader {
    /// An initialiser: everything but its numbers decoded, its numbers by their place.
    pub(super) fn initializer(&mut self, path: &Path, end: u64) -> Result<(), CheckpointError> {
        let mut tensor = Tensor::default();
        let mut data = None;
        while let Some((field, value)) = self.wire.field(end)? {
            let bytes;
            let item = match (field, value) {
                (FLOATS | RAW, Field::Bytes(len)) if data.is_none() => {
                    data = Some((0, self.wire.at(), len));
                    self.wire.skip(value)?;
                    continue;
                }
                // Numbers one by one, or in pieces: no exporter writes those.
                (FLOATS | RAW, _) => return Err(self.wire.wrong()),
                (_, Field::Varint(number)) => Item::Varint(number),
                (_, Field::Fixed(len) | Field::Bytes(len)) => {
                    bytes = self.bytes(path, len)?;
                    Item::Bytes(&bytes)
                }
            };
            tensor
                .set(field, item)
                .map_err(|Damaged| self.wire.wrong())?;
        }
        self.add(path, &tensor, data)
    }

    fn add(
        &mut self,
        path: &Path,
        tensor: &Tensor,
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
        let held = tensor.held();
        let data = match tensor.is_external {
            true => {
                let checkpoint = &mut self.model.initializers;
                Some(locate(checkpoint, path, &name, &tensor.external)?)
            }
            false => data,
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

/// ONNX's `TensorProto.DataType`.
fn number_of(data_type: i64) -> Number {
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

impl Tensor {
    /// Numbers in fields of their own type. Of f16 those would be bit patterns, which no exporter
    /// writes.
    fn held(&self) -> Option<Constant> {
        let is_int = matches!(number_of(self.data_type), Number::Other(..));
        match (self.floats.is_empty(), self.ints.is_empty()) {
            (false, _) => Some(Constant::Floats(self.floats.clone())),
            (true, false) if is_int => Some(Constant::Ints(self.ints.clone())),
            _ => None,
        }
    }

    /// The numbers of a tensor that is in memory, when they are not too many.
    pub(super) fn small(&self) -> Option<Constant> {
        let values = self
            .held()
            .or_else(|| of_bytes(&number_of(self.data_type), &self.raw));
        values.filter(|values| match values {
            Constant::Ints(values) => values.len() <= MAX_CONSTANT,
            Constant::Floats(values) => values.len() <= MAX_CONSTANT,
        })
    }
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
