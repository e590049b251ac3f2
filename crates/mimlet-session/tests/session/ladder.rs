//! Which rung is kept, and what befalls the others.

use crate::rungs::{Twist, Twisted, bundled, file};
use mimlet_kernels::case::Stream;
use mimlet_runtime::acceptance::golden_images;
use mimlet_runtime::{Encoder, Encoding};
use mimlet_session::{GpuRung, Ladder, Rung, Session, SessionError, Tried, VerdictCache, all_gpus};

fn ladder(rungs: impl IntoIterator<Item = Twisted>) -> Ladder {
    let rungs = rungs
        .into_iter()
        .map(|rung| Box::new(rung) as Box<dyn Rung>);
    Ladder::new(rungs.collect(), VerdictCache::none())
}

fn shuffle_rows(encoding: &mut Encoding) {
    let dim = encoding.class.len();
    encoding.patches.rotate_left(dim);
    encoding.tokens.rotate_left(1);
    encoding.margins.rotate_left(1);
}

/// Noise of a tenth of the features' own size.
fn add_noise(answer: u32, encoding: &mut Encoding) {
    let mut stream = Stream::new(answer.into());
    for features in [&mut encoding.class, &mut encoding.patches] {
        let square: f32 = features.iter().map(|value| value * value).sum();
        let size = (square / features.len() as f32).sqrt();
        let noise = stream.values(features.len(), 0.1 * size * 1.732);
        for (value, noise) in features.iter_mut().zip(noise) {
            *value += noise;
        }
    }
}

/// Every way a driver is known to answer wrongly without an error.
const FAULTS: [(&str, Twist); 7] = [
    ("returns zeros", |_, encoding| {
        encoding.class.fill(0.0);
        encoding.patches.fill(0.0);
        encoding.tokens.fill(0);
        Ok(())
    }),
    ("returns the first answer for ever", |answer, encoding| {
        if answer > 0 {
            let mut first = Twisted::right("first").encoder(&bundled()).unwrap();
            *encoding = first
                .encode_pixels(golden_images(&bundled())[0])
                .unwrap()
                .clone();
        }
        Ok(())
    }),
    ("permutes rows", |_, encoding| {
        shuffle_rows(encoding);
        Ok(())
    }),
    ("adds noise", |answer, encoding| {
        add_noise(answer, encoding);
        Ok(())
    }),
    ("gives one NaN in one image", |answer, encoding| {
        if answer == 3 {
            encoding.patches[17] = f32::NAN;
        }
        Ok(())
    }),
    ("permutes tokens only", |_, encoding| {
        encoding.tokens.rotate_left(1);
        Ok(())
    }),
    (
        "permutes rows of one image in sixteen",
        |answer, encoding| {
            if answer == 9 {
                shuffle_rows(encoding);
            }
            Ok(())
        },
    ),
];

#[test]
fn a_wrong_device_is_found_out_and_the_cpu_runs() {
    for (name, twist) in FAULTS {
        let session = Session::on(
            file(),
            ladder([Twisted::new(name, twist), Twisted::right("cpu")]),
        )
        .unwrap();
        let report = session.report();
        assert_eq!(report.kept().unwrap().name, "cpu", "{report}");
        let trial = report.rungs[0].tried.trial().unwrap();
        assert!(!trial.verdict.passed(), "{name}");
        assert_eq!(trial.median_ms, None, "no time of a wrong answer");
        assert!(report.to_string().contains(&format!("{name}: FAILED: ")));
    }
}

#[test]
fn a_flip_at_a_near_tie_raises_no_alarm() {
    let near = Twisted::new("another order of sums", |answer, encoding| {
        let wide = bundled().manifest().acceptance.thresholds.wide_margin;
        let least = encoding.margins.iter().copied().fold(f32::MAX, f32::min);
        let nearest = encoding.margins.iter().position(|margin| *margin == least);
        // One token of an image in eight, where the margin is far from wide.
        let flips = answer % 8 == 0 && least < wide / 4.0;
        if let Some(patch) = nearest.filter(|_| flips) {
            encoding.tokens[patch] ^= 1;
        }
        Ok(())
    });
    let climbed = ladder([near]).climb(&bundled()).unwrap();
    let trial = climbed.report.rungs[0].tried.trial().unwrap().clone();
    assert!(trial.verdict.near_tie_flips > 0, "a flip was planted");
    assert_eq!(trial.verdict.wide_margin_flips, 0);
}

#[test]
fn the_fastest_that_passes_is_kept() {
    let slow = Twisted::new("slow", |_, _| {
        // Work, not sleep: about fifty images.
        let mut encoder = Encoder::on_cpu(&bundled(), 1).unwrap();
        for image in golden_images(&bundled()).iter().cycle().take(50) {
            encoder.encode_pixels(image).unwrap();
        }
        Ok(())
    });
    let climbed = ladder([slow, Twisted::right("fast")])
        .climb(&bundled())
        .unwrap();
    let [slow, fast] = [0, 1].map(|rung| climbed.report.rungs[rung].tried.passed_ms().unwrap());
    assert_eq!(climbed.report.kept, Some(1), "{slow} ms against {fast}");
}

#[test]
fn a_device_that_refuses_or_panics_is_broken_and_the_next_is_tried() {
    let refuses = Twisted::new("refuses", |_, _| Err("out of memory".into()));
    let panics = Twisted::new("panics", |_, _| panic!("in the driver"));
    let climbed = ladder([refuses, panics, Twisted::right("cpu")])
        .climb(&bundled())
        .unwrap();
    let report = climbed.report;
    let broken = |reason: &str| Tried::Broken(reason.into());
    assert_eq!(report.rungs[0].tried, broken("refuses: out of memory"));
    assert_eq!(report.rungs[1].tried, broken("it panicked: in the driver"));
    assert_eq!(report.kept, Some(2));
}

