// What becomes of a linear layer's sums. Appended to kernels that bind `bias` and `y`.

// Biases of four outputs. Outputs past the last read the last and drop it.
fn biases(output: u32) -> vec4<f32> {
    let last = OUTPUTS - 1u;
    return vec4<f32>(
        bias[output],
        bias[min(output + 1u, last)],
        bias[min(output + 2u, last)],
        bias[min(output + 3u, last)],
    );
}

fn store(row: u32, output: u32, sum: vec4<f32>) {
    if row < ROWS {
        store_outputs(row, output, activated(sum + biases(output)));
    }
}
