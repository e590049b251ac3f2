//! The acceptance test passes a right backend and fails each wrong one.

use crate::random_model::{Golden, RandomModel};
use mimlet_format::{AlignedBytes, CodebookSpace, DType, Model, Thresholds};
use mimlet_runtime::{Backend, BackendError, CpuBackend, Encoder, Encoding, Plan, acceptance};

/// A file whose acceptance test holds what the CPU gives.
fn file_with_own_results(thresholds: Thresholds) -> AlignedBytes {
    let random = RandomModel::new(DType::F32, CodebookSpace::Features);
    let bytes = random.pack();
    let model = Model::parse(&bytes).unwrap();
    let mut encoder = Encoder::on_cpu(&model, 1).unwrap();
    let mut golden = Golden {
        class: vec![],
        patches: vec![],
        tokens: vec![],
        margins: vec![],
        thresholds,
    };
    for pixels in random.golden.chunks(3 * 16 * 40) {
        let encoding = encoder.encode_pixels(pixels).unwrap();
        golden.class.extend(&encoding.class);
        golden.patches.extend(&encoding.patches);
        golden.tokens.extend(&encoding.tokens);
        golden.margins.extend(&encoding.margins);
    }
    random.pack_with(golden)
}

fn strict() -> Thresholds {
    Thresholds {
        min_cosine: 0.999,
        min_token_agreement: 0.99,
        wide_margin: 0.01,
        max_wide_margin_flips: 0,
        max_tcas: Some(0.9),
    }
}

/// A backend with a fault planted behind it.
struct Faulty<'m>(CpuBackend<'m>, Fault);

/// What goes wrong with an encoding.
type Fault = fn(&mut Encoding);

impl Backend for Faulty<'_> {
    fn describe(&self) -> String {
        "faulty".into()
    }

    fn run(&mut self, image: &[f32], encoding: &mut Encoding) -> Result<(), BackendError> {
        self.0.run(image, encoding)?;
        (self.1)(encoding);
        Ok(())
    }
}

fn verdict(bytes: &AlignedBytes, fault: Fault) -> acceptance::Verdict {
    let model = Model::parse(bytes).unwrap();
    let plan = Plan::new(model.manifest()).unwrap();
    let cpu = CpuBackend::new(&model, &plan, mimlet_kernels::Level::detect(), 1).unwrap();
    let mut encoder = Encoder::new(&model, &plan, Box::new(Faulty(cpu, fault)));
    acceptance::run(&model, &mut encoder).unwrap()
}

#[test]
fn a_right_backend_passes() {
    let verdict = verdict(&file_with_own_results(strict()), |_| {});
    assert!(verdict.passed(), "{:?}", verdict.failures);
    assert_eq!((verdict.token_agreement, verdict.images), (Some(1.0), 3));
    assert!(verdict.min_cosine > 0.99999 && verdict.mean_cosine > 0.99999);
    assert!(verdict.tcas.is_some());
}

#[test]
fn every_planted_fault_is_rejected() {
    let faults: [(&str, Fault); 11] = [
        ("no distances", |e| e.distances.fill(0.0)),
        ("another's margin", |e| e.margins.rotate_left(1)),
        ("a margin of NaN", |e| e.margins[2] = f32::NAN),
        ("zeros", |e| e.patches.fill(0.0)),
        ("a NaN", |e| e.patches[7] = f32::NAN),
        ("all NaN", |e| e.class.fill(f32::NAN)),
        ("infinity", |e| e.patches[100] = f32::INFINITY),
        ("rows in another order", |e| e.patches.rotate_left(36)),
        ("noise on one row", |e| {
            e.patches[36..72].iter_mut().for_each(|v| *v = -*v)
        }),
        ("tokens in another order", |e| e.tokens.rotate_left(1)),
        ("tokens past the codebook", |e| e.tokens.fill(u32::MAX)),
    ];
    let bytes = file_with_own_results(strict());
    for (name, fault) in faults {
        assert!(!verdict(&bytes, fault).passed(), "{name} passed");
    }
}

#[test]
fn a_flip_at_a_near_tie_is_no_fault_and_one_at_a_wide_margin_is() {
    let flip_first: Fault = |e| e.tokens[0] ^= 1;
    let tolerant = |wide_margin| Thresholds {
        min_token_agreement: 0.5,
        wide_margin,
        max_tcas: None,
        ..strict()
    };
    let near = verdict(&file_with_own_results(tolerant(1e6)), flip_first);
    assert!(near.passed(), "{:?}", near.failures);
    assert_eq!((near.near_tie_flips, near.wide_margin_flips), (3, 0));
    let wide = verdict(&file_with_own_results(tolerant(0.0)), flip_first);
    assert_eq!(
        wide.failures,
        ["3 tokens flipped at a wide margin, 0 allowed"]
    );
}

#[test]
fn a_tcas_above_its_bound_fails() {
    let strict = Thresholds {
        max_tcas: Some(0.0),
        ..strict()
    };
    let verdict = verdict(&file_with_own_results(strict), |_| {});
    assert_eq!(verdict.failures.len(), 1);
    assert!(
        verdict.failures[0].starts_with("TCAS "),
        "{:?}",
        verdict.failures
    );
}