#[test]
fn plainer_instructions_are_tried_only_when_the_better_are_wrong() {
    let plain = || Twisted {
        last_resort: true,
        ..Twisted::right("plain")
    };
    let spared = plain();
    let climbed = ladder([Twisted::right("best"), spared.clone()]).climb(&bundled());
    let report = climbed.unwrap().report;
    assert_eq!(report.kept, Some(0));
    assert_eq!(
        (spared.answers(), &report.rungs[1].tried),
        (0, &Tried::Spared)
    );

    let [(name, twist), ..] = FAULTS;
    let climbed = ladder([Twisted::new(name, twist), plain()]).climb(&bundled());
    assert_eq!(climbed.unwrap().report.kept, Some(1));
}

#[test]
fn a_devices_plainer_kernels_stand_in_where_its_better_ones_are_wrong() {
    let plain = || Twisted {
        stands_in: true,
        ..Twisted::right("gpu, plainest kernels")
    };
    let spared = plain();
    let rungs = [Twisted::right("gpu"), spared.clone(), Twisted::right("cpu")];
    let report = ladder(rungs).climb(&bundled()).unwrap().report;
    assert_eq!(report.rungs[1].tried, Tried::Spared);
    assert_eq!(spared.answers(), 0);

    // The processor is asked, too: the faster of the two is kept.
    let refuses = Twisted::new("gpu", |_, _| Err("no such instruction".into()));
    for wrong in FAULTS
        .map(|(_, twist)| Twisted::new("gpu", twist))
        .into_iter()
        .chain([refuses])
    {
        let report = ladder([wrong, plain(), Twisted::right("cpu")]).climb(&bundled());
        let report = report.unwrap().report;
        assert!(report.rungs[1].tried.passed_ms().is_some(), "{report}");
        assert!(report.rungs[2].tried.passed_ms().is_some(), "{report}");
        assert!([Some(1), Some(2)].contains(&report.kept), "{report}");
    }
}

#[test]
fn stand_ins_follow_each_other_until_one_is_right() {
    let stand_in = |name, twist| Twisted {
        stands_in: true,
        ..Twisted::new(name, twist)
    };
    let [(_, wrong), ..] = FAULTS;
    let right: Twist = |_, _| Ok(());
    let tried = |twists: [Twist; 3]| {
        let [f16, whole, plainest] = twists;
        let rungs = [
            Twisted::new("gpu", f16),
            stand_in("gpu, rows in 32 bits", whole),
            stand_in("gpu, plainest kernels", plainest),
        ];
        let report = ladder(rungs).climb(&bundled()).unwrap().report;
        let tried = report.rungs.iter();
        let tried: Vec<bool> = tried.map(|rung| rung.tried != Tried::Spared).collect();
        (report.kept, tried)
    };
    assert_eq!(tried([right; 3]), (Some(0), vec![true, false, false]));
    assert_eq!(
        tried([wrong, right, right]),
        (Some(1), vec![true, true, false])
    );
    assert_eq!(tried([wrong, wrong, right]), (Some(2), vec![true; 3]));
}

/// The kernels found by trial, those of them that keep rows whole where there are others, the plainest.
#[test]
fn each_gpu_is_followed_by_what_asks_less_of_it() {
    let names = |rungs: Vec<Box<dyn Rung>>| -> Vec<(String, bool)> {
        let named = |rung: Box<dyn Rung>| (rung.name(), rung.stands_in());
        rungs.into_iter().map(named).collect()
    };
    for autotune in [true, false] {
        let expected = GpuRung::all(autotune).into_iter().flat_map(|gpu| {
            let has_f16 = gpu.description().features.contains(&"shader-f16");
            let whole = (autotune && has_f16).then_some(", rows in 32 bits");
            let stand_ins = whole.into_iter().chain([", plainest kernels"]);
            let stand_ins = stand_ins.map(|less| (gpu.name() + less, true));
            let all: Vec<_> = std::iter::once((gpu.name(), false))
                .chain(stand_ins)
                .collect();
            all
        });
        let expected: Vec<_> = expected.collect();
        assert_eq!(names(all_gpus(autotune)), expected);
        let skipped = std::env::var_os("MIMLET_GPU").is_some_and(|value| value == "skip");
        assert!(skipped || !expected.is_empty(), "there is no GPU");
    }
}

#[test]
fn where_nothing_passes_each_reason_is_given_and_nothing_runs() {
    let [(name, twist), ..] = FAULTS;
    let refuses = Twisted::new("other", |_, _| Err("no such device".into()));
    let error = Session::on(file(), ladder([Twisted::new(name, twist), refuses])).unwrap_err();
    assert!(matches!(error, SessionError::NothingPasses(_)));
    let text = error.to_string();
    assert!(
        text.contains("returns zeros: FAILED: lowest feature cosine"),
        "{text}"
    );
    assert!(
        text.contains("other: broken: other: no such device"),
        "{text}"
    );
}

#[test]
fn a_wrong_image_is_the_image_s_fault_and_the_session_lives_on() {
    let mut session = Session::on(file(), ladder([Twisted::right("cpu")])).unwrap();
    let error = session.encode_pixels(&[0; 3]).unwrap_err().to_string();
    assert!(error.contains("not 3: resize and crop first"), "{error}");
    let image = golden_images(&bundled())[0];
    assert!(session.encode_pixels(image).is_ok());
}
