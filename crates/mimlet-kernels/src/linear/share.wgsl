// What becomes of the sums of a share of the inputs: another kernel joins them.

alias Sum = vec4<f32>;

@group(0) @binding(2) var<storage, read_write> parts: array<Sum>;

fn store(row: u32, output: u32, sum: Sum) {
    keep(row, output, sum);
}
