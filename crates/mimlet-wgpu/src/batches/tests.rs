//! Images together against each alone; how many fit, and with what; what is not believed.

use super::{enough, halved_until, largest};
use crate::gpu::Fault;
use crate::model::{FOURS, ODD, with_codebook};
use crate::offers::Room;
use crate::units::Unit;
use crate::{Choice, Gpu, Requirements, Tuning, WgpuBackend, WgpuError};
use mimlet_format::{AlignedBytes, CodebookSpace, DType, EncoderConfig, Model};
use mimlet_kernels::Variant;
use mimlet_kernels::case::Stream;
use mimlet_runtime::{Backend, Encoding, Plan, Step};
use std::cell::RefCell;

const TYPES: [DType; 4] = [DType::F32, DType::F16, DType::I8, DType::I4];

/// A small model on the best GPU, opened for it.
struct Machine {
    file: AlignedBytes,
    plan: Plan,
    gpu: Gpu,
}

impl Machine {
    /// `None` when GPUs are skipped.
    fn new(dtype: DType, space: Option<CodebookSpace>, encoder: EncoderConfig) -> Option<Self> {
        if std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip") {
            return None;
        }
        let file = with_codebook(dtype, space, encoder);
        let plan = Plan::new(Model::parse(&file).unwrap().manifest()).unwrap();
        let gpu = Gpu::open(&Choice::Best, &Requirements::Plan(&plan)).unwrap();
        Some(Self { file, plan, gpu })
    }

    fn model(&self) -> Model<'_> {
        Model::parse(&self.file).unwrap()
    }

    fn backend(&self, tuning: Tuning<'_>) -> WgpuBackend {
        WgpuBackend::new(&self.gpu, &self.model(), &self.plan, tuning).unwrap()
    }

    fn with(&self, variants: &[Variant]) -> WgpuBackend {
        let model = self.model();
        let made = WgpuBackend::of_variants(&self.gpu, &model, &self.plan, variants);
        pollster::block_on(made).unwrap()
    }

    /// No two alike.
    fn images(&self, count: usize) -> Vec<Vec<f32>> {
        let mut stream = Stream::new(0x31);
        let words = self.plan.buffers()[self.plan.image().index()].words;
        (0..count).map(|_| stream.values(words, 2.0)).collect()
    }

    fn unwritten(&self, count: usize) -> Vec<Encoding> {
        let mut encoding = Encoding::zeros(&self.plan);
        encoding.class.fill(f32::NAN);
        encoding.patches.fill(f32::NAN);
        encoding.tokens.fill(u32::MAX);
        encoding.distances.fill(f32::NAN);
        encoding.margins.fill(f32::NAN);
        vec![encoding; count]
    }

    fn one_by_one(&self, backend: &mut WgpuBackend, images: &[Vec<f32>]) -> Vec<Encoding> {
        let mut encodings = self.unwritten(images.len());
        for (image, encoding) in images.iter().zip(&mut encodings) {
            backend.run(image, encoding).unwrap();
        }
        encodings
    }

    fn together(&self, backend: &mut WgpuBackend, images: &[Vec<f32>]) -> Vec<Encoding> {
        let mut encodings = self.unwritten(images.len());
        let images: Vec<&[f32]> = images.iter().map(Vec::as_slice).collect();
        backend.run_batch(&images, &mut encodings).unwrap();
        encodings
    }

    /// Holds batches of so many images to what each is encoded to alone.
    fn hold_together(&self, tuning: Tuning<'_>, counts: &[usize], context: &str) {
        let mut backend = self.backend(tuning);
        let images = self.images(5);
        let expected = self.one_by_one(&mut backend, &images);
        assert!(expected.windows(2).all(|two| two[0] != two[1]));
        let mut room = 1;
        for &count in counts {
            let actual = self.together(&mut backend, &images[..count]);
            assert_eq!(backend.batches.images(), count, "{context}");
            assert!(actual == expected[..count], "{count} in {context}");
            room = count;
        }
        // One place may stay empty.
        let last = &images[images.len() - (room - room / 3)..];
        let actual = self.together(&mut backend, last);
        assert!(actual == expected[5 - last.len()..], "{context}");
        assert!(
            self.one_by_one(&mut backend, &images) == expected,
            "{context}"
        );
    }

    /// One of the variants of each unit that tells images apart, in turn, and the first of others.
    fn mixed(&self, units: &[Unit], turn: usize) -> Vec<Variant> {
        let of = |unit: &Unit| {
            let mut variants = unit.variants(1);
            variants.retain(|v| self.gpu.runs(v));
            let count = match unit.folded.step {
                Step::PatchEmbed { .. } | Step::Attention { .. } => variants.len(),
                Step::NearestCentroid { .. } => variants.len(),
                _ => 1,
            };
            variants.swap_remove(turn % count)
        };
        units.iter().map(of).collect()
    }
}

