//! Lengths round the size of a workgroup.

use super::{KERNEL, call, cpu, reference};
use crate::case::{Case, Output, Stream, Tolerance, Values, at_each_level};
use crate::op::Variant;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

/// The examples of the residual connection.
pub(crate) fn cases() -> Vec<Case> {
    [1, 3, 63, 64, 65, 197 * 192].map(case).into()
}

fn case(len: usize) -> Case {
    let mut stream = Stream::new(0x19);
    let branch = stream.values(len, 1.0);
    let x = stream.values(len, 100.0);
    let mut expected = x.clone();
    reference(&branch, &mut expected);
    Case {
        fuses: false,
        name: format!("{len} values"),
        variants: vec![Variant::single(&KERNEL, call(len))],
        buffers: vec![Values::F32(branch.clone()), Values::F32(x.clone())],
        outputs: vec![Output {
            binding: 1,
            expected: Values::F32(expected),
            cpu: Tolerance::Exact,
            gpu: Tolerance::Exact,
        }],
        cpu: at_each_level(|level| {
            let mut x = x.clone();
            cpu(level, &branch, &mut x);
            vec![Values::F32(x)]
        }),
    }
}
