//! Plans, cells and what is made of their results. Whole experiments run in `tests/cli.rs`.

use std::path::Path;

use burn::tensor::Device;

use super::cell::{Cell, CellResult};
use super::config::{Experiment, Kind};
use super::results::Results;
use super::tokens::{GroupTokens, RandomTokens};
use crate::tokenizer::Tokenizer;

const RUN: &str = r#"
[model]
image_size = 64
resize = 64
patch_size = 16
dim = 16
depth = 1
heads = 2
mlp = 32
[decoder]
dim = 16
depth = 1
heads = 2
mlp = 32
[data]
flip = true
shift = 2
[codebook]
tokens = 6
images = 20
batch = 64
passes = 1
seed = 1
[train]
seed = 1
steps = 2
batch = 10
blr = 0.01
warmup = 1
weight_decay = 0.05
clip = 1.0
mask_ratio = 0.75
checkpoint_every = 2
log_every = 1
[evaluate]
epochs = 2
[experiment]
name = "tiny"
seeds = [1, 2]
[experiment.images]
pretrain = { synth = { images = 20, seed = 1 } }
test = { synth = { images = 20, seed = 2 } }
[[experiment.tokenizer]]
kind = "pixels"
[[experiment.tokenizer]]
name = "second-round"
kind = "features"
teacher = "pixels"
[[experiment.tokenizer]]
kind = "random"
[[experiment.tokenizer]]
kind = "mae"
"#;

fn read(folder: &Path, text: &str) -> Result<Experiment, String> {
    let path = folder.join("experiment.toml");
    std::fs::write(&path, text).unwrap();
    Experiment::read(&path).map_err(|error| error.to_string())
}

#[test]
fn plans_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = read(folder.path(), RUN).unwrap();
    assert_eq!(experiment.run.evaluate.epochs, 2);
    assert_eq!(experiment.plan.baseline().unwrap().kind, Kind::Mae);
    for (from, to, reason) in [
        ("[1, 2]", "[1, 1]", "seeds"),
        ("[1, 2]", "[]", "seeds"),
        ("kind = \"random\"", "kind = \"mae\"", "a name each"),
        ("kind = \"random\"", "kind = \"chance\"", "chance"),
        ("second-round", "Second round", "a-z"),
        ("teacher = \"pixels\"", "teacher = \"mae\"", "above it"),
        ("teacher = \"pixels\"", "", "needs a teacher"),
        (
            "kind = \"mae\"",
            "kind = \"mae\"\nteacher = \"pixels\"",
            "only kind",
        ),
        (
            "name = \"tiny\"",
            "name = \"tiny\"\nbaseline = \"none\"",
            "baseline",
        ),
        (
            "kind = \"random\"",
            "kind = \"grouped-labels\"",
            "classes_together",
        ),
        (
            "kind = \"random\"",
            "kind = \"random\"\nclasses_together = 2",
            "classes_together",
        ),
        ("name = \"tiny\"", "nam = \"tiny\"", "nam"),
        ("steps = 2", "steps = 0", "train.steps"),
        ("epochs = 2", "epochs = 0", "evaluate.epochs"),
    ] {
        assert!(RUN.contains(from), "{from}");
        let error = read(folder.path(), &RUN.replacen(from, to, 1)).unwrap_err();
        assert!(error.contains(reason), "{to}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    let without = RUN.split("[experiment]").next().unwrap();
    assert!(
        read(folder.path(), without)
            .unwrap_err()
            .contains("[experiment]")
    );
}

#[test]
fn a_cell_is_what_its_configuration_and_its_teachers_are() {
    let folder = tempfile::tempdir().unwrap();
    let identities = |text: &str| -> Vec<String> {
        let experiment = read(folder.path(), text).unwrap();
        let cells = Cell::all(&experiment);
        cells.iter().map(|cell| cell.identity().unwrap()).collect()
    };
    let first = identities(RUN);
    assert_eq!(first.len(), 8);
    let mut distinct = first.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 8);
    // More seeds leave the old cells what they were; another budget, probe or set does not.
    assert_eq!(
        identities(&RUN.replace("[1, 2]", "[1, 2, 3]"))[..2],
        first[..2]
    );
    for (from, to) in [
        ("blr = 0.01", "blr = 0.02"),
        ("epochs = 2", "epochs = 3"),
        ("seed = 2 } }", "seed = 3 } }"),
    ] {
        let others = identities(&RUN.replacen(from, to, 1));
        assert!(first.iter().zip(&others).all(|(a, b)| a != b), "{to}");
    }
    // The student of another teacher is another cell.
    let other = RUN.replacen(
        "kind = \"pixels\"",
        "name = \"pixels\"\nkind = \"random\"",
        1,
    );
    let other = other.replacen("[[experiment.tokenizer]]\nkind = \"random\"\n", "", 1);
    assert_ne!(identities(&other)[2], first[2]);
}

