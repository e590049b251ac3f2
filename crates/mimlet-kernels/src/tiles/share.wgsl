// A workgroup sums the products of a share of the inputs, its z, and leaves the sums for another kernel
// to join (split-K). Appended to kernels whose tiles pass through workgroup memory and which bind
// `parts`: [shares, ROWS, ceil(OUTPUTS / 4)] sums of four outputs.

// Tiles that a share has along the inputs; the last may have fewer.
override TURNS: u32;

fn first_of(share: u32) -> u32 {
    return share * TURNS * DEPTH;
}

// Of `all` inputs, or quads of them.
fn end_of(share: u32, all: u32) -> u32 {
    return min(first_of(share + 1u), all);
}

// Sums past the last row are nobody's.
fn keep(row: u32, output: u32, sum: Sum) {
    if row < ROWS {
        parts[(share * ROWS + row) * ((OUTPUTS + 3u) / 4u) + output / 4u] = sum;
    }
}
