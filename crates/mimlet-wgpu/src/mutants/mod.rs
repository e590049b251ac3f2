//! Two hundred faults of tensors are in `mimlet-session`'s tests; these are faults of kernels. Single
//! mutations of the WGSL that a bundled model's plan runs on the GPU at hand, by its vendor's order and on
//! the plainest rung, drawn over all those kernels: how many does the file's acceptance test let through?

mod products;
mod text;

use crate::maker::Maker;
use crate::operands::Operands;
use crate::tuning;
use crate::units::Unit;
use crate::{Choice, Gpu, Requirements, Tuning, WgpuBackend, WgpuError};
use mimlet_format::{CodebookSpace, Model, include_aligned};
use mimlet_kernels::case::Stream;
use mimlet_kernels::{Variant, WgslKernel};
use mimlet_runtime::acceptance::{self, golden_images};
use mimlet_runtime::{EncodeError, Encoder, Encoding, Plan};
use text::{Kind, Mutation};

const FAULTS: usize = 60;

/// How many times as far as two sound programs are from each other a mutant may be from a sound one, and yet
/// do no more than round otherwise: each of the two is off by as much in its own direction. In a file of
/// integers that is a byte here and there that falls to the other side of a half.
const ROUNDING: f64 = 2.0;

/// Images beside those of the acceptance test that tell whether a mutant is a fault at all.
const OTHER_IMAGES: usize = 4;

fn bundled() -> Model<'static> {
    let bytes = include_aligned!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../models/digits-tiny/digits-tiny.int8.mim"
    ));
    Model::parse(bytes).unwrap()
}

/// A model and the GPU it runs on.
struct Machine {
    model: Model<'static>,
    plan: Plan,
    gpu: Gpu,
    /// Images beside the acceptance test's.
    others: Vec<Vec<u8>>,
}

/// A rung's variants of the plan's units, and what they make of both sets of images.
struct Program {
    variants: Vec<Variant>,
    answers: [Vec<Encoding>; 2],
}

impl Machine {
    /// `None` when the environment says to skip.
    fn new() -> Option<Self> {
        if std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip") {
            return None;
        }
        let model = bundled();
        let plan = Plan::new(model.manifest()).unwrap();
        let gpu = Gpu::open(&Choice::Best, &Requirements::Plan(&plan)).unwrap();
        let len = golden_images(&model)[0].len();
        let mut stream = Stream::new(5);
        let mut noise = || (0..len).map(|_| stream.bits() as u8).collect();
        let others = (0..OTHER_IMAGES).map(|_| noise()).collect();
        Some(Self {
            model,
            plan,
            gpu,
            others,
        })
    }

    /// What a rung runs.
    fn program(&self, tuning: Tuning<'_>) -> Program {
        let (maker, units) = (Maker::new(&self.gpu), Unit::of(&self.plan));
        let operands = Operands::new(&maker, &self.model, &self.plan, &units).unwrap();
        let units = (&units[..], &operands);
        let chosen = tuning::choose(&self.gpu, &self.model, &self.plan, units, tuning);
        let variants = pollster::block_on(chosen).unwrap();
        let mut encoder = self.encoder(&variants).unwrap();
        let (passed, seen) = self.accepted(&mut encoder).unwrap();
        assert!(passed, "{tuning:?} without a fault");
        let answers = [seen, self.others(&mut encoder).unwrap()];
        Program { variants, answers }
    }

    fn encoder(&self, program: &[Variant]) -> Result<Encoder<'static>, WgpuError> {
        let backend = WgpuBackend::of_variants(&self.gpu, &self.model, &self.plan, program);
        let backend = pollster::block_on(backend)?;
        Ok(Encoder::new(&self.model, &self.plan, Box::new(backend)))
    }

    /// Whether the acceptance test passes, and what became of its images.
    fn accepted(&self, encoder: &mut Encoder<'_>) -> Result<(bool, Vec<Encoding>), EncodeError> {
        let mut seen = Vec::new();
        let see = |encoding: &Encoding| seen.push(encoding.clone());
        let verdict = acceptance::run_seen(&self.model, encoder, see)?;
        Ok((verdict.passed(), seen))
    }

    fn others(&self, encoder: &mut Encoder<'_>) -> Result<Vec<Encoding>, EncodeError> {
        let images = self.others.iter();
        images
            .map(|image| encoder.encode_pixels(image).cloned())
            .collect()
    }

    /// What becomes of a mutant, of a kernel of a program.
    fn fate(&self, program: &Program, spread: f64, mutant: WgslKernel) -> Fate {
        let variants = with_kernel(program.variants.clone(), mutant);
        let mut encoder = match self.encoder(&variants) {
            Ok(encoder) => encoder,
            Err(WgpuError::ShaderRejected { .. }) => return Fate::NoKernel,
            Err(_) => return Fate::Rejected,
        };
        match self.accepted(&mut encoder) {
            Ok((false, _)) | Err(_) => Fate::Rejected,
            Ok((true, seen)) => match self.others(&mut encoder) {
                Ok(others) => Self::fate_of_accepted(program, spread, &[seen, others]),
                Err(_) => Fate::Passed,
            },
        }
    }

    /// As [`Machine::fate`], of a mutant that passed.
    fn fate_of_accepted(program: &Program, spread: f64, answers: &[Vec<Encoding>; 2]) -> Fate {
        if *answers == program.answers {
            return Fate::Equivalent;
        }
        let is_near = farthest(answers, &program.answers) <= ROUNDING * spread;
        let mut pairs = answers
            .iter()
            .flatten()
            .zip(program.answers.iter().flatten());
        let follow = |(answer, right): (&Encoding, &Encoding)| distances_follow(answer, right);
        match is_near && pairs.all(follow) {
            true => Fate::Rounding,
            false => Fate::Passed,
        }
    }
}

