//! Half-precision numbers by NEON's conversion, whose vectors of halves Rust has not stabilised.

use core::arch::aarch64::{float32x4_t, uint16x8_t, vld1q_u16, vst1q_f32};

/// Widens halves to floats, eight at a time; the last few are left to the caller.
pub(super) fn widen(halves: &[u16], floats: &mut [f32]) {
    let halves = halves.as_chunks::<8>().0.iter();
    for (halves, floats) in halves.zip(floats.as_chunks_mut::<8>().0) {
        // SAFETY: every machine has NEON; both arrays are eight long.
        unsafe {
            let (low, high) = convert(vld1q_u16(halves.as_ptr()));
            vst1q_f32(floats.as_mut_ptr(), low);
            vst1q_f32(floats.as_mut_ptr().add(4), high);
        }
    }
}

#[inline(always)]
fn convert(halves: uint16x8_t) -> (float32x4_t, float32x4_t) {
    let (low, high);
    // SAFETY: every machine has NEON; the instructions touch registers only.
    unsafe {
        core::arch::asm!(
            "fcvtl {low:v}.4s, {halves:v}.4h",
            "fcvtl2 {high:v}.4s, {halves:v}.8h",
            halves = in(vreg) halves,
            low = out(vreg) low,
            high = lateout(vreg) high,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    (low, high)
}
