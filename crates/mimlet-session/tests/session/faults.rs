//! Two hundred single faults, each of the file or of what a device makes of a tensor after the file was
//! checked: how many does the hash or the acceptance test let through?

use crate::rungs::bundled;
use mimlet_format::{
    AlignedBytes, BlockTensor, LinearPart, Model, ModelWriter, NormPart, TensorRole,
};
use mimlet_kernels::Level;
use mimlet_kernels::case::Stream;
use mimlet_runtime::{CpuBackend, Encoder, Plan, acceptance};

/// A fault that a kernel, a driver or memory can have, as it shows in one tensor.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// A bit of the file.
    BitFlip,
    /// Two neighbouring output channels of a layer change places.
    SwappedRows,
    /// A layer's scales of one panel of channels are those of the next.
    StaleScale,
    /// One channel's scale is twice what it should be.
    WrongScale,
    /// A layer forgets its bias.
    DroppedBias,
    /// Positions are those of some rows further on.
    StalePositions,
    /// A norm forgets its gain.
    DroppedGain,
}

const FAULTS: [Fault; 7] = [
    Fault::BitFlip,
    Fault::SwappedRows,
    Fault::StaleScale,
    Fault::WrongScale,
    Fault::DroppedBias,
    Fault::StalePositions,
    Fault::DroppedGain,
];

/// Draws where a fault is.
struct Place(Stream);

impl Place {
    fn below(&mut self, end: usize) -> usize {
        (self.0.bits() >> 16) as usize % end
    }

    fn layer(&mut self) -> u32 {
        self.below(bundled().manifest().encoder.depth as usize) as u32
    }

    fn linear(&mut self, part: LinearPart) -> TensorRole {
        use BlockTensor::{Fc1, Fc2, Proj, Qkv};
        let tensor = [Qkv(part), Proj(part), Fc1(part), Fc2(part)][self.below(4)];
        let layer = self.layer();
        TensorRole::Block { layer, tensor }
    }

    fn gain(&mut self) -> TensorRole {
        use BlockTensor::{Norm1, Norm2};
        let tensor = [Norm1(NormPart::Weight), Norm2(NormPart::Weight)][self.below(2)];
        let layer = self.layer();
        TensorRole::Block { layer, tensor }
    }
}

/// The bundled model with one tensor changed and the hash made right again.
fn with_tensor(role: TensorRole, change: impl FnOnce(&mut [u8])) -> AlignedBytes {
    let model = bundled();
    let manifest = model.manifest().clone();
    let mut writer = ModelWriter::new(
        manifest.encoder,
        manifest.preprocess,
        manifest.codebook,
        manifest.acceptance,
        manifest.provenance,
    );
    let mut changed = model.tensor(role).unwrap().bytes.to_vec();
    change(&mut changed);
    for tensor in model.tensors() {
        let entry = tensor.entry;
        let bytes = if entry.role == role {
            changed.clone()
        } else {
            tensor.bytes.to_vec()
        };
        writer.tensor(entry.role, entry.dtype, entry.layout, &entry.shape, bytes);
    }
    writer.finish().unwrap()
}

/// As [`with_tensor`], of floats.
fn with_floats(role: TensorRole, change: impl FnOnce(&mut [f32])) -> AlignedBytes {
    with_tensor(role, |bytes| {
        let mut values: Vec<f32> = bytemuck::pod_collect_to_vec(bytes);
        change(&mut values);
        bytes.copy_from_slice(bytemuck::cast_slice(&values));
    })
}

/// Rows `row` and `row + 1` of a panel change places, in `Panel16x4` of `quads` quads of columns.
fn swap_rows(bytes: &mut [u8], quads: usize, panel: usize, row: usize) {
    for quad in 0..quads {
        let start = (panel * quads + quad) * 64 + row * 4;
        let (one, other) = bytes[start..start + 8].split_at_mut(4);
        one.swap_with_slice(other);
    }
}

/// A file with a fault, and where the fault is; `None` when the hash has found it.
fn faulty(fault: Fault, place: &mut Place) -> (String, Option<AlignedBytes>) {
    let (role, file) = match fault {
        Fault::BitFlip => {
            let mut bytes = bundled().bytes().to_vec();
            let at = place.below(bytes.len());
            bytes[at] ^= 1 << place.below(8);
            let file = Some(AlignedBytes::from(bytes)).filter(|file| Model::parse(file).is_ok());
            return (format!("byte {at}"), file);
        }
        Fault::SwappedRows => {
            let role = place.linear(LinearPart::Weight);
            let [outputs, inputs] = bundled().tensor(role).unwrap().entry.shape[..] else {
                panic!("a weight is a matrix");
            };
            let panel = place.below(outputs as usize / 16);
            let row = place.below(15);
            let quads = inputs.div_ceil(4) as usize;
            let swap = |bytes: &mut [u8]| swap_rows(bytes, quads, panel, row);
            (role, with_tensor(role, swap))
        }
        Fault::StaleScale => {
            let role = place.linear(LinearPart::Scale);
            let stale = |scales: &mut [f32]| {
                let panel = place.below(scales.len() / 16 - 1) * 16;
                scales.copy_within(panel + 16..panel + 32, panel);
            };
            (role, with_floats(role, stale))
        }
        Fault::WrongScale => {
            let role = place.linear(LinearPart::Scale);
            let wrong = |scales: &mut [f32]| scales[place.below(scales.len())] *= 2.0;
            (role, with_floats(role, wrong))
        }
        Fault::DroppedBias => {
            let role = place.linear(LinearPart::Bias);
            (role, with_floats(role, |bias| bias.fill(0.0)))
        }
        Fault::StalePositions => {
            let role = TensorRole::TokenTable;
            let dim = bundled().manifest().encoder.embed_dim as usize;
            let by = dim * (1 + place.below(7));
            (
                role,
                with_floats(role, |table| table[dim..].rotate_left(by)),
            )
        }
        Fault::DroppedGain => {
            let role = place.gain();
            (role, with_floats(role, |gain| gain.fill(1.0)))
        }
    };
    (role.to_string(), Some(file))
}

/// At least 99 of 100 are found; with `--nocapture` it says which are not. What is missed is a fault whose whole effect is smaller than what
/// rounding in half precision does to a sound device.
#[test]
fn of_two_hundred_single_faults_at_most_two_pass() {
    let mut place = Place(Stream::new(7));
    let mut missed = Vec::new();
    for fault in FAULTS.into_iter().cycle().take(200) {
        let (at, file) = faulty(fault, &mut place);
        let Some(file) = file else { continue };
        let model = Model::parse(&file).unwrap();
        let mut encoder = Encoder::on_cpu(&model, 1).unwrap();
        if acceptance::run(&model, &mut encoder).unwrap().passed() {
            missed.push(format!("{fault:?} in {at}"));
        }
    }
    println!("{} of 200 are missed: {missed:#?}", missed.len());
    assert!(missed.len() <= 2, "{missed:#?}");
}

#[test]
fn the_sound_file_passes_at_every_level() {
    for level in Level::available() {
        let model = bundled();
        let plan = Plan::new(model.manifest()).unwrap();
        let backend = CpuBackend::new(&model, &plan, level, 1).unwrap();
        let mut encoder = Encoder::new(&model, &plan, Box::new(backend));
        let verdict = acceptance::run(&model, &mut encoder).unwrap();
        assert!(verdict.passed(), "{}: {:?}", level.name(), verdict.failures);
        assert_eq!(verdict.deviation, Some(0.0), "{}", level.name());
    }
}
