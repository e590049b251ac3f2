// The range of a row, and bytes in it. Appended to kernels that quantise rows; twin of cpu.rs, to the
// bit.

struct Range {
    // Steps of one byte in 1.
    steps: f32,
    zero_point: f32,
    scale: f32,
}

// 127 / SMALLEST is just below the largest f32; rows smaller than that become zero, as on the CPU.
const SMALLEST: f32 = 3.7323e-37;

// `a / b`, rounded as on a CPU: WGSL lets its own division be off by 2.5 units in the last place, and
// bytes at a half would not be the CPU's. Of positive numbers, not subnormal.
fn quotient(a: f32, b: f32) -> f32 {
    let divisor = (bitcast<u32>(b) & 0x7fffffu) | 0x800000u;
    var rest = (bitcast<u32>(a) & 0x7fffffu) | 0x800000u;
    var exponent = i32(bitcast<u32>(a) >> 23u) - i32(bitcast<u32>(b) >> 23u) + 126;
    if rest < divisor {
        rest <<= 1u;
        exponent -= 1;
    }
    // 24 bits and the one that decides the rounding, most significant first.
    var bits = 0u;
    for (var i = 0u; i < 25u; i += 1u) {
        bits <<= 1u;
        if rest >= divisor {
            rest -= divisor;
            bits |= 1u;
        }
        rest <<= 1u;
    }
    var inexact = rest != 0u;
    if exponent < 0 {
        // Subnormal.
        let lost = min(u32(-exponent), 26u);
        inexact = inexact || (bits & ((1u << lost) - 1u)) != 0u;
        bits >>= lost;
        exponent = 0;
    }
    let up = (bits & 1u) == 1u && (inexact || (bits & 2u) == 2u);
    return bitcast<f32>((u32(exponent) << 23u) + (bits >> 1u) + u32(up));
}

// Of a row's smallest and largest values, neither beyond zero.
fn range_of(low: f32, high: f32) -> Range {
    let half = high * 0.5 - low * 0.5;
    if half < SMALLEST {
        return Range();
    }
    let steps = quotient(127.0, half);
    return Range(steps, round((low * 0.5 + high * 0.5) * steps), quotient(half, 127.0));
}

fn bytes_in(range: Range, values: vec4<f32>) -> vec4<i32> {
    let whole = round(values * range.steps) - range.zero_point;
    return vec4<i32>(clamp(whole, vec4<f32>(-127.0), vec4<f32>(127.0)));
}
