// What becomes of the sums of a share of the inputs, which are whole groups: another kernel joins them.

@group(0) @binding(3) var<storage, read_write> parts: array<Sum>;

// `weights` are the scaled sums of the share's weights.
fn store(row: u32, output: u32, sum: Sum, weights: Sum) {
    keep(row, output, sum + weights * f32(zero_point(row)));
}
