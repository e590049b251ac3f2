//! x86-64 with AMX beside AVX-512: products of matrices of bytes, 16 rows by 64 inputs by 16 channels in
//! one instruction (Intel servers since 2023). Only Linux is asked for it: a process must request the
//! registers before it uses them.

use super::ahead::{parts, prefetch};
use super::avx512::Integers;
use crate::simd::lanes16::{IntegerSink, Integers16, Place};
use crate::simd::quad_tile::ByteRows;
use core::arch::asm;

/// Rows of a matrix register, and channels.
const SIDE: usize = 16;

/// Quads of a row of a matrix register: 64 inputs.
const QUADS: usize = 16;

/// Whether this machine has what this file uses, and lets this process use it.
pub(super) fn is_present() -> bool {
    #[cfg(all(feature = "std", target_os = "linux", not(miri)))]
    {
        static PRESENT: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
        *PRESENT.get_or_init(|| super::avx512::is_present() && is_built_in() && is_permitted())
    }
    #[cfg(not(all(feature = "std", target_os = "linux", not(miri))))]
    false
}

/// Whether the processor has matrix registers (bit 24) and multiplies bytes in them (bit 25).
#[cfg(all(feature = "std", target_os = "linux", not(miri)))]
fn is_built_in() -> bool {
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx >> 24 & 3 == 3
}

/// Asks the kernel for the matrix registers, for all threads of this process. Kernels before 5.16 do
/// not know the question and refuse.
#[cfg(all(feature = "std", target_os = "linux", not(miri)))]
fn is_permitted() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    let answer: i64;
    // SAFETY: the call reads and writes no memory of ours; it clobbers what is named here.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack)
        );
    }
    answer == 0
}

/// What `ldtilecfg` reads: the sizes of the eight matrix registers. Sums are in 0 to 3, rows in 4 and
/// 5, weights of two panels in 6 and 7.
#[repr(C, align(64))]
struct Sizes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

impl Sizes {
    /// For tiles of `upper` and `lower` rows; `lower` may be 0.
    fn of(upper: usize, lower: usize) -> Self {
        let [upper, lower, side] = [upper, lower, SIDE].map(|rows| rows as u8);
        let mut rows = [0; 16];
        rows[..8].copy_from_slice(&[upper, upper, lower, lower, upper, lower, side, side]);
        Self {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            bytes_per_row: rows.map(|rows| if rows == 0 { 0 } else { 64 }),
            rows,
        }
    }
}

/// Sums of two times sixteen rows with two panels, by rows and panels.
#[repr(C, align(64))]
struct Sums([[[[i32; 16]; SIDE]; 2]; 2]);

/// Whether rows of so many quads and so many panels fill matrix registers, and nothing is left over.
pub(super) fn fits(quads: usize, panels: usize) -> bool {
    quads.is_multiple_of(QUADS) && panels.is_multiple_of(2)
}

/// Gives `sink` the products of each row with each panel `[quads][16][4]`, two panels at a time.
///
/// # Safety
/// The machine must have AMX, permitted, and [`fits`] must hold.
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn products(x: ByteRows<'_>, panels: &[[i8; 64]], sink: &mut impl IntegerSink) {
    let quads = x.len();
    let pairs = panels.chunks_exact(2 * quads);
    let mut sums = Sums([[[[0; 16]; SIDE]; 2]; 2]);
    let mut row = 0;
    while row < x.count() {
        let rest = x.count() - row;
        let (upper, lower, heights) = match rest {
            ..=SIDE => (rest, 0, 1),
            _ => (
                SIDE,
                (rest - SIDE).min(SIDE),
                if rest < 2 * SIDE { 1 } else { rest / 32 },
            ),
        };
        let sizes = Sizes::of(upper, lower);
        // SAFETY: the machine has AMX; the sizes are those of the palette.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &sizes, options(nostack, preserves_flags, readonly));
        }
        for (pair, weights) in pairs.clone().enumerate() {
            let next = panels[(2 * pair + 2) * quads..]
                .get(..2 * quads)
                .unwrap_or_default();
            for (index, next) in (0..heights).zip(parts(next, heights)) {
                let first = row + index * 2 * SIDE;
                prefetch(next);
                // SAFETY: rows `first..first + upper + lower` and two panels of `quads` columns exist.
                unsafe {
                    multiply(x, first, lower > 0, weights, &mut sums);
                }
                for (part, rows) in [upper, lower].into_iter().enumerate() {
                    let place = Place {
                        row: first + part * SIDE,
                        rows,
                        panel: 2 * pair,
                    };
                    let sums = &sums.0[part];
                    sink.write::<_, 2>(place, |r| [0, 1].map(|p| Integers::load(&sums[p][r])));
                }
            }
        }
        row += heights * (upper + lower);
    }
    // SAFETY: gives the registers back; none is in use.
    unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) };
}