/// How far values are from the right ones, and the size of those: Euclidean norms.
fn norms(values: &[f32], right: &[f32]) -> [f64; 2] {
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let pairs = values.iter().zip(right);
    let off = norm(&mut pairs.map(|(a, b)| f64::from(*a) - f64::from(*b)));
    [off, norm(&mut right.iter().copied().map(f64::from))]
}

/// How far any image's patch features are from the right ones, as a share of their size; NaN if one is.
fn farthest(answers: &[Vec<Encoding>; 2], right: &[Vec<Encoding>; 2]) -> f64 {
    let pairs = answers.iter().flatten().zip(right.iter().flatten());
    let far = |(answer, right): (&Encoding, &Encoding)| {
        let [off, size] = norms(&answer.patches, &right.patches);
        off / size
    };
    pairs
        .map(far)
        .fold(0.0, |most: f64, next| match most.is_nan() || next <= most {
            true => most,
            false => next,
        })
}

/// Whether distances to centroids, which are features, moved no farther than the features did: a side of a
/// triangle is no longer than the other two, and a margin is a difference of two distances.
fn distances_follow(answer: &Encoding, right: &Encoding) -> bool {
    let [moved, _] = norms(&answer.patches, &right.patches);
    let [distances, size] = norms(&answer.distances, &right.distances);
    let [margins, _] = norms(&answer.margins, &right.margins);
    // Sums in another order.
    let rounded = size * 1e-5;
    distances <= moved + rounded && margins <= 2.0 * moved + rounded
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// wgpu refuses the text, so no device runs it.
    NoKernel,
    /// Every image's answer is the same to the bit.
    Equivalent,
    /// It rounds otherwise, as devices may: a softmax that is shifted by another number than its largest.
    Rounding,
    Rejected,
    Passed,
}

/// The variants with another text of the kernel of that name.
fn with_kernel(mut variants: Vec<Variant>, mutant: WgslKernel) -> Vec<Variant> {
    let mutant: &'static WgslKernel = Box::leak(Box::new(mutant));
    for dispatch in variants.iter_mut().flat_map(|v| &mut v.dispatches) {
        if dispatch.kernel.name == mutant.name {
            dispatch.kernel = mutant;
        }
    }
    variants
}

impl Program {
    /// Its kernels, each with all its mutations.
    fn mutations(&self) -> Vec<(&'static WgslKernel, Vec<Mutation>)> {
        let dispatches = self.variants.iter().flat_map(|v| &v.dispatches);
        let mut kernels: Vec<_> = dispatches.map(|dispatch| dispatch.kernel).collect();
        kernels.sort_by_key(|kernel| kernel.name);
        kernels.dedup();
        let mutations = |kernel: &'static WgslKernel| (kernel, text::all(kernel.source));
        kernels.into_iter().map(mutations).collect()
    }
}

/// Draws one of all mutations: first the kernel, then the kind, then the place.
fn draw<'k>(
    stream: &mut Stream,
    kernels: &'k [(&'static WgslKernel, Vec<Mutation>)],
) -> (&'static WgslKernel, &'k Mutation) {
    let mut below = |end: usize| (stream.bits() >> 16) as usize % end;
    loop {
        let (kernel, mutations) = &kernels[below(kernels.len())];
        let kind = Kind::ALL[below(Kind::ALL.len())];
        let of_kind = mutations.iter().filter(|mutation| mutation.kind == kind);
        let of_kind: Vec<&Mutation> = of_kind.collect();
        if !of_kind.is_empty() {
            return (kernel, of_kind[below(of_kind.len())]);
        }
    }
}

/// Says how many, with `--nocapture`. A mutant that changes no answer, or none by more than [`ROUNDING`], is no fault, and another is drawn;
/// there are few of the latter, or the test would be of little use.
#[test]
fn mutated_kernels_are_rejected_but_for_some_that_round_otherwise() {
    let Some(machine) = Machine::new() else {
        return;
    };
    let space = machine.model.manifest().codebook.as_ref().map(|c| c.space);
    assert_eq!(space, Some(CodebookSpace::Features));
    let programs = [Tuning::VendorOrder, Tuning::Plainest].map(|tuning| machine.program(tuning));
    let spread = farthest(&programs[1].answers, &programs[0].answers);
    let mutations = programs.each_ref().map(Program::mutations);
    let mut stream = Stream::new(11);
    let mut passed = Vec::new();
    let (mut rejected, mut rounding) = (0, 0);
    for rung in (0..programs.len()).cycle() {
        if rejected + passed.len() == FAULTS {
            break;
        }
        let (kernel, mutation) = draw(&mut stream, &mutations[rung]);
        let mutant = WgslKernel {
            source: Box::leak(mutation.of(kernel.source).into_boxed_str()),
            ..*kernel
        };
        let fate = machine.fate(&programs[rung], spread, mutant);
        let shown = format!("{}: {}", kernel.name, mutation.shown(kernel.source));
        match fate {
            Fate::NoKernel | Fate::Equivalent => {}
            Fate::Rounding => rounding += 1,
            Fate::Rejected => rejected += 1,
            Fate::Passed => passed.push(shown),
        }
    }
    println!("{rejected} rejected, {rounding} round otherwise, passed: {passed:#?}");
    assert!(passed.is_empty());
    assert!(rounding * 10 <= FAULTS, "{rounding} round otherwise");
}
