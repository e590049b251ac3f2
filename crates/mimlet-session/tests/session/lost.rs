//! Devices that fail after they have passed: opened anew once for an image, then left.

use crate::rungs::{Twist, Twisted, bundled, file};
use mimlet_runtime::acceptance::golden_images;
use mimlet_runtime::{Encoder, Encoding};
use mimlet_session::{Ladder, Rung, Running, Session, SessionError, Tried, VerdictCache};

/// Answers of a trial: 16 golden images and 5 timed ones.
const TRIAL: u32 = 21;

/// A device that fails by this twist after its trial, before a CPU that is the last resort.
fn ladder(twist: Twist) -> (Twisted, Ladder) {
    let gpu = Twisted::new("gpu", twist);
    let cpu = Twisted {
        last_resort: true,
        ..Twisted::right("cpu")
    };
    let rungs: Vec<Box<dyn Rung>> = vec![Box::new(gpu.clone()), Box::new(cpu)];
    (gpu, Ladder::new(rungs, VerdictCache::none()))
}

fn right(image: &[u8]) -> Encoding {
    let mut encoder = Encoder::on_cpu(&bundled(), 1).unwrap();
    encoder.encode_pixels(image).unwrap().clone()
}

/// Encodes the first golden images, each of which must come out right.
fn encode(session: &mut Session, images: usize) {
    for image in golden_images(&bundled()).iter().take(images) {
        assert_eq!(*session.encode_pixels(image).unwrap(), right(image));
    }
}

fn lost() -> Result<(), String> {
    Err("the device was lost".into())
}

#[test]
fn a_device_lost_now_and_then_is_opened_anew_and_not_tried_again() {
    // The first of these is a panic.
    let (gpu, ladder) = ladder(|answer, _| match answer.checked_sub(TRIAL) {
        Some(0) => panic!("in the driver"),
        Some(3 | 5) => lost(),
        _ => Ok(()),
    });
    let mut session = Session::on(file(), ladder).unwrap();
    encode(&mut session, 6);
    let report = session.report();
    assert_eq!(report.kept, Some(0), "{report}");
    assert!(matches!(report.rungs[0].tried, Tried::Now(_)), "{report}");
    assert_eq!(report.rungs[0].opened_anew, 3);
    assert!(
        report.to_string().contains(", opened anew 3 x\n"),
        "{report}"
    );
    assert_eq!(gpu.opened(), 1 + 3);
    assert_eq!(
        gpu.answers(),
        TRIAL + 6 + 3,
        "no image but these and the lost"
    );
}

#[test]
fn a_device_lost_twice_in_an_image_is_left_and_the_image_is_encoded_all_the_same() {
    let (gpu, ladder) = ladder(|answer, _| match answer {
        0..23 => Ok(()),
        _ => lost(),
    });
    let mut session = Session::on(file(), ladder).unwrap();
    assert_eq!(session.report().kept, Some(0));
    encode(&mut session, 4);
    let report = session.report();
    assert_eq!(report.kept, Some(1));
    let lost = Tried::Broken("gpu: the device was lost".into());
    assert_eq!(report.rungs[0].tried, lost);
    let opened_anew = [0, 1].map(|rung| report.rungs[rung].opened_anew);
    assert_eq!((opened_anew, gpu.opened()), ([1, 0], 2));
}

#[test]
fn a_device_that_does_not_open_again_is_left() {
    let (gpu, ladder) = ladder(|answer, _| match answer {
        TRIAL => lost(),
        _ => Ok(()),
    });
    let mut session = Session::on(file(), ladder).unwrap();
    gpu.unplug();
    encode(&mut session, 2);
    let report = session.report();
    assert_eq!(report.kept, Some(1));
    assert_eq!(report.rungs[0].tried, Tried::Broken("unplugged".into()));
    assert_eq!(report.rungs[0].opened_anew, 0);
}

#[test]
fn failures_of_an_image_are_told_with_it_and_only_with_it() {
    let (_, ladder) = ladder(|answer, _| match answer {
        TRIAL => lost(),
        _ => Ok(()),
    });
    let mut running = Running::climb(ladder, &bundled()).unwrap();
    let image = golden_images(&bundled())[0];
    running.encode_pixels(image).unwrap();
    assert_eq!(running.failures(), ["gpu: the device was lost"]);
    running.encode_pixels(image).unwrap();
    assert_eq!(running.failures(), [""; 0]);
}

