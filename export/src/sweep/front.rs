//! The Pareto front: what nothing else beats.

/// A trade: what it costs, less being better, and what it gives, more being better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Trade {
    pub(crate) cost: f64,
    pub(crate) quality: f64,
}

impl Trade {
    /// Whether this is at least as good on both counts and better on one.
    fn beats(self, other: Self) -> bool {
        self.cost <= other.cost
            && self.quality >= other.quality
            && (self.cost < other.cost || self.quality > other.quality)
    }
}

/// Which of the trades are on the front: those that no other beats. Equal ones are all on it or all
/// off it; one that is not finite is off, and beats none.
pub(crate) fn front(trades: &[Trade]) -> Vec<bool> {
    let is_finite = |trade: &Trade| trade.cost.is_finite() && trade.quality.is_finite();
    let on = |trade: &Trade| {
        is_finite(trade)
            && !trades
                .iter()
                .any(|other| is_finite(other) && other.beats(*trade))
    };
    trades.iter().map(on).collect()
}

#[cfg(test)]
mod tests {
    use super::{Trade, front};
    use proptest::prelude::*;

    /// By another route: from the cheapest on, whatever is better than all that costs less, and of
    /// one cost only the best.
    fn by_sorting(trades: &[Trade]) -> Vec<bool> {
        let mut order: Vec<usize> = (0..trades.len()).collect();
        order.sort_by(|&a, &b| trades[a].cost.total_cmp(&trades[b].cost));
        let mut on = vec![false; trades.len()];
        let mut best = f64::NEG_INFINITY;
        for group in order.chunk_by(|&a, &b| trades[a].cost == trades[b].cost) {
            let qualities = group.iter().map(|&index| trades[index].quality);
            let finest = qualities.fold(f64::NEG_INFINITY, f64::max);
            if finest > best {
                for &index in group {
                    on[index] = trades[index].quality == finest;
                }
                best = finest;
            }
        }
        on
    }

    proptest! {
        #[test]
        fn nothing_beaten_is_on_the_front_and_nothing_else_is_missing(
            // Few values, so that ties are common.
            numbers in proptest::collection::vec((0_u8..6, 0_u8..6), 0..12),
        ) {
            let trades: Vec<Trade> = numbers
                .iter()
                .map(|&(cost, quality)| Trade { cost: cost.into(), quality: quality.into() })
                .collect();
            prop_assert_eq!(front(&trades), by_sorting(&trades));
            prop_assert_eq!(front(&trades).iter().any(|on| *on), !trades.is_empty());
        }
    }

    #[test]
    fn what_is_no_number_is_off_the_front_and_beats_nothing() {
        let trade = |cost, quality| Trade { cost, quality };
        let trades = [trade(1.0, f64::NAN), trade(2.0, 0.5), trade(f64::NAN, 2.0)];
        assert_eq!(front(&trades), [false, true, false]);
    }
}
