//! The fused operations against plain f64, against finite differences of it, and against burn's
//! own operations.

mod composed;
mod kernels;
mod oracle;

/// Numbers between -1 and 1 that only `seed` decides.
fn noise(seed: u64, count: usize) -> Vec<f32> {
    let mut random = crate::random::Stream::new(&[0x6675_7365, seed]);
    (0..count).map(|_| random.range(-1.0, 1.0)).collect()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// The first disagreement beyond `tolerance`, relative to the largest expected magnitude.
fn disagreement(found: &[f32], expected: &[f64], tolerance: f64) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{} values, not {}", found.len(), expected.len()));
    }
    let scale = expected.iter().fold(1e-3, |top: f64, e| top.max(e.abs()));
    let wrong = |&(_, (&found, &expected)): &(usize, (&f32, &f64))| {
        let error = (f64::from(found) - expected).abs();
        error.is_nan() || error > tolerance * scale
    };
    let (at, (found, expected)) = found.iter().zip(expected).enumerate().find(wrong)?;
    Some(format!("value {at} is {found}, not {expected}"))
}

#[test]
fn the_comparer_sees_planted_errors() {
    let found = noise(0, 100);
    let expected = wide(&found);
    assert_eq!(disagreement(&found, &expected, 1e-5), None);
    for planted in [found[40] + 1e-4, f32::NAN, f32::INFINITY] {
        let mut wrong = found.clone();
        wrong[40] = planted;
        let message = disagreement(&wrong, &expected, 1e-5).unwrap();
        assert!(message.starts_with("value 40 "), "{message}");
    }
    assert!(disagreement(&found[1..], &expected, 1e-5).is_some());
}
