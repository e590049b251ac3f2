// Operands of the kernel that joins the sums of a linear layer with float weights.

override ROWS: u32;
override OUTPUTS: u32;

alias Sum = vec4<f32>;

@group(0) @binding(0) var<storage, read> parts: array<Sum>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn finish(row: u32, output: u32, sum: Sum) {
    store(row, output, sum);
}
