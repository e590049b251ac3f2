//! The functions that PyTorch's pickles call to make tensors, as data.

use super::pickle::{Id, MAX_NAME, Machine, Object};
use crate::numbers::{Number, count};
use std::rc::Rc;

/// Most sides of a tensor.
const MAX_SIDES: usize = 16;

/// A storage, as a pickle speaks of it.
#[derive(Debug, Clone)]
pub(super) struct StorageRef {
    /// Its entry's name in the archive.
    pub(super) key: String,
    pub(super) number: Number,
    /// Numbers it holds.
    pub(super) len: usize,
}

/// A tensor over a storage.
#[derive(Debug, Clone)]
pub(super) struct TensorRef {
    pub(super) storage: Rc<StorageRef>,
    /// Its first number's index in the storage.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// `None` for row-major.
    pub(super) strides: Option<Vec<usize>>,
}

impl Machine<'_> {
    /// The storage of a persistent id: `("storage", type, key, location, numbers)`.
    pub(super) fn storage(&mut self, id: Id) -> Result<Object, String> {
        let found = self.storage_of(id);
        let storage = found.ok_or("its pickle refers to a storage in a way of no PyTorch")?;
        let storage = Rc::new(storage);
        self.storages.push(Rc::clone(&storage));
        Ok(Object::Storage(storage))
    }

    fn storage_of(&self, id: Id) -> Option<StorageRef> {
        let &[tag, class, key, _, len, ..] = self.row(id)? else {
            return None;
        };
        let Object::Global(_, class) = self.object(class) else {
            return None;
        };
        let key = match self.object(key) {
            Object::Text(key) if key.len() <= MAX_NAME => key.clone(),
            Object::Int(key) => key.to_string(),
            _ => return None,
        };
        (self.text(tag)? == "storage").then_some(StorageRef {
            key,
            number: number_of(class),
            len: usize::try_from(self.int(len)?).ok()?,
        })
    }

    /// What a call makes, without making it.
    pub(super) fn call(&mut self, callee: Id, arguments: Id) -> Result<Object, String> {
        let Object::Global(module, name) = self.object(callee) else {
            return Ok(Object::Opaque);
        };
        let arguments = self.row(arguments).unwrap_or(&[]);
        let first = arguments.first().copied();
        match (module.as_str(), name.as_str()) {
            ("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor") => self.tensor(arguments),
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                match first.map(|data| self.object(data)) {
                    Some(Object::Tensor(tensor)) => Ok(Object::Tensor(tensor.clone())),
                    _ => Ok(Object::Opaque),
                }
            }
            ("torch._tensor", "_rebuild_from_type_v2") => match *arguments {
                [callee, _, arguments, ..] if self.is_rebuild(callee) => {
                    self.tensor(self.row(arguments).unwrap_or(&[]))
                }
                _ => Ok(Object::Opaque),
            },
            ("torch", "Size") => {
                let sides = first.and_then(|sides| self.row(sides)).unwrap_or(&[]);
                Ok(Object::Row(
                    sides[..sides.len().min(MAX_SIDES + 1)].to_vec(),
                ))
            }
            ("collections", "OrderedDict" | "defaultdict") | ("builtins", "dict") => {
                let pairs = first.and_then(|pairs| self.row(pairs)).unwrap_or(&[]);
                let pairs = self.pairs(pairs);
                self.spend(pairs.len())?;
                Ok(Object::Dict(pairs))
            }
            _ => Ok(Object::Opaque),
        }
    }

    fn is_rebuild(&self, callee: Id) -> bool {
        matches!(self.object(callee), Object::Global(module, name)
            if module == "torch._utils" && name == "_rebuild_tensor_v2")
    }

    fn pairs(&self, rows: &[Id]) -> Vec<(Id, Id)> {
        let pair = |&row: &Id| match *self.row(row)? {
            [key, value] => Some((key, value)),
            _ => None,
        };
        rows.iter().filter_map(pair).collect()
    }

    /// `_rebuild_tensor_v2(storage, offset, shape, strides, ...)`.
    fn tensor(&self, arguments: &[Id]) -> Result<Object, String> {
        let wrong = || "its pickle rebuilds a tensor in a way of no PyTorch".to_owned();
        let &[storage, offset, shape, strides, ..] = arguments else {
            return Err(wrong());
        };
        let Object::Storage(storage) = self.object(storage) else {
            return Err(wrong());
        };
        let sizes = |id: Id| -> Option<Vec<usize>> {
            let ids = self.row(id).filter(|ids| ids.len() <= MAX_SIDES)?;
            let size = |&id: &Id| usize::try_from(self.int(id)?).ok();
            ids.iter().map(size).collect()
        };
        let offset = self
            .int(offset)
            .and_then(|offset| usize::try_from(offset).ok());
        let parts = offset.zip(sizes(shape)).zip(sizes(strides));
        let ((offset, shape), strides) = parts.ok_or_else(wrong)?;
        if shape.len() != strides.len() {
            return Err(wrong());
        }
        let tensor = TensorRef {
            storage: Rc::clone(storage),
            offset,
            strides: (!is_row_major(&shape, &strides)).then_some(strides),
            shape,
        };
        tensor.check()?;
        Ok(Object::Tensor(Box::new(tensor)))
    }
}

impl TensorRef {
    /// That the tensor lies in its storage and repeats none of it.
    fn check(&self) -> Result<(), String> {
        let Self { shape, storage, .. } = self;
        let key = &storage.key;
        let len = count(shape)
            .ok_or_else(|| format!("a tensor {shape:?} of storage {key} is endless"))?;
        if len == 0 {
            return Ok(());
        }
        if len > storage.len {
            return Err(format!(
                "a tensor {shape:?} repeats the {} numbers of storage {key}; save a copy of it \
                 (`.clone()`)",
                storage.len
            ));
        }
        let last = match &self.strides {
            None => Some(len - 1),
            Some(strides) => shape
                .iter()
                .zip(strides)
                .try_fold(0_usize, |last, (side, stride)| {
                    last.checked_add((side - 1).checked_mul(*stride)?)
                }),
        };
        let last = last.and_then(|last| last.checked_add(self.offset));
        match last {
            Some(last) if last < storage.len => Ok(()),
            _ => Err(format!(
                "a tensor {shape:?} reaches beyond the {} numbers of storage {key}",
                storage.len
            )),
        }
    }
}

/// Sides of length 1 may have any stride.
fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1_usize;
    let sides = shape.iter().zip(strides).rev();
    for (&side, &stride) in sides {
        if side != 1 && stride != expected {
            return false;
        }
        expected = expected.saturating_mul(side);
    }
    true
}

fn number_of(class: &str) -> Number {
    match class {
        "DoubleStorage" => Number::F64,
        "FloatStorage" => Number::F32,
        "HalfStorage" => Number::F16,
        "BFloat16Storage" => Number::BF16,
        "LongStorage" | "ComplexFloatStorage" => Number::Other(class.to_owned(), 8),
        "IntStorage" => Number::Other(class.to_owned(), 4),
        "ShortStorage" => Number::Other(class.to_owned(), 2),
        "ComplexDoubleStorage" => Number::Other(class.to_owned(), 16),
        _ => Number::Other(class.to_owned(), 1),
    }
}
