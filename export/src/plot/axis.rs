//! Scales from values to coordinates, with ticks at round values.

/// A linear scale.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    /// Value at `from`.
    min: f64,
    /// Value at `to`.
    max: f64,
    /// Coordinates of the ends.
    pub(super) from: f64,
    pub(super) to: f64,
    /// Round values.
    pub(super) ticks: Vec<f64>,
    /// Decimals that tell the ticks apart.
    pub(super) decimals: usize,
}

impl Axis {
    /// From `min` to `max` rounded outwards to ticks, about `wanted` of them (Heckbert 1990, "Nice
    /// numbers for graph labels").
    pub(super) fn rounded([min, max]: [f64; 2], [from, to]: [f64; 2], wanted: usize) -> Self {
        let (min, max) = if min.is_finite() && max > min {
            (min, max)
        } else {
            (0.0, 1.0)
        };
        let step = nice((max - min) / wanted.max(1) as f64);
        let (first, last) = (
            (min / step + 1e-9).floor() as i64,
            (max / step - 1e-9).ceil() as i64,
        );
        let ticks: Vec<f64> = (first..=last).map(|index| index as f64 * step).collect();
        Self {
            min: first as f64 * step,
            max: last as f64 * step,
            from,
            to,
            ticks,
            decimals: (-step.log10() - 1e-9).ceil().max(0.0) as usize,
        }
    }

    /// As [`rounded`](Self::rounded), but ending at `max` itself.
    pub(super) fn up_to(max: f64, ends: [f64; 2], wanted: usize) -> Self {
        let mut axis = Self::rounded([0.0, max], ends, wanted);
        if max > 0.0 {
            axis.max = max;
            axis.ticks.retain(|tick| *tick <= max);
        }
        axis
    }

    /// The coordinate of a value; values beyond the ends are put there.
    pub(super) fn place(&self, value: f64) -> f64 {
        let share = ((value - self.min) / (self.max - self.min)).clamp(0.0, 1.0);
        self.from + share * (self.to - self.from)
    }

    /// A tick as text.
    pub(super) fn name(&self, tick: f64) -> String {
        format!("{tick:.*}", self.decimals)
    }
}

/// 1, 2 or 5 times a power of ten, about `step`.
fn nice(step: f64) -> f64 {
    let power = libm::pow(10.0, step.log10().floor());
    let factor = match step / power {
        share if share < 1.5 => 1.0,
        share if share < 3.5 => 2.0,
        share if share < 7.5 => 5.0,
        _ => 10.0,
    };
    factor * power
}

#[cfg(test)]
mod tests {
    use super::Axis;

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        let axis = Axis::rounded([0.9871, 0.9994], [0.0, 100.0], 5);
        let names: Vec<String> = axis.ticks.iter().map(|tick| axis.name(*tick)).collect();
        assert_eq!(names.first().unwrap(), "0.986");
        assert_eq!(names.last().unwrap(), "1.000");
        assert_eq!(axis.place(0.986), 0.0);
        assert!((axis.place(1.0) - 100.0).abs() < 1e-9);
        let flat = Axis::rounded([3.0, 3.0], [0.0, 1.0], 4);
        assert!(flat.place(3.0).is_finite());
    }

    #[test]
    fn an_axis_up_to_a_value_ends_there() {
        let axis = Axis::up_to(7.3, [0.0, 73.0], 5);
        assert!((axis.place(7.3) - 73.0).abs() < 1e-9);
        assert_eq!(axis.ticks, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    }
}
