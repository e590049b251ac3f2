// What a linear layer does with its outputs. Appended to the kernels of linear layers; twin of
// epilogue.rs.

override EPILOGUE: u32;

const GELU: u32 = 1u;
const ADD: u32 = 2u;

fn activated(outputs: vec4<f32>) -> vec4<f32> {
    if EPILOGUE == GELU {
        return gelu(outputs);
    }
    return outputs;
}