#[test]
fn a_finished_cell_is_read_back_and_only_by_its_own_experiment() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let experiment = read(folder.path(), RUN).unwrap();
    let cells = Cell::all(&experiment);
    assert_eq!(cells[4].name(), "random-seed1");
    assert_eq!(cells[4].finished(&out).unwrap(), None);
    let result = cells[4].run(&out, &Device::flex()).unwrap();
    let kept = cells[4].finished(&out).unwrap().unwrap();
    assert_eq!((&kept.tokenizer, kept.seed), (&result.tokenizer, 1));
    assert_eq!(kept.probe.mean_patch, result.probe.mean_patch);
    assert_eq!(
        kept.probe.probes[0].score.confusion,
        result.probe.probes[0].score.confusion
    );
    let alignment = result.alignment.unwrap();
    assert_eq!((alignment.tokens, alignment.images), (6, 20));
    assert_eq!(result.probe.test_images, 20);
    let other = read(folder.path(), &RUN.replace("blr = 0.01", "blr = 0.02")).unwrap();
    let error = Cell::all(&other)[4].finished(&out).unwrap_err().to_string();
    assert!(error.contains("another configuration"), "{error}");
}

/// A result with these figures, everything else as `like`.
fn figures(like: &CellResult, name: &str, seed: u64, tcas: Option<f64>, probe: f64) -> CellResult {
    let mut cell = like.clone();
    cell.tokenizer = name.to_owned();
    cell.seed = seed;
    match tcas {
        Some(_) => {
            if let Some(alignment) = &mut cell.alignment {
                alignment.tcas = tcas;
            }
        }
        None => cell.alignment = None,
    }
    cell.probe.mean_patch = probe;
    cell
}

#[test]
fn results_are_paired_by_seed_and_ranked() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = read(folder.path(), RUN).unwrap();
    let like = Cell::all(&experiment)[4]
        .run(folder.path(), &Device::flex())
        .unwrap();
    let cells = [
        figures(&like, "pixels", 1, Some(0.60), 0.90),
        figures(&like, "pixels", 2, Some(0.62), 0.92),
        figures(&like, "second-round", 1, Some(0.50), 0.95),
        figures(&like, "random", 1, Some(0.75), 0.50),
        figures(&like, "mae", 2, None, 0.85),
        figures(&like, "mae", 1, None, 0.88),
    ];
    let results = Results::of(&experiment, &cells, "cpu");
    assert!(!results.complete);
    let ranked = &results.correlations[0];
    assert_eq!(
        (ranked.over.as_str(), ranked.accuracy.as_str()),
        ("tokenizers of equal K", "probe")
    );
    assert!((ranked.spearman.unwrap().rho + 1.0).abs() < 1e-12);
    assert_eq!(ranked.spearman.unwrap().pairs, 3);
    let pixels = &results.differences[0];
    assert_eq!(
        (pixels.tokenizer.as_str(), pixels.baseline.as_str()),
        ("pixels", "mae")
    );
    // 0.90 - 0.88 and 0.92 - 0.85, not 0.90 - 0.85.
    let difference = pixels.probe.unwrap();
    assert!((difference.mean - 0.045).abs() < 1e-12);
    assert!((difference.deviation.unwrap() - 0.05 / 2f64.sqrt()).abs() < 1e-12);
    results.write(&experiment, folder.path()).unwrap();
    let markdown = std::fs::read_to_string(folder.path().join("results.md")).unwrap();
    assert!(
        markdown.contains("Probe of pixels minus mae, points: +4.5 ["),
        "{markdown}"
    );
    assert!(markdown.contains("mae regresses pixels"), "{markdown}");
    let mae = markdown
        .lines()
        .find(|line| line.starts_with("| mae"))
        .unwrap();
    assert_eq!(
        mae.split('|').nth(3).unwrap().trim(),
        "",
        "no TCAS without tokens"
    );
    for name in ["results.json", "results.csv", "scatter.png"] {
        assert!(folder.path().join(name).is_file(), "{name}");
    }
}

#[test]
fn random_tokens_are_a_function_of_the_patch_alone() {
    let random = RandomTokens {
        tokens: 50,
        patch_dim: 3,
        seed: 1,
    };
    let patches: Vec<f32> = (0..3 * 400).map(|i| i as f32).collect();
    let tokens = random.tokenize(&patches, &[]).unwrap();
    assert_eq!(
        tokens[7],
        random.tokenize(&patches[21..24], &[]).unwrap()[0]
    );
    let mut used = tokens.clone();
    used.sort_unstable();
    used.dedup();
    assert!(used.len() > 45 && used.iter().all(|token| *token < 50));
}

#[test]
fn classes_of_a_group_share_tokens_and_others_do_not() {
    let pixels = RandomTokens {
        tokens: GroupTokens::tokens_each(64, 10, 2),
        patch_dim: 1,
        seed: 1,
    };
    let grouped = GroupTokens {
        pixels: Box::new(pixels),
        classes_together: 2,
        classes: 10,
    };
    assert_eq!(grouped.tokens(), 60);
    // The same two patches in images of four classes.
    let patches = [0.5, 0.25].repeat(4);
    let tokens = grouped.tokenize(&patches, &[0, 1, 2, 9]).unwrap();
    assert_eq!(tokens[..2], tokens[2..4], "classes 0 and 1 are together");
    assert_eq!(tokens[4], tokens[0] + 12);
    assert_eq!(tokens[6], tokens[0] + 48);
    assert!(grouped.tokenize(&patches[..2], &[10]).is_err());
}
