//! The pickle machine's instructions.

use super::pickle::{Id, MAX_NAME, Machine, Object};

impl<'a> Machine<'a> {
    /// Carries out one instruction. `Some(Some(root))` at the end of the pickle, `None` at the end of
    /// the bytes.
    pub(super) fn step(&mut self) -> Result<Option<Option<Id>>, String> {
        let Some(&op) = self.bytes.get(self.at) else {
            return Ok(None);
        };
        self.at += 1;
        match op {
            b'.' => return Ok(Some(Some(self.pop()?))),
            0x80 => drop(self.take(1)?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.pop_or_unmark()?,
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let id = self.pop()?;
                self.stack.extend([id, id]);
            }
            b'N' | 0x88 | 0x89 => self.push(Object::Opaque)?,
            b'K' | b'M' | b'J' | b'I' | b'L' | 0x8a | 0x8b | b'F' | b'G' => self.number(op)?,
            b'S' | b'T' | b'U' | b'V' | b'X' | 0x8c | 0x8d => self.string(op)?,
            b'B' | b'C' | 0x8e | 0x96 => self.binary(op)?,
            b']' | b')' => self.push(Object::Row(Vec::new()))?,
            b'}' => self.push(Object::Dict(Vec::new()))?,
            b'l' | b't' | 0x85..=0x87 | b'd' | 0x8f..=0x91 => self.gather(op)?,
            b'a' | b'e' | b's' | b'u' => self.fill(op)?,
            b'g' | b'h' | b'j' | b'p' | b'q' | b'r' | 0x94 => self.remember(op)?,
            b'c' | 0x93 | b'i' | b'o' | b'R' | b'b' | 0x81 | 0x92 | b'Q' | b'P' => self.make(op)?,
            0x82..=0x84 | 0x97 | 0x98 => {
                return Err(format!(
                    "its pickle has instruction {op:#x}, of no checkpoint"
                ));
            }
            _ => return Err(format!("its pickle has an unknown instruction {op:#x}")),
        }
        Ok(Some(None))
    }

    fn pop_or_unmark(&mut self) -> Result<(), String> {
        match self.marks.last() {
            Some(&mark) if mark == self.stack.len() => drop(self.marks.pop()),
            _ => drop(self.pop()?),
        }
        Ok(())
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(len);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or("its pickle ends in the middle")?;
        self.at += len;
        Ok(taken)
    }

