//! Sums over sixteen lanes, in one order on every machine.

/// `sum(f(x))`: sixteen running sums, then a tree over them. The order is that of a 16-lane
/// register whatever the machine's width, so each SIMD level gives the same bits.
#[inline(always)]
pub(crate) fn sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let chunks = values.chunks_exact(16);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += f(value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += f(value);
    }
    fold(lanes, |a, b| a + b)
}

/// The largest value of `f(x)`, or `start` when that is larger. NaN is passed over.
#[inline(always)]
pub(crate) fn max(start: f32, values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [start; 16];
    let chunks = values.chunks_exact(16);
    let rest = chunks.remainder();
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, f(value));
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = larger(*lane, f(value));
    }
    fold(lanes, larger)
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