#[test]
fn images_together_give_the_bits_of_each_alone() {
    for dtype in TYPES {
        for (encoder, tuning) in [(ODD, Tuning::Plainest), (FOURS, Tuning::VendorOrder)] {
            for (space, counts) in [
                (Some(CodebookSpace::Features), &[1, 2, 3, 5][..]),
                (Some(CodebookSpace::Pixels), &[2, 3]),
                (None, &[5]),
            ] {
                let Some(machine) = Machine::new(dtype, space, encoder.clone()) else {
                    return;
                };
                let context = format!("{dtype:?}, {space:?}, {tuning:?}");
                machine.hold_together(tuning, counts, &context);
            }
        }
    }
}

/// Rows of others have no image: they are held to the CPU's with all numbers of them.
#[test]
fn every_variant_that_tells_images_apart_gives_the_same_bits() {
    for dtype in [DType::F32, DType::F16] {
        let space = Some(CodebookSpace::Features);
        let Some(machine) = Machine::new(dtype, space, FOURS) else {
            return;
        };
        let units = Unit::of(&machine.plan);
        for turn in 0..units[0].variants(1).len() {
            let variants = machine.mixed(&units, turn);
            let mut backend = machine.with(&variants);
            let images = machine.images(3);
            let expected = machine.one_by_one(&mut backend, &images);
            let actual = machine.together(&mut backend, &images);
            assert_eq!(backend.batches.images(), 3);
            let names: Vec<String> = variants.iter().map(Variant::name).collect();
            assert!(actual == expected, "{dtype:?} with {names:?}");
        }
    }
}

#[test]
fn more_images_than_there_is_room_for_take_several_passes() {
    let space = Some(CodebookSpace::Features);
    let Some(machine) = Machine::new(DType::F16, space, FOURS) else {
        return;
    };
    let mut backend = machine.backend(Tuning::VendorOrder);
    let images = machine.images(9);
    let expected = machine.one_by_one(&mut backend, &images);
    backend.batches.most = 4;
    // Three of three, and two of four with one left over.
    for (count, at_once) in [(9, 3), (8, 4), (9, 4), (7, 4)] {
        assert!(machine.together(&mut backend, &images[..count]) == expected[..count]);
        assert_eq!(backend.batches.images(), at_once);
    }
}

/// Norms that divide by 30 for several images and not for one.
#[test]
fn a_pass_that_is_wrong_is_found_and_left() {
    let space = Some(CodebookSpace::Features);
    let Some(machine) = Machine::new(DType::F32, space, FOURS) else {
        return;
    };
    let mut backend = machine.backend(Tuning::VendorOrder);
    let images = machine.images(4);
    let expected = machine.one_by_one(&mut backend, &images);
    let alone = backend.memory_bytes();
    for unit in &mut backend.batches.units {
        if let Step::LayerNorm { params, .. } = &mut unit.folded.step {
            params.eps = 1e3;
        }
    }
    for _ in 0..2 {
        assert!(machine.together(&mut backend, &images) == expected);
        assert_eq!(backend.batches.images(), 1);
        assert_eq!(backend.memory_bytes(), alone);
    }
}

#[test]
fn memory_is_taken_by_the_first_of_several_and_never_again() {
    let space = Some(CodebookSpace::Features);
    let Some(machine) = Machine::new(DType::F32, space, FOURS) else {
        return;
    };
    let mut backend = machine.backend(Tuning::VendorOrder);
    let images = machine.images(4);
    let alone = backend.memory_bytes();
    machine.one_by_one(&mut backend, &images);
    machine.together(&mut backend, &images[..1]);
    assert_eq!(backend.memory_bytes(), alone);
    machine.together(&mut backend, &images);
    let together = backend.memory_bytes();
    let image = 4 * images[0].len() as u64;
    assert!(
        together > alone + 4 * 2 * image,
        "images and where they are mapped"
    );
    // The tensors are there once.
    let tensors = machine.plan.weight_bytes();
    assert!(together - alone < 4 * alone - 3 * tensors);
    for count in [4, 3, 1, 4] {
        machine.together(&mut backend, &images[..count]);
        assert_eq!(backend.memory_bytes(), together);
    }
}

