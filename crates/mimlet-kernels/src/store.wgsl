// Writes outputs of a linear layer, or adds them to what is there. Appended to kernels that bind `y`,
// f32 [ROWS, OUTPUTS], before epilogue.wgsl.

fn store_value(row: u32, output: u32, value: f32) {
    if output < OUTPUTS {
        let index = row * OUTPUTS + output;
        if EPILOGUE == ADD {
            y[index] += value;
        } else {
            y[index] = value;
        }
    }
}

// Four outputs of a row; those past the last are dropped.
fn store_outputs(row: u32, output: u32, outputs: vec4<f32>) {
    store_value(row, output, outputs.x);
    store_value(row, output + 1u, outputs.y);
    store_value(row, output + 2u, outputs.z);
    store_value(row, output + 3u, outputs.w);
}