    /// A little-endian number of `len` bytes.
    fn unsigned(&mut self, len: usize) -> Result<u64, String> {
        let bytes = self.take(len)?.iter().rev();
        Ok(bytes.fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    }

    /// That many bytes as a length precedes them.
    fn counted(&mut self, len_bytes: usize) -> Result<&'a [u8], String> {
        let len = self.unsigned(len_bytes)?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|&byte| byte == b'\n');
        let line = self.take(end.ok_or("its pickle ends in the middle")? + 1)?;
        std::str::from_utf8(&line[..line.len() - 1]).map_err(|_| not_text())
    }

    fn number(&mut self, op: u8) -> Result<(), String> {
        let value = match op {
            b'K' => Some(self.unsigned(1)? as i64),
            b'M' => Some(self.unsigned(2)? as i64),
            b'J' => Some(i64::from(self.unsigned(4)? as u32 as i32)),
            b'I' | b'L' => self.line()?.trim_end_matches('L').parse().ok(),
            0x8a => signed(self.counted(1)?),
            0x8b => signed(self.counted(4)?),
            b'F' => self.line().map(|_| None)?,
            _ => self.take(8).map(|_| None)?,
        };
        self.push(value.map_or(Object::Opaque, Object::Int))
    }

    fn string(&mut self, op: u8) -> Result<(), String> {
        let text = match op {
            // Quoted as Python quotes; names of tensors need no escapes.
            b'S' => self.line()?.trim_matches(['\'', '"']),
            b'V' => self.line()?,
            b'T' | b'X' => std::str::from_utf8(self.counted(4)?).map_err(|_| not_text())?,
            b'U' | 0x8c => std::str::from_utf8(self.counted(1)?).map_err(|_| not_text())?,
            _ => std::str::from_utf8(self.counted(8)?).map_err(|_| not_text())?,
        };
        self.push(Object::Text(text.to_owned()))
    }

    fn binary(&mut self, op: u8) -> Result<(), String> {
        self.counted(match op {
            b'C' => 1,
            b'B' => 4,
            _ => 8,
        })?;
        self.push(Object::Opaque)
    }

    /// Lists, tuples, dictionaries and sets out of what is on the stack.
    fn gather(&mut self, op: u8) -> Result<(), String> {
        match op {
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Object::Dict(Vec::new()))?;
                self.set_items(&items)
            }
            0x8f => self.push(Object::Opaque),
            0x90 => self.pop_mark().map(drop),
            0x91 => {
                self.pop_mark()?;
                self.push(Object::Opaque)
            }
            b'l' | b't' => {
                let items = self.pop_mark()?;
                self.push(Object::Row(items))
            }
            _ => {
                let mut items = vec![0; usize::from(op - 0x84)];
                for item in items.iter_mut().rev() {
                    *item = self.pop()?;
                }
                self.push(Object::Row(items))
            }
        }
    }

    /// Items into the list or dictionary below them.
    fn fill(&mut self, op: u8) -> Result<(), String> {
        match op {
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(&items)
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(&[key, value])
            }
            _ => {
                let items = self.pop_mark()?;
                self.set_items(&items)
            }
        }
    }

    fn remember(&mut self, op: u8) -> Result<(), String> {
        let key = match op {
            b'g' | b'p' => self.line()?.parse().map_err(|_| not_text())?,
            b'h' | b'q' => self.unsigned(1)? as u32,
            b'j' | b'r' => self.unsigned(4)? as u32,
            _ => self.memo.len() as u32,
        };
        if matches!(op, b'g' | b'h' | b'j') {
            let id = self.memo.get(&key);
            let id = *id.ok_or("its pickle recalls what it never remembered")?;
            self.stack.push(id);
            return Ok(());
        }
        let top = self.stack.last();
        let id = *top.ok_or("its pickle remembers nothing")?;
        self.memo.insert(key, id);
        Ok(())
    }

    /// Names, and what would be made by calling them.
    fn make(&mut self, op: u8) -> Result<(), String> {
        match op {
            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.global(module, name)
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |id| {
                    let text = self.text(id).filter(|text| text.len() <= MAX_NAME);
                    text.map(str::to_owned).ok_or_else(not_text)
                };
                let (module, name) = (text(module)?, text(name)?);
                self.global(&module, &name)
            }
            b'i' => {
                let module = self.line()?;
                let name = self.line()?;
                self.pop_mark()?;
                self.global(module, name)?;
                self.pop()?;
                self.push(Object::Opaque)
            }
            b'o' => {
                self.pop_mark()?;
                self.push(Object::Opaque)
            }
            b'R' | 0x81 => {
                let (arguments, callee) = (self.pop()?, self.pop()?);
                let made = self.call(callee, arguments)?;
                self.push(made)
            }
            0x92 => {
                self.pop()?;
                self.pop()?;
                self.pop()?;
                self.push(Object::Opaque)
            }
            // The state of an object: that of a tensor or dictionary changes neither.
            b'b' => self.pop().map(drop),
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(storage)
            }
            _ => Err("its pickle refers to a storage by text, of no PyTorch".to_owned()),
        }
    }
}

/// A little-endian two's complement of up to 8 bytes.
fn signed(bytes: &[u8]) -> Option<i64> {
    if bytes.len() > 8 {
        return None;
    }
    let fill = bytes
        .last()
        .map_or(0, |&last| if last >= 0x80 { !0 } else { 0 });
    let value = bytes
        .iter()
        .rev()
        .fold(fill, |sum: u64, &byte| sum << 8 | u64::from(byte));
    Some(value as i64)
}

fn not_text() -> String {
    "its pickle has a name or number that is none".to_owned()
}
