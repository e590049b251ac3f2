//! TCAS and NMI against hand-worked and independently computed values, and against the definition.

use mimlet_tcas::{CountsError, ImageTokens, TokenClassCounts, reference, shuffled_tcas};
use proptest::prelude::*;

fn counts(rows: &[Vec<u64>]) -> TokenClassCounts {
    TokenClassCounts::from_rows(rows).unwrap()
}

fn tcas(rows: &[Vec<u64>]) -> f64 {
    counts(rows).tcas().unwrap()
}

/// `tokens` rows whose class counts are `cell(token, class)`.
fn matrix(tokens: usize, classes: usize, cell: impl Fn(usize, usize) -> u64) -> Vec<Vec<u64>> {
    (0..tokens)
        .map(|token| (0..classes).map(|class| cell(token, class)).collect())
        .collect()
}

#[test]
fn agrees_with_independently_computed_cases() {
    let cases: serde_json::Value =
        serde_json::from_str(include_str!("fixtures/tcas_cases.json")).unwrap();
    let cases = cases.as_object().unwrap();
    assert_eq!(cases.len(), 6);
    for (name, case) in cases {
        let rows: Vec<Vec<u64>> = serde_json::from_value(case["R"].clone()).unwrap();
        let expected = case["tcas"].as_f64().unwrap();
        let found = tcas(&rows);
        assert!(
            (found - expected).abs() <= 1e-9,
            "{name}: {found} is not {expected}"
        );
    }
}

/// The worked table of TCAS.md, 100 classes.
#[test]
fn worked_table_holds() {
    let pure = matrix(100, 100, |token, class| u64::from(token == class));
    assert_eq!(tcas(&pure), 0.0);
    let uniform = matrix(50, 100, |_, _| 3);
    assert!((tcas(&uniform) - 0.980198).abs() < 1e-12); // 0.99^2 + 49/50 * 0.01^2
    let two_classes = matrix(50, 100, |token, class| u64::from(class / 2 == token));
    assert!((tcas(&two_classes) - 0.25).abs() < 1e-12);
    // Off-diagonal: three of the other 399 tokens share the class; 3/400 = 0.0075.
    let four_per_class = matrix(400, 100, |token, class| u64::from(token / 4 == class));
    assert!((tcas(&four_per_class) - 0.0075).abs() < 1e-12);
    let half_own = matrix(
        100,
        100,
        |token, class| if token == class { 101 } else { 1 },
    );
    assert!((tcas(&half_own) - 0.5514).abs() < 5e-5);
    // Two classes that only share tokens: each token is a fair coin.
    let unpaired = matrix(20, 2, |_, _| 7);
    assert!((tcas(&unpaired) - (0.25 + 19.0 / 20.0 * 0.25)).abs() < 1e-12);
}

#[test]
fn zero_only_for_pure_tokens_of_distinct_classes() {
    let zero = |rows: &[Vec<u64>]| tcas(rows) == 0.0;
    // More classes than tokens, more tokens than classes, counts that are no binary fractions.
    assert!(zero(
        &matrix(3, 7, |token, class| 13 * u64::from(class == 2 * token))
    ));
    assert!(zero(&matrix(40, 7, |token, class| 3 * u64::from(
        token == class
    ))));
    assert!(zero(&[vec![u64::MAX]]));
    // One stray patch in a million.
    assert!(!zero(&[vec![1_000_000, 1], vec![0, 9]]));
    assert!(!zero(&[vec![5, 0], vec![1, 0]]));
}

#[test]
fn large_matrix_agrees_with_the_definition() {
    let rows = matrix(300, 41, |token, class| {
        ((token * 7919 + class * 104_729) % 97 / 60) as u64
    });
    let counts = counts(&rows);
    let expected = reference::tcas(&counts).unwrap();
    assert!((counts.tcas().unwrap() - expected).abs() < 1e-12);
}

#[test]
fn no_patch_has_no_score() {
    let counts = TokenClassCounts::new(4, 3).unwrap();
    assert_eq!((counts.tcas(), counts.nmi()), (None, None));
    assert_eq!(reference::tcas(&counts), None);
    assert_eq!((counts.used_tokens(), counts.patches()), (0, 0));
}

