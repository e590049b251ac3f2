//! Sums over sixteen lanes, in one order on every machine.

use core::array::from_fn;
use core::hint::black_box;

/// `sum(f(x))`: sixteen running sums, then a tree over them. The order is that of a 16-lane
/// register whatever the machine's width, so each SIMD level gives the same bits.
#[inline(always)]
pub(crate) fn sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut lanes = [0.0f32; 16];
    for chunk in chunks {
        lanes = from_fn(|lane| lanes[lane] + f(chunk[lane]));
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += f(value);
    }
    // Seen whole, the tree below would have a compiler keep the running sums in pairs.
    fold(black_box(lanes), |a, b| a + b)
}

/// The largest value of `f(x)`, or `start` when that is larger. NaN is passed over.
#[inline(always)]
pub(crate) fn max(start: f32, values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut lanes = [start; 16];
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    for chunk in chunks {
        lanes = from_fn(|lane| larger(lanes[lane], f(chunk[lane])));
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = larger(*lane, f(value));
    }
    fold(black_box(lanes), larger)
}

/// Halves, quarters and so on folded onto each other. Written out: a loop over the widths would run
/// lane by lane.
#[inline(always)]
fn fold(lanes: [f32; 16], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut eight = [0.0; 8];
    for i in 0..8 {
        eight[i] = f(lanes[i], lanes[i + 8]);
    }
    let mut four = [0.0; 4];
    for i in 0..4 {
        four[i] = f(eight[i], eight[i + 4]);
    }
    f(f(four[0], four[2]), f(four[1], four[3]))
}
