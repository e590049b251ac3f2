//! What every op shows the rest of the house: its GPU kernel and its examples.

use crate::tiles::Matrices;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// One op of an encoder. An entry in [`crate::OPS`] enrols it in the parity tests, the WGSL
/// validation and the benches.
#[derive(Debug, Clone, Copy)]
pub struct Op {
    /// The op's folder.
    pub name: &'static str,
    /// Its GPU version, which every device runs; examples name the others.
    pub kernel: &'static WgslKernel,
    /// Inputs with the outputs that each version must give.
    #[cfg(feature = "cases")]
    pub cases: fn() -> Vec<crate::case::Case>,
}

/// A compute shader in plain WGSL. Sizes are `override` constants; every binding is in group 0,
/// numbered in order.
#[derive(Debug, PartialEq)]
pub struct WgslKernel {
    /// Its name, for labels and errors; an op's first kernel has the op's.
    pub name: &'static str,
    /// The whole module; its entry point is `main`.
    pub source: &'static str,
    /// Invocations of one workgroup, as the source declares them.
    pub workgroup_size: [u32; 3],
    /// Bytes of workgroup memory the source declares.
    pub workgroup_bytes: u32,
    /// How the source declares each binding.
    pub bindings: &'static [Access],
}

impl WgslKernel {
    /// Whether it needs a GPU that computes in 16-bit floats, which is a feature of wgpu's.
    #[must_use]
    pub fn needs_f16(&self) -> bool {
        self.source.starts_with("enable f16;")
    }

    /// Whether it needs a GPU whose invocations compute in subgroups, which is a feature of wgpu's: such a
    /// kernel asks which subgroup an invocation belongs to.
    #[must_use]
    pub fn needs_subgroups(&self) -> bool {
        self.source.contains("@builtin(subgroup_id)")
    }

    /// The matrices that it needs a GPU to multiply, which is an experimental feature of wgpu's.
    #[must_use]
    pub fn matrices(&self) -> Option<Matrices> {
        Matrices::of(self.source)
    }
}

/// How a kernel uses a binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    ReadWrite,
    /// `texture_2d`, whose rows of [`TEXELS_ACROSS`] texels hold a buffer's words one after the other.
    Texels(Texel),
}

/// What a texel holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Texel {
    /// Four 32-bit floats: `texture_2d<f32>`.
    F32x4,
    /// Four 16-bit floats, widened as they are read: `texture_2d<f32>`.
    F16x4,
    /// Four words: `texture_2d<u32>`.
    U32x4,
    /// One word: `texture_2d<u32>`.
    U32,
}

impl Texel {
    /// Bytes of a texel.
    #[must_use]
    pub fn bytes(self) -> u32 {
        match self {
            Self::F32x4 | Self::U32x4 => 16,
            Self::F16x4 => 8,
            Self::U32 => 4,
        }
    }
}

/// Texels in a row of a texture: as many as every GPU has, and a power of two, by which no kernel
/// has to divide.
pub const TEXELS_ACROSS: u32 = 2048;

/// One way to compute an op on a GPU. All of an op's take the same operands, which are numbered as
/// its first kernel binds them, and give the same results but for rounding.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// What to run, in order.
    pub dispatches: Vec<Dispatch>,
    /// Words of each scratch, in which dispatches leave something for those after them.
    pub scratch: Vec<usize>,
    /// Parts of operands that are too large to be bound at once.
    pub parts: Vec<Part>,
    /// Whether it is another's plainer and slower twin, for devices that have the other wrong.
    pub stands_in: bool,
}

/// A kernel's call and what it binds.
#[derive(Debug, Clone, PartialEq)]
pub struct Dispatch {
    /// The kernel.
    pub kernel: &'static WgslKernel,
    /// Its constants and grid.
    pub call: Call,
    /// What each binding is.
    pub operands: Vec<Operand>,
}

/// What a dispatch binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// One of the op's operands.
    Given(usize),
    /// A scratch of the variant's.
    Scratch(usize),
    /// One of the variant's [`Part`]s.
    Part(usize),
}

/// A part of an operand that nobody writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which of the op's operands.
    pub given: usize,
    /// Its bytes, one range after the other.
    pub bytes: Vec<Range<usize>>,
}

