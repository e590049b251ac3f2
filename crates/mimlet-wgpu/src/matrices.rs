//! Matrices that the invocations of a subgroup multiply together: which ones an adapter lists, and whether a
//! device multiplies them right. To wgpu and to drivers they are new, so a device has them only where a layer
//! whose outputs are known to the bit comes out so.

use crate::dispatch::dispatch;
use crate::error::WgpuError;
use crate::gpu::Gpu;
use crate::requirements::Requirements;
use crate::units::Unit;
use mimlet_kernels::panel::{len16, pack16};
use mimlet_kernels::{Epilogue, Matrices, Variant, linear};
use wgpu::{Adapter, Backend, CooperativeMatrixProperties, CooperativeScalarType};

/// A layer to multiply such matrices in.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) matrices: Matrices,
    pub(crate) variant: Variant,
}

/// Rows, inputs and outputs: more than a tile of any kernel, and whole matrices of none.
const ROWS: usize = 69;
const INPUTS: usize = 45;
const OUTPUTS: usize = 70;

/// Probes of what an adapter lists and a kernel of the plan multiplies; none for a device without features.
pub(crate) fn probes(adapter: &Adapter, wanted: &Requirements<'_>) -> Vec<Probe> {
    let Requirements::Plan(plan) = wanted else {
        return Vec::new();
    };
    let mut listed = listed(adapter);
    if !listed.is_empty() {
        let variants = Unit::of(plan).into_iter().flat_map(|u| u.variants(1));
        let used: Vec<Matrices> = variants.filter_map(|v| v.matrices()).collect();
        listed.retain(|matrices| used.contains(matrices));
    }
    listed.into_iter().map(Probe::of).collect()
}

/// Those that an adapter lists and a kernel multiplies, by teams no larger than its subgroups ask for.
fn listed(adapter: &Adapter) -> Vec<Matrices> {
    let info = adapter.get_info();
    let largest = match info.backend {
        // Metal does not tell; those of Apple's GPUs that have matrices are of 32.
        Backend::Metal => 32,
        _ => info.subgroup_max_size,
    };
    of_properties(&adapter.cooperative_matrix_properties(), largest)
}

fn of_properties(properties: &[CooperativeMatrixProperties], subgroup: u32) -> Vec<Matrices> {
    let lists = |matrices: &Matrices| {
        let factors = match matrices.half {
            true => CooperativeScalarType::F16,
            false => CooperativeScalarType::F32,
        };
        properties.iter().any(|p| {
            [p.m_size, p.n_size, p.k_size] == [matrices.edge; 3]
                && (p.ab_type, p.cr_type) == (factors, CooperativeScalarType::F32)
        })
    };
    let fits = |matrices: &Matrices| subgroup <= matrices.lanes;
    let is_least = |matrices: &Matrices| {
        let smaller = |m: &Matrices| m.lanes < matrices.lanes && fits(m);
        let alike = |m: &Matrices| (m.edge, m.half) == (matrices.edge, matrices.half);
        !Matrices::ALL.iter().any(|m| alike(m) && smaller(m))
    };
    let all = Matrices::ALL.into_iter();
    all.filter(|m| lists(m) && fits(m) && is_least(m)).collect()
}

impl Probe {
    pub(crate) fn of(matrices: Matrices) -> Self {
        let params = params(matrices.half);
        let variants = linear::variants(&params, ROWS as u32, Epilogue::Store);
        let mut variants = variants.into_iter();
        let variant = variants.find(|variant| variant.matrices() == Some(matrices));
        Self {
            matrices,
            variant: variant.expect("a kernel for each"),
        }
    }

