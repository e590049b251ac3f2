//! The error that a migration is expected to leave, kept up to date while channels change one by one.

use super::feedback::Grid;
use super::inputs::Inputs;

/// Steps of a byte to either side of a row's middle.
const BYTE: f64 = 127.0;

/// Rows of inputs, evenly taken, whose ranges stand for all.
const ROWS: usize = 512;

/// Share of the weights' rounding error that error feedback leaves, as a guess that serves: with 1 the
/// features of digits-tiny in int8 are 4 % further from the float model's, with 0.1 they are 3 % nearer,
/// but in int4 2 % further; those of shapes-tiny stay within 1 %.
const LEFT_OF_WEIGHTS: f64 = 0.3;

/// Mean square error of a row of outputs, but for a constant factor: rounding to steps of d leaves
/// d^2/12 on a value, on inputs through the weights and on weights through the inputs, whose mean the
/// bias makes good and most of whose rest feedback does.
pub(super) struct Expected {
    /// Of the rows: one group.
    inputs: Ranges,
    /// Of the weights' magnitudes, in the grid's groups.
    weights: Ranges,
    /// Of each channel: sum of squares of its weights, and variance of its inputs, by these factors.
    powers: Vec<(f64, f64)>,
    /// Sum of the weights' powers over all channels, and of the inputs' over each of the grid's groups.
    through: (f64, Vec<f64>),
    /// A squared range of a row, and of weights, to their share of the error.
    scales: [f64; 2],
}

impl Expected {
    /// Inputs `[rows, inputs]` divided by the factors, rounded to bytes row by row, and weights
    /// `[outputs, inputs]` multiplied by them, rounded to the grid.
    pub(super) fn new(rows: &[f32], weight: &[f32], factors: &[f32], grid: &Grid) -> Self {
        let columns = factors.len();
        let step = (rows.len() / columns).div_ceil(ROWS).max(1);
        let taken: Vec<&[f32]> = rows.chunks_exact(columns).step_by(step).collect();
        let outputs: Vec<&[f32]> = weight.chunks_exact(columns).collect();
        let count = taken.len().max(1) as f64;
        let variance = Inputs::of(rows, columns, false).variance;
        let powers = column_powers(weight, columns).into_iter().zip(variance);
        let powers = powers.zip(factors).map(|((power, variance), &factor)| {
            let square = f64::from(factor).powi(2);
            (power * square, f64::from(variance) / square)
        });
        let powers: Vec<(f64, f64)> = powers.collect();
        let groups = powers.chunks(grid.group);
        let of_groups = groups.map(|group| group.iter().map(|(_, inputs)| inputs).sum());
        Self {
            inputs: Ranges::new(&taken, columns, |row, j| row[j] / factors[j]),
            weights: Ranges::new(&outputs, grid.group, |row, j| (row[j] * factors[j]).abs()),
            through: (
                powers.iter().map(|(weights, _)| weights).sum(),
                of_groups.collect(),
            ),
            powers,
            scales: [
                (0.5 / BYTE).powi(2) / count,
                LEFT_OF_WEIGHTS / f64::from(grid.high).powi(2),
            ],
        }
    }

    /// The error now.
    pub(super) fn error(&self) -> f64 {
        let groups = self.weights.powers.iter().zip(&self.through.1);
        let weights: f64 = groups.map(|(ranges, through)| ranges * through).sum();
        self.scales[0] * self.inputs.powers[0] * self.through.0 + self.scales[1] * weights
    }

    /// What one channel's factor this many times as large would add to the error.
    pub(super) fn change_with(&self, channel: usize, times: f32) -> f64 {
        let group = channel / self.weights.group;
        let (through_weights, through_inputs) = self.through_with(channel, times);
        let inputs = self.inputs.power_with(channel, 1.0 / times) * through_weights
            - self.inputs.powers[0] * self.through.0;
        let weights = self.weights.power_with(channel, times) * through_inputs
            - self.weights.powers[group] * self.through.1[group];
        self.scales[0] * inputs + self.scales[1] * weights
    }

    /// Makes one channel's factor this many times as large.
    pub(super) fn multiply(&mut self, channel: usize, times: f32) {
        let group = channel / self.weights.group;
        (self.through.0, self.through.1[group]) = self.through_with(channel, times);
        let square = f64::from(times).powi(2);
        let (weights, inputs) = self.powers[channel];
        self.powers[channel] = (weights * square, inputs / square);
        self.inputs.multiply(channel, 1.0 / times);
        self.weights.multiply(channel, times);
    }

    /// The two sums with one channel's factor this many times as large: that of its group is the second.
    fn through_with(&self, channel: usize, times: f32) -> (f64, f64) {
        let square = f64::from(times).powi(2);
        let (weights, inputs) = self.powers[channel];
        let group = self.through.1[channel / self.weights.group];
        (
            self.through.0 + weights * (square - 1.0),
            group + inputs * (1.0 / square - 1.0),
        )
    }
}

/// A matrix cut into segments of some columns of a row, and the range of each.
struct Ranges {
    /// Columns of a segment, but for the last of a row.
    group: usize,
    rows: usize,
    /// `[columns, rows]`: what is asked for is a column of all rows.
    values: Vec<f32>,
    /// `[groups, rows]`.
    extremes: Vec<Extremes>,
    /// Of each group: sum of its squared ranges over the rows.
    powers: Vec<f64>,
}

