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
    /// As those, for units that multiply matrices.
    Matrices,
    /// As [`Means::Shared`], each workgroup for a share of the inputs, whose sums another kernel joins.
    Shares,
}

impl Means {
    pub(crate) fn of(variant: &Variant) -> Self {
        match (variant.reads_texels(), variant.shares_memory()) {
            _ if variant.splits_sums() => Self::Shares,
            _ if variant.matrices().is_some() => Self::Matrices,
            (true, _) => Self::Textures,
            (false, true) => Self::Shared,
            (false, false) => Self::Buffers,
        }
    }
}

impl AdapterDescription {
    /// Puts what is likely fastest first; of two alike the one with fewer dispatches. What stands in for
    /// another comes last.
    pub(crate) fn arrange(&self, variants: &mut [Variant]) {
        let order = self.order_of_means();
        let rank = |variant: &Variant| order.iter().position(|means| *means == Means::of(variant));
        variants.sort_by_key(|variant| {
            let dispatches = variant.dispatches.len();
            (variant.stands_in, rank(variant), dispatches)
        });
    }

    /// Whether a variant is only worth trying when no other is right: what stands in for another, and
    /// workgroup memory of a software driver. That is the CPU's memory, and at a barrier the CPU changes
    /// from one invocation to the next: such kernels take longest to compile there, and longest to run.
    pub(crate) fn spares(&self, variant: &Variant) -> bool {
        let shared = matches!(
            Means::of(variant),
            Means::Shared | Means::Matrices | Means::Shares
        );
        variant.stands_in || self.is_software() && shared
    }

    /// What is likely fastest first, by who made the GPU. Matrices, which are experimental, and a kernel more
    /// with sums in memory are for a trial to prove worth it.
    fn order_of_means(&self) -> [Means; 5] {
        use Means::{Buffers, Matrices, Shared, Shares, Textures};
        let name = self.name.to_lowercase();
        let of = |makers: &[&str]| makers.iter().any(|maker| name.contains(maker));
        if self.is_software() || of(&["adreno"]) {
            // Software drivers gather from buffers a word at a time, and Adreno caches textures better.
            [Textures, Buffers, Shared, Matrices, Shares]
        } else if of(&["mali", "immortalis", "v3d", "powervr"]) {
            // Their workgroup memory is main memory (Arm's guide 101574 says to leave copies to it out).
            [Buffers, Shared, Textures, Matrices, Shares]
        } else {
            [Shared, Buffers, Textures, Matrices, Shares]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Means;
    use crate::adapters::AdapterDescription;
    use crate::model::{FOURS, random, random_model};
    use crate::units::Unit;
    use mimlet_format::{CodebookSpace, DType, Model};
    use mimlet_kernels::{Epilogue, Variant, linear};
    use mimlet_runtime::{DeviceLimits, Plan};

    fn adapter(name: &str, kind: &'static str) -> AdapterDescription {
        AdapterDescription {
            name: name.into(),
            backend: "vulkan",
            kind,
            driver: String::new(),
            driver_info: String::new(),
            limits: DeviceLimits::DOWNLEVEL,
            features: Vec::new(),
        }
    }

    #[test]
    fn makers_differ_in_what_is_tried_first() {
        for (name, kind, first) in [
            ("NVIDIA H200", "discrete", Means::Shared),
            ("Mali-G715", "integrated", Means::Buffers),
            ("Adreno (TM) 740", "integrated", Means::Textures),
            ("llvmpipe", "software", Means::Textures),
        ] {
            assert_eq!(adapter(name, kind).order_of_means()[0], first, "{name}");
        }
    }

    /// Rows and outputs make few tiles here, and inputs are many: they can be shared out.
    #[test]
    fn a_software_driver_is_spared_workgroup_memory() {
        let params = linear::Params {
            inputs: 400,
            outputs: 5,
            half: false,
        };
        let spared = |kind| {
            let variants = linear::variants(&params, 7, Epilogue::Store);
            let adapter = adapter("card", kind);
            variants
                .iter()
                .map(|v| adapter.spares(v))
                .collect::<Vec<_>>()
        };
        // From buffers, in tiles of two sizes, from textures no outputs of five, in shares, by matrices.
        assert_eq!(spared("software"), [false, true, true, true, true]);
        assert_eq!(spared("discrete"), [false; 5]);
    }

    /// Whatever the weights: their sums are right where a trial says so, and nowhere else.
    #[test]
    fn matrices_are_multiplied_only_where_that_is_tried_and_found_faster() {
        for half in [false, true] {
            let params = linear::Params {
                inputs: 192,
                outputs: 192,
                half,
            };
            for name in ["NVIDIA H200", "Mali-G715", "Adreno (TM) 740", "Apple M4"] {
                let mut variants = linear::variants(&params, 197, Epilogue::Add);
                adapter(name, "discrete").arrange(&mut variants);
                variants.retain(|variant| !variant.stands_in);
                let first = variants.iter().position(|v| v.matrices().is_some());
                let first = first.unwrap();
                assert!(first >= 4, "{name}");
                assert!(variants[first..].iter().all(|v| v.matrices().is_some()));
            }
        }
    }

    #[test]
    fn inputs_are_shared_out_only_where_that_is_tried_and_found_faster() {
        let params = linear::Params {
            inputs: 768,
            outputs: 192,
            half: true,
        };
        for name in ["NVIDIA H200", "Mali-G715", "Adreno (TM) 740"] {
            let mut variants = linear::variants(&params, 197, Epilogue::Add);
            adapter(name, "discrete").arrange(&mut variants);
            variants.retain(|variant| !variant.stands_in);
            let shared_out: Vec<bool> = variants.iter().map(Variant::splits_sums).collect();
            let (last, others) = shared_out.split_last().unwrap();
            assert!(*last && others.iter().all(|others| !others), "{name}");
        }
        // The projection of ViT-Tiny, and the second layer of ViT-Base's MLP.
        for (inputs, outputs) in [(192, 192), (3072, 768)] {
            let params = linear::Params {
                inputs,
                outputs,
                half: true,
            };
            let variants = linear::variants(&params, 197, Epilogue::Add);
            assert!(!variants.iter().any(Variant::splits_sums), "{inputs}");
        }
    }

    /// Norm, queries with keys and values, attention, projection, norm, two layers of the MLP; around
    /// all blocks the embedding of patches, the last norm and the tokens.
    #[test]
    fn a_block_takes_seven_dispatches_and_the_rest_three() {
        for dtype in [DType::F32, DType::F16, DType::I8, DType::I4] {
            let space = CodebookSpace::Features;
            for file in [random(dtype, space, FOURS), random_model(dtype, space)] {
                let model = Model::parse(&file).unwrap();
                let plan = Plan::new(model.manifest()).unwrap();
                let dispatches = |unit: &Unit| {
                    let mut variants = unit.variants(1);
                    adapter("NVIDIA H200", "discrete").arrange(&mut variants);
                    variants[0].dispatches.len()
                };
                let all: usize = Unit::of(&plan).iter().map(dispatches).sum();
                let depth = model.manifest().encoder.depth as usize;
                assert_eq!(all, 7 * depth + 3, "{dtype:?}");
            }
        }
    }
}