#[test]
fn images_encoded_together_survive_a_device_that_is_lost_among_them() {
    // Twice with the same images: another takes over.
    let (gpu, ladder) = ladder(|answer, _| match answer.checked_sub(TRIAL) {
        Some(2 | 8 | 10) => lost(),
        _ => Ok(()),
    });
    let mut session = Session::on(file(), ladder).unwrap();
    let model = bundled();
    let images = &golden_images(&model)[..4];
    let expected: Vec<Encoding> = images.iter().map(|image| right(image)).collect();
    for (opened_anew, kept) in [(1, 0), (2, 1)] {
        let mut encodings = vec![Encoding::default(); images.len()];
        session.encode_pixels_batch(images, &mut encodings).unwrap();
        assert_eq!(encodings, expected);
        let report = session.report();
        assert_eq!(
            (report.rungs[0].opened_anew, report.kept),
            (opened_anew, Some(kept))
        );
    }
    // Three and four of the first batch, two and two of the second.
    assert_eq!(gpu.answers(), TRIAL + 3 + 4 + 2 + 2);
    assert_eq!(session.images_at_once(), 1);
}

#[test]
fn a_rung_asked_for_by_name_is_opened_anew_and_nothing_else_takes_over() {
    let gpu = Twisted::new("gpu", |answer, _| match answer {
        1 | 3.. => lost(),
        _ => Ok(()),
    });
    let mut running = Running::asked_for(Box::new(gpu.clone()), &bundled()).unwrap();
    assert_eq!(running.report().rungs[0].tried, Tried::AskedFor);
    let image = golden_images(&bundled())[0];
    for _ in 0..2 {
        assert_eq!(*running.encode_pixels(image).unwrap(), right(image));
    }
    assert_eq!(gpu.answers(), 3, "no test was run");
    assert_eq!(running.report().rungs[0].opened_anew, 1);
    for _ in 0..2 {
        let error = running.encode_pixels(image).unwrap_err();
        assert!(matches!(error, SessionError::NothingPasses(_)));
        let text = error.to_string();
        assert!(
            text.ends_with("gpu: broken: gpu: the device was lost"),
            "{text}"
        );
    }
    assert_eq!(gpu.opened(), 3);
}

#[cfg(feature = "gpu")]
mod gpu {
    use super::{bundled, file, golden_images};
    use mimlet_format::Model;
    use mimlet_runtime::{Encoder, Plan};
    use mimlet_session::{Ladder, Rung, Session, VerdictCache};
    use mimlet_wgpu::{Choice, Gpu, Requirements, Tuning, WgpuBackend};
    use std::sync::{Arc, Mutex};

    /// The best GPU of this machine, which the test can close while the session uses it.
    #[derive(Debug, Clone, Default)]
    struct Closable(Arc<Mutex<Vec<Gpu>>>);

    impl Rung for Closable {
        fn name(&self) -> String {
            "closable".into()
        }

        fn kind(&self) -> &'static str {
            "wgpu"
        }

        fn identity(&self) -> String {
            self.name()
        }

        fn encoder<'m>(&self, model: &Model<'m>) -> Result<Encoder<'m>, String> {
            let plan = Plan::new(model.manifest()).unwrap();
            let gpu = Gpu::open(&Choice::Best, &Requirements::Plan(&plan)).unwrap();
            let backend = WgpuBackend::new(&gpu, model, &plan, Tuning::VendorOrder).unwrap();
            self.0.lock().unwrap().push(gpu);
            Ok(Encoder::new(model, &plan, Box::new(backend)))
        }
    }

    #[test]
    fn a_real_gpu_that_is_lost_is_opened_anew() {
        if std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip") {
            return;
        }
        let rung = Closable::default();
        let ladder = Ladder::new(vec![Box::new(rung.clone())], VerdictCache::none());
        let mut session = Session::on(file(), ladder).unwrap();
        let image = golden_images(&bundled())[0];
        let before = session.encode_pixels(image).unwrap().clone();
        for times in 1..=2 {
            rung.0.lock().unwrap().last().unwrap().close();
            assert_eq!(*session.encode_pixels(image).unwrap(), before);
            assert_eq!(session.report().rungs[0].opened_anew, times);
            assert_eq!(rung.0.lock().unwrap().len(), 1 + times as usize);
        }
    }
}
