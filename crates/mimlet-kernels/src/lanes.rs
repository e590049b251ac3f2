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
    sum_lanes(lanes)
}

/// The sum of sixteen running sums.
#[inline(always)]
pub(crate) fn sum_lanes(lanes: [f32; 16]) -> f32 {
    // Seen whole, the tree below would have a compiler keep the running sums in pairs.
    fold(black_box(lanes), |a, b| a + b)
}

/// The largest value. NaN is passed over; where there is nothing else, it is negative infinity.
#[inline(always)]
pub(crate) fn max(values: &[f32]) -> f32 {
    // More lanes than a sum has: as no order matters, they need not wait for each other. Sixteen at a
    // time, or compilers keep them in memory and store them under a mask, which AMD's machines are slow at.
    let (chunks, rest) = values.as_chunks::<64>();
    let mut lanes = [[f32::NEG_INFINITY; 16]; 4];
    for chunk in chunks {
        for (lanes, chunk) in lanes.iter_mut().zip(chunk.as_chunks::<16>().0) {
            *lanes = from_fn(|lane| larger(lanes[lane], chunk[lane]));
        }
    }
    let mut sixteen = [f32::NEG_INFINITY; 16];
    for lanes in lanes {
        sixteen = from_fn(|lane| larger(sixteen[lane], lanes[lane]));
    }
    let (chunks, rest) = rest.as_chunks::<16>();
    for chunk in chunks {
        sixteen = from_fn(|lane| larger(sixteen[lane], chunk[lane]));
    }
    for (lane, &value) in sixteen.iter_mut().zip(rest) {
        *lane = larger(*lane, value);
    }
    max_lanes(sixteen)
}

/// The largest of sixteen.
#[inline(always)]
pub(crate) fn max_lanes(lanes: [f32; 16]) -> f32 {
    fold(black_box(lanes), larger)
}

/// The largest magnitude, NaN where there is one; zero of no values. As whole numbers, the bits of
/// magnitudes are in order.
#[inline(always)]
pub(crate) fn largest_magnitude(values: &[f32]) -> f32 {
    let larger = |a: i32, b: i32| if b > a { b } else { a };
    let magnitude = |value: f32| (value.to_bits() & 0x7fff_ffff).cast_signed();
    let (chunks, rest) = values.as_chunks::<64>();
    let mut lanes = [[0; 16]; 4];
    for chunk in chunks {
        for (lanes, chunk) in lanes.iter_mut().zip(chunk.as_chunks::<16>().0) {
            *lanes = from_fn(|lane| larger(magnitude(chunk[lane]), lanes[lane]));
        }
    }
    let mut sixteen = [0; 16];
    for lanes in lanes {
        sixteen = from_fn(|lane| larger(sixteen[lane], lanes[lane]));
    }
    for (index, &value) in rest.iter().enumerate() {
        sixteen[index % 16] = larger(magnitude(value), sixteen[index % 16]);
    }
    f32::from_bits(fold(black_box(sixteen), larger).cast_unsigned())
}

/// The smallest and the largest of the values and zero. NaN is passed over.
#[inline(always)]
pub(crate) fn range(values: &[f32]) -> (f32, f32) {
    let (chunks, rest) = values.as_chunks::<32>();
    let (mut low, mut high) = ([0.0f32; 32], [0.0f32; 32]);
    for chunk in chunks {
        for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(chunk) {
            *low = smaller(*low, value);
            *high = larger(*high, value);
        }
    }
    for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(rest) {
        *low = smaller(*low, value);
        *high = larger(*high, value);
    }
    let low = from_fn(|lane| smaller(low[lane], low[lane + 16]));
    let high = from_fn(|lane| larger(high[lane], high[lane + 16]));
    (fold(black_box(low), smaller), fold(black_box(high), larger))
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// Halves, quarters and so on folded onto each other. Written out: a loop over the widths would run
/// lane by lane.
#[inline(always)]
fn fold<T: Copy + Default>(lanes: [T; 16], f: impl Fn(T, T) -> T) -> T {
    let mut eight = [T::default(); 8];
    for i in 0..8 {
        eight[i] = f(lanes[i], lanes[i + 8]);
    }
    let mut four = [T::default(); 4];
    for i in 0..4 {
        four[i] = f(eight[i], eight[i + 4]);
    }
    f(f(four[0], four[2]), f(four[1], four[3]))
}
