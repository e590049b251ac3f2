// Rows of bytes as quantize_rows leaves them. Appended to kernels that multiply them.

// Quantised rows: ceil(INPUTS / 4) words of four bytes, then the bits of the row's scale and its zero point.
@group(0) @binding(0) var<storage, read> x: array<u32>;

// Words of four inputs in a row.
fn quads() -> u32 {
    return (INPUTS + 3u) / 4u;
}

// Index of a row's first word in `x`. Rows past the last read the last and drop it.
fn row_start(row: u32) -> u32 {
    return min(row, ROWS - 1u) * (quads() + 2u);
}

fn row_scale(row: u32) -> f32 {
    return bitcast<f32>(x[row_start(row) + quads()]);
}

fn zero_point(row: u32) -> i32 {
    return bitcast<i32>(x[row_start(row) + quads() + 1u]);
}
