//! Where a value lies on a bar.

use crate::Figure;

/// The bounds of a bar's figure lie at a quarter and at three quarters of it.
const MARGIN: f64 = 0.25;

/// Where a figure lies on a bar of `width` pixels, whose [`bounds`] are marked: beyond its ends it
/// sticks to them, NaN to the last.
pub(crate) fn position(figure: &Figure<'_>, width: u32) -> u32 {
    let [low, high] = figure.bounds;
    // Bounds that are one value make every other one lie beyond an end.
    let share = (figure.value - low) / (high - low).max(f64::MIN_POSITIVE);
    let share = MARGIN + share * (1.0 - 2.0 * MARGIN);
    let share = if share.is_nan() { 1.0 } else { share };
    at(share, width)
}

/// First and last pixel within the bounds.
pub(crate) fn bounds(width: u32) -> [u32; 2] {
    [at(MARGIN, width), at(1.0 - MARGIN, width)]
}

/// The pixel at a share of a bar, 0..1.
pub(crate) fn at(share: f64, width: u32) -> u32 {
    let last = width.saturating_sub(1);
    // Saturates below 0; rounds to the nearest.
    ((share * f64::from(last) + 0.5) as u32).min(last)
}

#[cfg(test)]
mod tests {
    use super::{bounds, position};
    use crate::Figure;

    #[test]
    fn a_figure_is_inside_the_marks_exactly_when_inside_its_bounds() {
        let width = 101;
        let at = |value| {
            let figure = Figure {
                name: "",
                short: "",
                value,
                bounds: [10.0, 20.0],
            };
            position(&figure, width)
        };
        assert_eq!([at(10.0), at(20.0)], bounds(width));
        assert_eq!(at(15.0), 50);
        assert_eq!([at(-1e9), at(1e9), at(f64::NAN)], [0, 100, 100]);
        assert!(at(9.0) < bounds(width)[0] && at(21.0) > bounds(width)[1]);
    }
}