impl Ranges {
    fn new(matrix: &[&[f32]], group: usize, value: impl Fn(&[f32], usize) -> f32) -> Self {
        let (rows, columns) = (matrix.len(), matrix.first().map_or(0, |row| row.len()));
        let column = |j| matrix.iter().map(move |row| (row, j));
        let values = (0..columns).flat_map(column).map(|(row, j)| value(row, j));
        let groups = columns.div_ceil(group).max(1);
        let mut ranges = Self {
            group,
            rows,
            values: values.collect(),
            extremes: vec![Extremes::NONE; groups * rows],
            powers: vec![0.0; groups],
        };
        for group in 0..groups {
            (0..rows).for_each(|row| ranges.look_at(group, row));
            ranges.add_up(group);
        }
        ranges
    }

    /// Sum of the squared ranges of a column's group, with the column this many times as large.
    fn power_with(&self, column: usize, times: f32) -> f64 {
        let extremes = self.extremes_of(column / self.group).iter();
        let rows = extremes.zip(self.values_of(column));
        let ranges = rows.map(|(extremes, x)| extremes.range_with(column, x * times));
        ranges.map(|range| f64::from(range).powi(2)).sum()
    }

    fn multiply(&mut self, column: usize, times: f32) {
        let group = column / self.group;
        for row in 0..self.rows {
            let value = &mut self.values[column * self.rows + row];
            *value *= times;
            if self.extremes[group * self.rows + row].depends_on(column, *value) {
                self.look_at(group, row);
            }
        }
        self.add_up(group);
    }

    fn look_at(&mut self, group: usize, row: usize) {
        let columns = self.values.len() / self.rows;
        let mut extremes = Extremes::NONE;
        for column in group * self.group..columns.min((group + 1) * self.group) {
            extremes.add(column, self.values[column * self.rows + row]);
        }
        self.extremes[group * self.rows + row] = extremes;
    }

    fn add_up(&mut self, group: usize) {
        let ranges = self.extremes_of(group).iter().map(Extremes::range);
        self.powers[group] = ranges.map(|range| f64::from(range).powi(2)).sum();
    }

    fn extremes_of(&self, group: usize) -> &[Extremes] {
        &self.extremes[group * self.rows..][..self.rows]
    }

    fn values_of(&self, column: usize) -> &[f32] {
        &self.values[column * self.rows..][..self.rows]
    }
}

/// The two lowest and the two highest values of a segment and zero, and whose they are: a range always
/// holds zero, as a byte's does.
#[derive(Debug, Clone, Copy)]
struct Extremes {
    low: [(f32, usize); 2],
    high: [(f32, usize); 2],
}

impl Extremes {
    const NONE: Self = Self {
        low: [(0.0, usize::MAX); 2],
        high: [(0.0, usize::MAX); 2],
    };

    fn add(&mut self, column: usize, x: f32) {
        if x < self.low[0].0 {
            self.low = [(x, column), self.low[0]];
        } else if x < self.low[1].0 {
            self.low[1] = (x, column);
        }
        if x > self.high[0].0 {
            self.high = [(x, column), self.high[0]];
        } else if x > self.high[1].0 {
            self.high[1] = (x, column);
        }
    }

    fn range(&self) -> f32 {
        self.high[0].0 - self.low[0].0
    }

    /// The range if this column held `x`.
    fn range_with(&self, column: usize, x: f32) -> f32 {
        let other = |of: &[(f32, usize); 2]| of[usize::from(of[0].1 == column)].0;
        other(&self.high).max(x) - other(&self.low).min(x)
    }

    /// Whether a column is among the extremes, or would be with this value.
    fn depends_on(&self, column: usize, x: f32) -> bool {
        let among = self
            .low
            .iter()
            .chain(&self.high)
            .any(|(_, of)| *of == column);
        among || x < self.low[1].0 || x > self.high[1].0
    }
}

/// Sum of squares of each column.
fn column_powers(matrix: &[f32], columns: usize) -> Vec<f64> {
    let mut powers = vec![0.0; columns];
    for row in matrix.chunks_exact(columns) {
        for (power, &value) in powers.iter_mut().zip(row) {
            *power += f64::from(value).powi(2);
        }
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::Expected;
    use crate::quantize::{feedback::Grid, int8};
    use crate::random::Random;
    use proptest::prelude::*;

    proptest! {
        /// What is kept up to date is what would be found anew.
        #[test]
        fn a_changed_factor_gives_the_error_of_new_factors(
            seed in 0_u64..1000,
            steps in prop::collection::vec((0_usize..7, prop::bool::ANY), 1..20),
            group in 2_usize..8,
        ) {
            let mut random = Random::named(seed, "expected");
            let mut normals = |count| (0..count).map(|_| random.normal(1.0)).collect::<Vec<f32>>();
            let (rows, weight) = (normals(5 * 7), normals(3 * 7));
            let grid = Grid { group, ..int8::grid(7) };
            let mut factors = vec![1.0_f32; 7];
            let mut expected = Expected::new(&rows, &weight, &factors, &grid);
            for (channel, doubled) in steps {
                let times = if doubled { 2.0 } else { 0.5 };
                let told = expected.error() + expected.change_with(channel, times);
                factors[channel] *= times;
                expected.multiply(channel, times);
                let anew = Expected::new(&rows, &weight, &factors, &grid).error();
                prop_assert!((told / anew - 1.0).abs() < 1e-9, "told {told}, is {anew}");
                prop_assert!((expected.error() / anew - 1.0).abs() < 1e-9);
            }
        }
    }
}
