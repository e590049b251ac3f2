// What becomes of the sums of a share of the inputs: another kernel joins them, exactly.

@group(0) @binding(2) var<storage, read_write> parts: array<Sum>;

// `weights` are the sums of the share's weights.
fn store(row: u32, output: u32, sum: Sum, weights: Sum) {
    keep(row, output, sum + weights * zero_point(row));
}
