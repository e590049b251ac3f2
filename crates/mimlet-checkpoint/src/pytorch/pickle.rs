//! A pickle machine that builds data and calls nothing.
//!
//! The instructions are those of CPython's `Lib/pickletools.py`. Objects live in one list and know
//! each other by index, so that neither cycles nor depth cost more than their bytes did. Classes and
//! functions are names; what would be called becomes [`Object::Opaque`], but for the few that
//! rebuild tensors and dictionaries.

use super::dangers::is_dangerous;
use super::rebuild::{StorageRef, TensorRef};
use std::collections::HashMap;
use std::rc::Rc;

/// Objects that a pickle may make, and items that it may have copied.
const MAX_OBJECTS: usize = 1 << 20;
/// Longest name of a class, a storage or a tensor, bytes. A few bytes of a pickle can repeat one.
pub(super) const MAX_NAME: usize = 512;

/// Index of an object.
pub(super) type Id = u32;

/// What a pickle is made of.
#[derive(Debug, Clone)]
pub(super) enum Object {
    /// Whatever tensors and their names do not depend on.
    Opaque,
    Int(i64),
    Text(String),
    /// A list or tuple.
    Row(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function, by module and name.
    Global(String, String),
    Storage(Rc<StorageRef>),
    Tensor(Box<TensorRef>),
}

/// The machine: its objects, its stack and what it remembers.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) objects: Vec<Object>,
    pub(super) stack: Vec<Id>,
    pub(super) marks: Vec<usize>,
    pub(super) memo: HashMap<u32, Id>,
    /// Every storage spoken of, in order: the old layout says nowhere else what they hold.
    pub(super) storages: Vec<Rc<StorageRef>>,
    /// Items that may still be copied.
    budget: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            objects: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            storages: Vec::new(),
            budget: MAX_OBJECTS,
        }
    }

    /// The next pickle's object.
    pub(super) fn load(&mut self) -> Result<Id, String> {
        self.stack.clear();
        self.marks.clear();
        self.memo.clear();
        while let Some(root) = self.step()? {
            if let Some(root) = root {
                return Ok(root);
            }
        }
        Err("its pickle ends in the middle".to_owned())
    }

    pub(super) fn object(&self, id: Id) -> &Object {
        &self.objects[id as usize]
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match self.object(id) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn int(&self, id: Id) -> Option<i64> {
        match self.object(id) {
            Object::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub(super) fn row(&self, id: Id) -> Option<&[Id]> {
        match self.object(id) {
            Object::Row(ids) => Some(ids),
            _ => None,
        }
    }

    pub(super) fn add(&mut self, object: Object) -> Result<Id, String> {
        if self.objects.len() >= MAX_OBJECTS {
            return Err(format!("its pickle makes more than {MAX_OBJECTS} objects"));
        }
        self.objects.push(object);
        Ok((self.objects.len() - 1) as Id)
    }

    /// Counts items that are about to be copied.
    pub(super) fn spend(&mut self, items: usize) -> Result<(), String> {
        let left = self.budget.checked_sub(items);
        self.budget = left.ok_or("its pickle copies more than any checkpoint's")?;
        Ok(())
    }

    pub(super) fn push(&mut self, object: Object) -> Result<(), String> {
        let id = self.add(object)?;
        self.stack.push(id);
        Ok(())
    }

    pub(super) fn pop(&mut self) -> Result<Id, String> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.len() > floor {
            true => self.stack.pop().ok_or_else(underflow),
            false => Err(underflow()),
        }
    }

    /// Everything above the last mark.
    pub(super) fn pop_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().ok_or_else(underflow)?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    pub(super) fn top(&mut self) -> Result<&mut Object, String> {
        let id = *self.stack.last().ok_or_else(underflow)?;
        Ok(&mut self.objects[id as usize])
    }

    /// A class or function by name, refused when it could run code.
    pub(super) fn global(&mut self, module: &str, name: &str) -> Result<(), String> {
        if module.len().max(name.len()) > MAX_NAME {
            return Err(format!(
                "its pickle has a name of more than {MAX_NAME} bytes"
            ));
        }
        if is_dangerous(module, name) {
            return Err(format!(
                "its pickle names {module}.{name}, which can run code (nothing was run); take the \
                 checkpoint from a source you trust and save its state_dict as safetensors"
            ));
        }
        self.push(Object::Global(module.to_owned(), name.to_owned()))
    }

    /// Puts pairs of key and value into the dictionary on top.
    pub(super) fn set_items(&mut self, items: &[Id]) -> Result<(), String> {
        if let Object::Dict(pairs) = self.top()? {
            let (new, _) = items.as_chunks::<2>();
            pairs.extend(new.iter().map(|&[key, value]| (key, value)));
        }
        Ok(())
    }

    /// Puts items into the list on top.
    pub(super) fn append(&mut self, items: &[Id]) -> Result<(), String> {
        if let Object::Row(ids) = self.top()? {
            ids.extend(items);
        }
        Ok(())
    }
}

fn underflow() -> String {
    "its pickle takes more from its stack than there is".to_owned()
}