    /// Whether a device gives the one right answer, to the bit. A kernel that it refuses gives none.
    ///
    /// # Errors
    /// When the device is lost or out of memory.
    pub(crate) async fn holds(&self, gpu: &Gpu) -> Result<bool, WgpuError> {
        let half = self.matrices.half;
        let [x, weight, bias] = operands(half);
        let floats = |values: &[i32]| values.iter().map(|v| *v as f32).collect::<Vec<f32>>();
        let (rows, biases) = (floats(&x), floats(&bias));
        let weights = packed(&weight, half);
        let unwritten = [f32::NAN; ROWS * OUTPUTS];
        let contents: [&[u8]; 4] = [
            bytemuck::cast_slice(&rows),
            &weights,
            bytemuck::cast_slice(&biases),
            bytemuck::cast_slice(&unwritten),
        ];
        match dispatch(gpu, &self.variant, &contents).await {
            Ok(after) => {
                let right = right(&x, &weight, &bias);
                Ok(after[3] == bytemuck::cast_slice::<f32, u8>(&right))
            }
            Err(WgpuError::ShaderRejected { .. } | WgpuError::Refused { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn params(half: bool) -> linear::Params {
    linear::Params {
        inputs: INPUTS,
        outputs: OUTPUTS,
        half,
    }
}

/// Rows, weights and biases, in no order: no row is like another. Weights are -1 to 3, and inputs too are
/// numbers that the factors' type holds: for 16-bit floats around 100, so that sums are not; for 32-bit ones
/// 1,025 times as much, so that no shorter type holds them. All sums are below `2^24`, and so exact in f32
/// whatever their order.
fn operands(half: bool) -> [Vec<i32>; 3] {
    let number = |i: u32| (i.wrapping_mul(2_654_435_761) >> 16) as i32;
    let numbers =
        |len: usize, first: i32, span: i32| (0..len as u32).map(move |i| first + number(i) % span);
    let by = if half { 1 } else { 1025 };
    [
        numbers(ROWS * INPUTS, 97, 7).map(|x| x * by).collect(),
        numbers(OUTPUTS * INPUTS, -1, 5).collect(),
        numbers(OUTPUTS, -1, 3).collect(),
    ]
}

/// The layer's outputs.
fn right(x: &[i32], weight: &[i32], bias: &[i32]) -> Vec<f32> {
    let output = |row: &[i32], (weights, bias): (&[i32], &i32)| {
        let products = row.iter().zip(weights).map(|(x, w)| x * w);
        (products.sum::<i32>() + bias) as f32
    };
    let outputs = || weight.chunks_exact(INPUTS).zip(bias);
    let rows = x.chunks_exact(INPUTS);
    rows.flat_map(|row| outputs().map(move |of| output(row, of)))
        .collect()
}

/// Weights from -1 to 3 in `Panel16`.
fn packed(weight: &[i32], half: bool) -> Vec<u8> {
    if half {
        let bits = |w: &i32| [0xbc00_u16, 0, 0x3c00, 0x4000, 0x4200][(w + 1) as usize];
        let bits: Vec<u16> = weight.iter().map(bits).collect();
        let mut panels = vec![0; len16(OUTPUTS, INPUTS)];
        pack16(OUTPUTS, INPUTS, &bits, &mut panels);
        return bytemuck::cast_slice(&panels).to_vec();
    }
    let floats: Vec<f32> = weight.iter().map(|w| *w as f32).collect();
    let mut panels = vec![0.0; len16(OUTPUTS, INPUTS)];
    pack16(OUTPUTS, INPUTS, &floats, &mut panels);
    bytemuck::cast_slice(&panels).to_vec()
}

#[cfg(test)]
mod tests {
    use super::{Probe, of_properties, probes};
    use crate::gpu::Gpu;
    use crate::model::{FOURS, random};
    use crate::requirements::MATRICES;
    use crate::{Adapters, Choice, Requirements};
    use mimlet_format::{CodebookSpace, DType, Model};
    use mimlet_kernels::{Epilogue, Matrices, Variant, WgslKernel, linear};
    use mimlet_runtime::{DeviceLimits, Plan};
    use wgpu::{CooperativeMatrixProperties, CooperativeScalarType, Features};

    const F16: CooperativeScalarType = CooperativeScalarType::F16;
    const F32: CooperativeScalarType = CooperativeScalarType::F32;

    const fn of(edge: u32, half: bool, lanes: u32) -> Matrices {
        Matrices { edge, half, lanes }
    }

    fn properties(
        [m_size, n_size, k_size]: [u32; 3],
        ab_type: CooperativeScalarType,
        cr_type: CooperativeScalarType,
    ) -> CooperativeMatrixProperties {
        CooperativeMatrixProperties {
            m_size,
            n_size,
            k_size,
            ab_type,
            cr_type,
            saturating_accumulation: false,
        }
    }

    #[test]
    fn matrices_are_those_an_adapter_lists_by_the_smallest_teams_that_hold_its_subgroups() {
        let (eights, sixteens) = ([8; 3], [16; 3]);
        let apple = [
            properties(eights, F32, F32),
            properties(eights, F16, F16),
            properties(eights, F16, F32),
        ];
        let expected = [of(8, true, 32), of(8, false, 32)];
        assert_eq!(of_properties(&apple, 32), expected);
        let others = [
            properties([16, 8, 16], F16, F32),
            properties(sixteens, F16, F32),
        ];
        assert_eq!(of_properties(&others, 32), [of(16, true, 32)]);
        assert_eq!(of_properties(&others, 64), [of(16, true, 64)]);
        // A subgroup of more invocations would be in two teams.
        assert_eq!(of_properties(&others, 128), []);
        assert_eq!(of_properties(&apple, 64), []);
        // Sums of 16-bit floats are too coarse.
        assert_eq!(of_properties(&apple[1..2], 32), []);
        assert_eq!(of_properties(&others[..1], 32), []);
    }

    /// A probe of that kernel's text, edited.
    fn edited(probe: &Probe, from: &str, to: &str) -> Probe {
        let mut edited = probe.clone();
        let kernel = probe.variant.dispatches[0].kernel;
        let source = kernel.source.replace(from, to);
        assert_ne!(source, kernel.source, "{from}");
        edited.variant.dispatches[0].kernel = Box::leak(Box::new(WgslKernel {
            source: Box::leak(source.into_boxed_str()),
            ..*kernel
        }));
        edited
    }

    /// Off by what a test of a tolerance would let through; with sums of 16-bit floats; refused by a compiler.
    fn wrong_and_broken(probe: &Probe) -> [Probe; 3] {
        let sum = "activated(sum + biases(output))";
        let off = "activated(sum * (1.0 + f32(row == 68u) * 2e-7) + biases(output))";
        let short = "activated(vec4<f32>(
            unpack2x16float(pack2x16float(sum.xy)),
            unpack2x16float(pack2x16float(sum.zw)),
        ) + biases(output))";
        [
            edited(probe, sum, off),
            edited(probe, sum, short),
            edited(probe, "fn main(", "fn main(none: Nothing,"),
        ]
    }

    /// Sums of 16-bit floats would be exact else.
    #[test]
    fn what_a_probe_multiplies_is_exact_in_the_types_it_is_for_and_in_no_shorter() {
        for half in [false, true] {
            let [x, weight, bias] = super::operands(half);
            let bits = if half { 11 } else { 24 };
            let takes =
                |value: &i32| 32 - (value.unsigned_abs() >> value.trailing_zeros()).leading_zeros();
            assert!(x.iter().all(|x| takes(x) <= bits));
            assert!(half || x.iter().any(|x| takes(x) > 11));
            let right = super::right(&x, &weight, &bias);
            let most = right.iter().fold(0.0, |most: f32, next| most.max(*next));
            assert!(most < 16_777_216.0);
            assert!(right.iter().any(|sum| takes(&(*sum as i32)) > 11));
        }
    }

    /// A kernel that every GPU runs stands in for those with matrices, and for their feature one that nobody
    /// asks for: few drivers have what this is about.
    #[test]
    fn a_device_that_fails_its_probe_is_opened_without_the_feature() {
        if std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip") {
            return;
        }
        let adapters = Adapters::list();
        let adapter = adapters.choose(&Choice::Best).unwrap();
        let stand_in = Features::MAPPABLE_PRIMARY_BUFFERS;
        assert!(adapter.features().contains(stand_in));
        let within = Requirements::Within(DeviceLimits::DOWNLEVEL);
        let open = |probes: &[Probe]| {
            let gpu = Gpu::probed(adapter, &within, stand_in, probes);
            let gpu = pollster::block_on(gpu).unwrap();
            let runs = Probe::of(of(8, false, 32)).variant;
            assert!(!gpu.runs(&runs), "it has not the feature that this needs");
            (gpu.device.features().contains(stand_in), gpu)
        };
        let right = Probe {
            matrices: of(8, false, 32),
            variant: plain(),
        };
        let [wrong, short, broken] = wrong_and_broken(&right);
        for (probes, has) in [
            (vec![], false),
            (vec![wrong.clone()], false),
            (vec![short], false),
            (vec![broken.clone(), wrong.clone()], false),
            (vec![right.clone()], true),
            (vec![wrong, right.clone(), broken], true),
        ] {
            let (opened_with, gpu) = open(&probes);
            assert_eq!(opened_with, has);
            assert!(pollster::block_on(right.holds(&gpu)).unwrap());
        }
    }

    fn plain() -> Variant {
        let params = super::params(false);
        linear::variants(&params, super::ROWS as u32, Epilogue::Store).remove(0)
    }

    /// On the adapters of this machine that list matrices, if any; without them the test above stands in.
    #[test]
    fn matrices_multiplied_wrong_are_not_used() {
        if std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip") {
            return;
        }
        let file = random(DType::F16, CodebookSpace::Features, FOURS);
        let plan = Plan::new(Model::parse(&file).unwrap().manifest()).unwrap();
        let wanted = Requirements::Plan(&plan);
        let adapters = Adapters::list();
        for index in 0..adapters.describe().len() {
            let adapter = adapters.choose(&Choice::Index(index)).unwrap();
            for probe in probes(adapter, &wanted) {
                let open = |probe: &Probe| {
                    let probes = std::slice::from_ref(probe);
                    pollster::block_on(Gpu::probed(adapter, &wanted, MATRICES, probes)).unwrap()
                };
                for probe in wrong_and_broken(&probe) {
                    let gpu = open(&probe);
                    assert!(!gpu.runs(&probe.variant) && !gpu.device.features().contains(MATRICES));
                }
                // Products that are left out, and a factor of another place.
                for (from, to) in [
                    ("k += EDGE", "k += 2u * EDGE"),
                    ("left1, right1", "left1, right0"),
                ] {
                    assert!(
                        !open(&edited(&probe, from, to)).runs(&probe.variant),
                        "{to}"
                    );
                }
                println!(
                    "{:?}: {}",
                    probe.matrices,
                    open(&probe).runs(&probe.variant)
                );
            }
        }
    }

    /// No other plan's device is opened twice, nor with what is experimental.
    #[test]
    fn only_a_plan_of_float_weights_asks_for_matrices() {
        if std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip") {
            return;
        }
        let adapters = Adapters::list();
        for index in 0..adapters.describe().len() {
            let adapter = adapters.choose(&Choice::Index(index)).unwrap();
            for dtype in [DType::I8, DType::I4] {
                let file = random(dtype, CodebookSpace::Features, FOURS);
                let plan = Plan::new(Model::parse(&file).unwrap().manifest()).unwrap();
                assert!(probes(adapter, &Requirements::Plan(&plan)).is_empty());
            }
            let within = Requirements::Within(DeviceLimits::DOWNLEVEL);
            assert!(probes(adapter, &within).is_empty());
        }
    }
}