impl Part {
    /// Bytes of all of it.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.iter().map(Range::len).sum()
    }
}

impl Variant {
    /// One dispatch that binds the op's operands in order.
    #[must_use]
    pub fn single(kernel: &'static WgslKernel, call: Call) -> Self {
        let operands = (0..kernel.bindings.len()).map(Operand::Given).collect();
        Self {
            dispatches: Vec::from([Dispatch {
                kernel,
                call,
                operands,
            }]),
            scratch: Vec::new(),
            parts: Vec::new(),
            stands_in: false,
        }
    }

    /// The names of its kernels, which no other variant of the op has all of.
    #[must_use]
    pub fn name(&self) -> String {
        let names: Vec<&str> = self.dispatches.iter().map(|d| d.kernel.name).collect();
        names.join(" + ")
    }

    /// Whether a kernel of it [needs](WgslKernel::needs_f16) 16-bit floats.
    #[must_use]
    pub fn needs_f16(&self) -> bool {
        self.dispatches.iter().any(|d| d.kernel.needs_f16())
    }

    /// Whether it rounds its rows of inputs to 16-bit floats: beyond 65,504 they would be infinite.
    #[must_use]
    pub fn halves_rows(&self) -> bool {
        let mut kernels = self.dispatches.iter().map(|d| d.kernel);
        kernels.any(|kernel| kernel.source.contains("alias Row = f16;"))
    }

    /// Whether a kernel of it handles four bytes of a word at once, by WGSL's own functions for that.
    #[must_use]
    pub fn packs_bytes(&self) -> bool {
        let requires = "requires packed_4x8_integer_dot_product;";
        let mut kernels = self.dispatches.iter().map(|d| d.kernel);
        kernels.any(|kernel| kernel.source.contains(requires))
    }

    /// Whether a kernel of it [needs](WgslKernel::needs_subgroups) subgroups.
    #[must_use]
    pub fn needs_subgroups(&self) -> bool {
        self.dispatches.iter().any(|d| d.kernel.needs_subgroups())
    }

    /// The [matrices](WgslKernel::matrices) that its kernels need a GPU to multiply.
    #[must_use]
    pub fn matrices(&self) -> Option<Matrices> {
        self.dispatches.iter().find_map(|d| d.kernel.matrices())
    }

    /// Whether it shares out the inputs among workgroups and joins their sums.
    #[must_use]
    pub fn splits_sums(&self) -> bool {
        let last = &self.dispatches[self.dispatches.len() - 1];
        last.call
            .constants
            .iter()
            .any(|(name, _)| *name == "SHARES")
    }

    /// Whether it reads operands as textures.
    #[must_use]
    pub fn reads_texels(&self) -> bool {
        let mut bindings = self.dispatches.iter().flat_map(|d| d.kernel.bindings);
        bindings.any(|access| matches!(access, Access::Texels(_)))
    }

    /// Whether values pass between its last kernel's invocations through workgroup memory.
    #[must_use]
    pub fn shares_memory(&self) -> bool {
        self.dispatches[self.dispatches.len() - 1]
            .kernel
            .workgroup_bytes
            > 0
    }
}

/// One dispatch of a kernel: the values of its `override` constants and its grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Values of the `override` constants.
    pub constants: Vec<(&'static str, f64)>,
    /// Workgroups along x, y and z.
    pub workgroups: [u32; 3],
}

/// Bindings of a kernel that reads rows of floats and weights as textures, and a vector as a buffer.
pub(crate) const fn texel_bindings(weight: Texel) -> &'static [Access] {
    match weight {
        Texel::F16x4 => &[
            Access::Texels(Texel::F32x4),
            Access::Texels(Texel::F16x4),
            Access::Read,
            Access::ReadWrite,
        ],
        _ => &[
            Access::Texels(Texel::F32x4),
            Access::Texels(Texel::F32x4),
            Access::Read,
            Access::ReadWrite,
        ],
    }
}

/// The grid of an elementwise kernel of 64 invocations a workgroup: rows of at most 65,535.
pub(crate) fn elementwise(len: usize) -> [u32; 3] {
    let groups = len.div_ceil(64) as u32;
    let columns = groups.clamp(1, 65_535);
    [columns, groups.div_ceil(columns).max(1), 1]
}
