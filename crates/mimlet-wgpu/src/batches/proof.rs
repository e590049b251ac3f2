//! Whether images together are encoded to what each of them is alone.

use mimlet_runtime::Encoding;

/// The share of the squares of an image's features that rounding may change, where another kernel took
/// over: features 3 % off. Those of two images differ by as much as they are.
const NEAR: f64 = 1e-3;

/// The share of tokens that may be ties.
const TIES: usize = 50;

/// Whether each image was encoded to the same features and tokens, but for rounding. NaN is near nothing.
pub(super) fn agree(together: &[Encoding], alone: &[Encoding]) -> bool {
    let pairs = || together.iter().zip(alone);
    let tokens = pairs().flat_map(|(t, a)| t.tokens.iter().zip(&a.tokens));
    let others = tokens.clone().filter(|(t, a)| t != a).count();
    others * TIES <= tokens.count() && pairs().all(|(together, alone)| near(together, alone))
}

fn near(together: &Encoding, alone: &Encoding) -> bool {
    let features = |e: &Encoding| {
        e.class
            .iter()
            .chain(&e.patches)
            .copied()
            .collect::<Vec<f32>>()
    };
    let distances = |e: &Encoding| e.distances.iter().chain(&e.margins).copied().collect();
    is_near(&features(together), &features(alone)) && {
        let [together, alone]: [Vec<f32>; 2] = [distances(together), distances(alone)];
        is_near(&together, &alone)
    }
}

fn is_near(values: &[f32], expected: &[f32]) -> bool {
    let (mut change, mut size) = (0.0, 0.0);
    for (&value, &expected) in values.iter().zip(expected) {
        let (value, expected) = (f64::from(value), f64::from(expected));
        change += (value - expected) * (value - expected);
        size += expected * expected;
    }
    change <= NEAR * size
}

#[cfg(test)]
mod tests {
    use super::agree;
    use mimlet_runtime::Encoding;

    fn encodings() -> Vec<Encoding> {
        let image = |index: usize| Encoding {
            class: vec![1.0 + index as f32; 8],
            patches: (0..80).map(|i| (i % (7 + index)) as f32 - 3.0).collect(),
            tokens: (0..50).map(|i| i + index as u32).collect(),
            margins: vec![0.5; 50],
            distances: vec![2.0; 50],
        };
        (0..2).map(image).collect()
    }

    #[test]
    fn rounding_and_a_tie_are_let_pass() {
        let alone = encodings();
        let mut together = alone.clone();
        assert!(agree(&together, &alone));
        together[1].patches.iter_mut().for_each(|v| *v *= 1.01);
        together[0].tokens[3] += 1;
        together[1].tokens[7] += 1;
        assert!(agree(&together, &alone));
        together[1].tokens[8] += 1;
        assert!(!agree(&together, &alone));
    }

    #[test]
    fn another_image_s_features_a_nan_or_a_wrong_distance_are_not() {
        let alone = encodings();
        let faults: [fn(&mut Vec<Encoding>); 5] = [
            |e| e.swap(0, 1),
            |e| e[1].patches = e[0].patches.clone(),
            |e| e[1].class[0] = f32::NAN,
            |e| e[0].distances[0] = 40.0,
            |e| e[1].patches.fill(0.0),
        ];
        for fault in faults {
            let mut together = alone.clone();
            fault(&mut together);
            assert!(!agree(&together, &alone));
        }
    }
}