/// The scores of an image are 3 x 17 x 3 x 12 words, and a row of a texture has 8192: seven images need two.
#[test]
fn what_has_no_room_for_so_many_images_gives_way_to_what_has() {
    let space = Some(CodebookSpace::Features);
    let Some(machine) = Machine::new(DType::F32, space, FOURS) else {
        return;
    };
    let of = |unit: &Unit| {
        let mut variants = unit.variants(1);
        // From textures.
        let attends = matches!(unit.folded.step, Step::Attention { .. });
        variants.swap_remove(if attends { 2 } else { 0 })
    };
    let units = Unit::of(&machine.plan);
    let chosen: Vec<Variant> = units.iter().map(of).collect();
    let mut backend = machine.with(&chosen);
    let names = |variants: &[Variant]| variants.iter().map(Variant::name).collect::<Vec<_>>();
    let chosen = names(&chosen);
    let all = Room::of(&machine.gpu);
    let of = |room, images| {
        let variants = backend.batches.variants(&machine.gpu, room, images);
        variants.map(|variants| names(&variants))
    };
    let one_row = Room {
        texture_rows: 1,
        ..all
    };
    assert_eq!(of(all, 7).as_ref(), Some(&chosen));
    assert_eq!(of(one_row, 4).as_ref(), Some(&chosen));
    let buffers = |name: String| match name.starts_with("attention") {
        true => "attention_scores_fours + attention_mix_fours".to_owned(),
        false => name,
    };
    let other: Vec<String> = chosen.iter().cloned().map(buffers).collect();
    assert_ne!(other, chosen);
    assert_eq!(of(one_row, 7), Some(other));

    // The largest buffer has the images, and norms take a workgroup for each of 17 rows.
    let image = 3 * 24 * 40 * 4;
    let narrow = Room {
        buffer_bytes: 4 * image,
        ..all
    };
    assert!(of(narrow, 4).is_some() && of(narrow, 5).is_none());
    let few = Room {
        workgroups: 17 * 3,
        ..all
    };
    assert!(of(few, 3).is_some() && of(few, 4).is_none());
    // A GPU is opened with 65,535 workgroups.
    assert!(of(all, 65_535 / 17).is_some() && of(all, 65_535 / 17 + 1).is_none());
    let images = machine.images(2);
    let expected = machine.one_by_one(&mut backend, &images);
    assert!(machine.together(&mut backend, &images) == expected);
}

#[test]
fn what_a_device_has_no_memory_for_is_halved() {
    let asked = RefCell::new(Vec::new());
    let out_of_memory = || WgpuError::OutOfMemory {
        adapter: "card".into(),
        what: "buffer wide".into(),
    };
    let make = |room: usize| {
        let asked = &asked;
        pollster::block_on(halved_until(13, async move |images| {
            asked.borrow_mut().push(images);
            match images <= room {
                true => Ok(images),
                false => Err(out_of_memory()),
            }
        }))
        .unwrap()
    };
    assert_eq!(
        [make(13), make(12), make(3), make(2)],
        [Some(13), Some(6), Some(3), None]
    );
    assert_eq!(asked.take(), [13, 13, 6, 13, 6, 3, 13, 6, 3]);
}

#[test]
fn a_lost_device_is_not_asked_for_less() {
    let lost = || WgpuError::DeviceLost {
        adapter: "card".into(),
        reason: "unplugged".into(),
    };
    let made: Result<Option<()>, Fault> = pollster::block_on(halved_until(8, async |images| {
        assert_eq!(images, 8);
        Err(lost())
    }));
    assert!(matches!(made, Err(Fault::Lost(reason)) if reason == "unplugged"));
}

#[test]
fn a_large_gpu_is_given_enough_rows_and_no_more() {
    assert_eq!([17, 197, 1025, 5000].map(enough), [32, 21, 4, 1]);
}

#[test]
fn the_largest_that_fits_is_found() {
    for most in 1..20 {
        for room in 1..25 {
            assert_eq!(largest(most, |images| images <= room), most.min(room));
        }
    }
}
