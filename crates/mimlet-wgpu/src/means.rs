//! How kernels get at the operands that several invocations need, and what GPUs like of that.

use crate::adapters::AdapterDescription;
use mimlet_kernels::Variant;

/// How a variant gets at operands that several invocations need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// Each reads its own from textures, through the texture unit's cache.
    Textures,
    /// Each reads its own from buffers.
    Buffers,
    /// Together, through workgroup memory.
    Shared,
}

impl Means {
    pub(crate) fn of(variant: &Variant) -> Self {
        match (variant.reads_texels(), variant.shares_memory()) {
            (true, _) => Self::Textures,
            (false, true) => Self::Shared,
            (false, false) => Self::Buffers,
        }
    }
}

impl AdapterDescription {
    /// What is likely fastest first, by who made the GPU.
    pub(crate) fn order_of_means(&self) -> [Means; 3] {
        use Means::{Buffers, Shared, Textures};
        let name = self.name.to_lowercase();
        let of = |makers: &[&str]| makers.iter().any(|maker| name.contains(maker));
        if self.is_software() || of(&["adreno"]) {
            // Software drivers gather from buffers a word at a time, and Adreno caches textures better.
            [Textures, Buffers, Shared]
        } else if of(&["mali", "immortalis", "v3d", "powervr"]) {
            // Their workgroup memory is main memory (Arm's guide 101574 says to leave copies to it out).
            [Buffers, Shared, Textures]
        } else {
            [Shared, Buffers, Textures]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Means;
    use crate::adapters::AdapterDescription;
    use mimlet_runtime::DeviceLimits;

    #[test]
    fn makers_differ_in_what_is_tried_first() {
        let first = |name: &str, kind| {
            let adapter = AdapterDescription {
                name: name.into(),
                backend: "vulkan",
                kind,
                driver: String::new(),
                driver_info: String::new(),
                limits: DeviceLimits::DOWNLEVEL,
                features: Vec::new(),
            };
            adapter.order_of_means()[0]
        };
        assert_eq!(first("NVIDIA H200", "discrete"), Means::Shared);
        assert_eq!(first("Mali-G715", "integrated"), Means::Buffers);
        assert_eq!(first("Adreno (TM) 740", "integrated"), Means::Textures);
        assert_eq!(first("llvmpipe", "software"), Means::Textures);
    }
}
