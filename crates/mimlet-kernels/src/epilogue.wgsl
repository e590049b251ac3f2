// What a linear layer does with its outputs. Appended to the kernels of linear layers; twin of
// epilogue.rs.

override EPILOGUE: u32;

const GELU: u32 = 1u;
const ADD: u32 = 2u;
const SHORTEN: u32 = 3u;

// To 12 significant bits, halves away from zero; below 2^-60 zero.
fn shortened(outputs: vec4<f32>) -> vec4<f32> {
    let bits = (bitcast<vec4<u32>>(outputs) + 0x800u) & vec4<u32>(0xfffff000u);
    let present = (bits & vec4<u32>(0x7fffffffu)) >= vec4<u32>(0x21800000u);
    return select(vec4<f32>(), bitcast<vec4<f32>>(bits), present);
}

fn activated(outputs: vec4<f32>) -> vec4<f32> {
    if EPILOGUE == GELU {
        return gelu(outputs);
    }
    if EPILOGUE == SHORTEN {
        return shortened(outputs);
    }
    return outputs;
}