/// Writes the products of up to 32 rows from `first` on with two panels to `sums`.
///
/// # Safety
/// The machine must have AMX, and its registers the sizes of these rows; `weights` must be two panels of
/// as many columns as the rows have quads, a multiple of 16.
#[inline(always)]
unsafe fn multiply(
    x: ByteRows<'_>,
    first: usize,
    has_lower: bool,
    weights: &[[i8; 64]],
    sums: &mut Sums,
) {
    let quads = x.quads(first).len();
    let upper = x.quads(first).as_ptr();
    let columns = weights.as_ptr();
    let stride = x.stride() * 4;
    // SAFETY: the caller's promises: the loops read `quads / 16` blocks of 64 bytes of each row and of
    // 1,024 bytes of each panel, and write 4,096 bytes of sums, or the first half.
    unsafe {
        if has_lower {
            let lower = x.quads(first + SIDE).as_ptr();
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{upper} + {stride}]",
                "tileloadd tmm6, [{first} + {line}]",
                "tileloadd tmm7, [{second} + {line}]",
                "tdpbssd tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{lower} + {stride}]",
                "tdpbssd tmm1, tmm4, tmm7",
                "add {upper}, 64",
                "add {lower}, 64",
                "tdpbssd tmm2, tmm5, tmm6",
                "add {first}, 1024",
                "add {second}, 1024",
                "tdpbssd tmm3, tmm5, tmm7",
                "dec {blocks}",
                "jnz 2b",
                "tilestored [{sums} + {line}], tmm0",
                "tilestored [{sums} + {line} + 1024], tmm1",
                "tilestored [{sums} + {line} + 2048], tmm2",
                "tilestored [{sums} + {line} + 3072], tmm3",
                upper = inout(reg) upper => _,
                lower = inout(reg) lower => _,
                first = inout(reg) columns => _,
                second = inout(reg) columns.add(quads) => _,
                blocks = inout(reg) quads / QUADS => _,
                stride = in(reg) stride,
                line = in(reg) 64_usize,
                sums = in(reg) sums,
                options(nostack)
            );
        } else {
            asm!(
                "tilezero tmm0", "tilezero tmm1",
                "2:",
                "tileloadd tmm4, [{upper} + {stride}]",
                "tileloadd tmm6, [{first} + {line}]",
                "tileloadd tmm7, [{second} + {line}]",
                "tdpbssd tmm0, tmm4, tmm6",
                "tdpbssd tmm1, tmm4, tmm7",
                "add {upper}, 64",
                "add {first}, 1024",
                "add {second}, 1024",
                "dec {blocks}",
                "jnz 2b",
                "tilestored [{sums} + {line}], tmm0",
                "tilestored [{sums} + {line} + 1024], tmm1",
                upper = inout(reg) upper => _,
                first = inout(reg) columns => _,
                second = inout(reg) columns.add(quads) => _,
                blocks = inout(reg) quads / QUADS => _,
                stride = in(reg) stride,
                line = in(reg) 64_usize,
                sums = in(reg) sums,
                options(nostack)
            );
        }
    }
}
