// A workgroup sums the products of all inputs. Appended to kernels whose tiles pass through workgroup
// memory; the other such file is share.wgsl.

fn first_of(share: u32) -> u32 {
    return 0u;
}

// Of `all` inputs, or quads of them.
fn end_of(share: u32, all: u32) -> u32 {
    return all;
}
