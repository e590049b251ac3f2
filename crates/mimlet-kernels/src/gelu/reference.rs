//! GELU with libm's error function in f64.

/// Overwrites each value with its GELU.
pub fn reference(x: &mut [f32]) {
    for x in x {
        let v = f64::from(*x);
        *x = (v * 0.5 * (1.0 + libm::erf(v * core::f64::consts::FRAC_1_SQRT_2))) as f32;
    }
}
