//! Which layers are worth more bytes.

use crate::quantize::Variant;

/// What a layer costs in one precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    /// Bytes in the file.
    pub(super) bytes: u64,
    /// Damage to the features.
    pub(super) error: f64,
}

impl Cost {
    pub(super) fn of(variant: &Variant) -> Self {
        Self {
            bytes: variant.bytes(),
            error: variant.report.feature_error.unwrap_or(0.0),
        }
    }
}

/// Which variant of each layer: indices into their variants, narrowest first.
pub(super) type Pick = Vec<usize>;

/// Picks from all narrowest on, each with the one layer widened that spares most error for its
/// bytes, until no widening spares any. Errors of layers add up as far as they are small and
/// independent, so this walks along the lower edge of size against error (a greedy solution of the
/// multiple-choice knapsack; HAWQ-V2: Dong et al. 2020, arXiv 1911.03852, orders layers alike).
///
/// Of equal ones the first layer is widened.
pub(super) fn widenings(layers: &[Vec<Cost>]) -> Vec<Pick> {
    let mut pick = vec![0; layers.len()];
    let mut picks = vec![pick.clone()];
    while let Some((layer, wider)) = best_widening(layers, &pick) {
        pick[layer] = wider;
        picks.push(pick.clone());
    }
    picks
}

fn best_widening(layers: &[Vec<Cost>], pick: &[usize]) -> Option<(usize, usize)> {
    let mut best = None;
    let mut best_gain = 0.0;
    for (layer, (costs, &now)) in layers.iter().zip(pick).enumerate() {
        for (wider, cost) in costs.iter().enumerate().skip(now + 1) {
            let spared = costs[now].error - cost.error;
            let bytes = cost.bytes.saturating_sub(costs[now].bytes).max(1);
            let gain = spared / bytes as f64;
            if gain > best_gain {
                best_gain = gain;
                best = Some((layer, wider));
            }
        }
    }
    best
}

/// Bytes of a pick.
pub(super) fn bytes(layers: &[Vec<Cost>], pick: &[usize]) -> u64 {
    let costs = layers.iter().zip(pick);
    costs.map(|(costs, &index)| costs[index].bytes).sum()
}

/// The pick with the smallest error within a budget for the layers' bytes: as far along the
/// widenings as it reaches, and from there whatever single widenings still fit, best first.
/// `None` when not even the narrowest fits.
pub(super) fn within(layers: &[Vec<Cost>], budget: u64) -> Option<Pick> {
    let picks = widenings(layers);
    let mut pick = picks
        .into_iter()
        .take_while(|pick| bytes(layers, pick) <= budget)
        .last()?;
    loop {
        let left = budget - bytes(layers, &pick);
        let affordable: Vec<Vec<Cost>> = layers
            .iter()
            .zip(&pick)
            .map(|(costs, &now)| {
                let most = costs[now].bytes + left;
                let fits = costs.iter().take_while(|cost| cost.bytes <= most);
                fits.copied().collect()
            })
            .collect();
        match best_widening(&affordable, &pick) {
            Some((layer, wider)) => pick[layer] = wider,
            None => return Some(pick),
        }
    }
}

/// The first of `picks` that is good enough, if the last is; found by halving, so that few are
/// tried. With a measure that does not grow steadily it is one good enough pick, not surely the
/// first.
///
/// # Errors
/// What `is_enough` says.
pub(super) fn first_enough<E>(
    picks: &[Pick],
    mut is_enough: impl FnMut(&Pick) -> Result<bool, E>,
) -> Result<Option<&Pick>, E> {
    let Some(last) = picks.last() else {
        return Ok(None);
    };
    let (mut low, mut high) = (0, picks.len() - 1);
    let mut found = None;
    while low < high {
        let middle = (low + high) / 2;
        if is_enough(&picks[middle])? {
            (high, found) = (middle, Some(&picks[middle]));
        } else {
            low = middle + 1;
        }
    }
    if found.is_some() {
        return Ok(found);
    }
    Ok(is_enough(last)?.then_some(last))
}

#[cfg(test)]
mod tests {
    use super::{Cost, bytes, first_enough, widenings, within};
    use proptest::prelude::*;

    fn cost(bytes: u64, error: f64) -> Cost {
        Cost { bytes, error }
    }

    #[test]
    fn layers_are_widened_in_the_order_of_what_their_bytes_spare() {
        let layers = vec![
            vec![cost(10, 4.0), cost(20, 1.0), cost(40, 0.9)],
            vec![cost(10, 9.0), cost(20, 2.0), cost(40, 0.0)],
            vec![cost(1, 0.1), cost(2, 0.2)],
        ];
        let picks = widenings(&layers);
        let expected: [&[usize]; 5] = [&[0, 0, 0], &[0, 1, 0], &[1, 1, 0], &[1, 2, 0], &[2, 2, 0]];
        assert_eq!(picks, expected);
        assert_eq!(within(&layers, 20), None);
        assert_eq!(within(&layers, 40).unwrap(), [0, 1, 0]);
        assert_eq!(within(&layers, 41).unwrap(), [1, 1, 0]);
        assert_eq!(bytes(&layers, &[1, 1, 0]), 41);
    }

    proptest! {
        #[test]
        fn a_budget_is_kept_and_more_of_it_never_costs_error(
            sizes in proptest::collection::vec((1_u64..50, 0.0_f64..10.0, 0.0_f64..10.0), 1..12),
            budget in 0_u64..2000,
        ) {
            let layers: Vec<Vec<Cost>> = sizes
                .iter()
                .map(|&(size, a, b)| {
                    vec![cost(size, a.max(b)), cost(2 * size, a.min(b)), cost(4 * size, 0.0)]
                })
                .collect();
            let least: u64 = sizes.iter().map(|(size, ..)| size).sum();
            match within(&layers, budget) {
                None => prop_assert!(budget < least),
                Some(pick) => {
                    prop_assert!(bytes(&layers, &pick) <= budget);
                    let error = |pick: &[usize]| -> f64 {
                        layers.iter().zip(pick).map(|(costs, &i)| costs[i].error).sum()
                    };
                    let narrowest = vec![0; layers.len()];
                    prop_assert!(error(&pick) <= error(&narrowest));
                    if budget >= 4 * least {
                        prop_assert_eq!(error(&pick), 0.0);
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_good_enough_is_found_in_few_trials() {
        let picks: Vec<Vec<usize>> = (0..100).map(|i| vec![i]).collect();
        for first in [0, 1, 37, 98, 99] {
            let mut trials = 0;
            let found = first_enough(&picks, |pick| {
                trials += 1;
                Ok::<_, ()>(pick[0] >= first)
            });
            assert_eq!(found.unwrap().unwrap()[0], first);
            assert!(trials <= 8, "{trials}");
        }
        assert_eq!(first_enough(&picks, |_| Ok::<_, ()>(false)).unwrap(), None);
    }
}
