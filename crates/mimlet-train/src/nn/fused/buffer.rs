//! Working memory that is used again from step to step: the same sizes return thousands of times,
//! and fresh pages from the system cost more than the arithmetic on them.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Free memory, smallest first. It holds values of earlier use, which nobody may read.
static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// Free buffers kept at most; a step of a deep model holds a dozen for each block.
const KEPT: usize = 1024;

/// Some `f32`s of unspecified value.
#[derive(Debug)]
pub(super) struct Buffer {
    memory: Vec<f32>,
    len: usize,
}

impl Buffer {
    /// `len` elements of unspecified value.
    pub(super) fn new(len: usize) -> Self {
        let mut buffer = Self {
            memory: Vec::new(),
            len: 0,
        };
        buffer.resize(len);
        buffer
    }

    /// `len` zeros.
    pub(super) fn zeros(len: usize) -> Self {
        let mut buffer = Self::new(len);
        buffer.fill(0.0);
        buffer
    }

    /// Changes the length; the values become unspecified.
    pub(super) fn resize(&mut self, len: usize) {
        if self.memory.len() < len {
            self.give_back();
            self.memory = take(len);
        }
        self.len = len;
    }

    fn give_back(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        if memory.is_empty() {
            return;
        }
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            let at = free.partition_point(|other| other.len() < memory.len());
            free.insert(at, memory);
        }
    }
}

/// The smallest free memory that is large enough and at most twice too large, or fresh memory.
fn take(len: usize) -> Vec<f32> {
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    let at = free.partition_point(|memory| memory.len() < len);
    if free.get(at).is_some_and(|memory| memory.len() <= 2 * len) {
        return free.remove(at);
    }
    drop(free);
    vec![0.0; len]
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.len]
    }
}