/// Values from scikit-learn's formula, worked by hand.
#[test]
fn nmi_is_normalised_by_the_arithmetic_mean() {
    let nmi = |rows: &[Vec<u64>]| counts(rows).nmi().unwrap();
    assert!((nmi(&matrix(5, 5, |token, class| 4 * u64::from(token == class))) - 1.0).abs() < 1e-12);
    assert!(nmi(&matrix(3, 4, |_, _| 5)) < 1e-12);
    assert_eq!(nmi(&[vec![9]]), 1.0);
    // Four pure tokens over two classes: I = ln 2, entropies 2 ln 2 and ln 2, so 1 / 1.5. The
    // geometric mean would give 0.707, the minimum 1.
    let split = matrix(4, 2, |token, class| 6 * u64::from(token / 2 == class));
    assert!((nmi(&split) - 2.0 / 3.0).abs() < 1e-12);
    // [[3, 1], [1, 3]] over 8 patches: I = ln 2 - H(1/4).
    let binary: f64 = -(0.25f64 * 0.25f64.ln() + 0.75 * 0.75f64.ln());
    let expected = (2f64.ln() - binary) / 2f64.ln();
    assert!((nmi(&[vec![3, 1], vec![1, 3]]) - expected).abs() < 1e-12);
}

fn labelled_images() -> Vec<ImageTokens> {
    (0..60)
        .map(|image| ImageTokens {
            tokens: (0..16).map(|patch| 2 * (image % 5) + patch % 2).collect(),
            class: image % 5,
        })
        .collect()
}

#[test]
fn shuffled_labels_score_near_the_uniform_value_and_repeat() {
    let images = labelled_images();
    let run = |seed| shuffled_tcas(&images, 10, 5, 8, seed).unwrap().unwrap();
    let mut truth = TokenClassCounts::new(10, 5).unwrap();
    for image in &images {
        truth.add_tokens(&image.tokens, image.class).unwrap();
    }
    assert!((truth.tcas().unwrap() - 0.1).abs() < 1e-12);
    // Uniform tokens would give 0.8^2 + 0.9 * 0.2^2 = 0.676; 12 images a token leave some slack.
    assert!((run(3) - 0.676).abs() < 0.12, "{}", run(3));
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

#[test]
fn shuffled_refuses_what_counting_refuses() {
    let images = labelled_images();
    assert_eq!(shuffled_tcas(&images, 10, 5, 0, 1), Ok(None));
    assert_eq!(shuffled_tcas(&[], 10, 5, 2, 1), Ok(None));
    assert!(matches!(
        shuffled_tcas(&images, 9, 5, 2, 1),
        Err(CountsError::Token { .. })
    ));
    assert!(matches!(
        shuffled_tcas(&images, 10, 4, 2, 1),
        Err(CountsError::Class { .. })
    ));
}

/// Rows of counts, tall and wide, with empty rows and columns.
fn any_rows() -> impl Strategy<Value = Vec<Vec<u64>>> {
    let cell = prop_oneof![3 => Just(0u64), 2 => 0..20u64, 1 => any::<u32>().prop_map(u64::from)];
    (1usize..24, 1usize..24).prop_flat_map(move |(tokens, classes)| {
        prop::collection::vec(prop::collection::vec(cell.clone(), classes), tokens)
    })
}

proptest! {
    #[test]
    fn fast_tcas_equals_the_definition(rows in any_rows()) {
        let counts = counts(&rows);
        match (counts.tcas(), reference::tcas(&counts)) {
            (Some(fast), Some(slow)) => {
                prop_assert!((fast - slow).abs() < 1e-12, "{} {}", fast, slow);
                prop_assert!((0.0..=1.0).contains(&fast));
            }
            (fast, slow) => prop_assert_eq!(fast, slow),
        }
        prop_assert!(counts.nmi().is_none_or(|nmi| (0.0..=1.0).contains(&nmi)));
    }

    #[test]
    fn names_of_tokens_and_classes_do_not_matter(
        (rows, order) in any_rows().prop_flat_map(|rows| {
            let order: Vec<usize> = (0..rows.len()).collect();
            (Just(rows), Just(order).prop_shuffle())
        }),
        turn in 0usize..24,
    ) {
        let moved: Vec<Vec<u64>> = order
            .iter()
            .map(|&token| {
                let mut row = rows[token].clone();
                let by = turn % row.len();
                row.rotate_left(by);
                row
            })
            .collect();
        let (before, after) = (counts(&rows), counts(&moved));
        let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-12,
            (a, b) => a == b,
        };
        // To the last bit: TCAS.md, "In whole numbers".
        prop_assert_eq!(before.tcas().map(f64::to_bits), after.tcas().map(f64::to_bits));
        prop_assert!(close(before.nmi(), after.nmi()));
        prop_assert_eq!(before.used_tokens(), after.used_tokens());
    }

    #[test]
    fn scale_does_not_matter(rows in any_rows(), factor in 1u64..1000) {
        let scaled: Vec<Vec<u64>> = rows
            .iter()
            .map(|row| row.iter().map(|count| count * factor).collect())
            .collect();
        let (a, b) = (counts(&rows).tcas(), counts(&scaled).tcas());
        prop_assert!(a.zip(b).is_none_or(|(a, b)| (a - b).abs() < 1e-12));
    }
}
