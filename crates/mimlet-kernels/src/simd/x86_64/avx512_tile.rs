//! Tiles of AVX-512: up to 12 rows by two panels, 24 registers of sums. They are written in assembly
//! because a compiler does not keep 24 sums of an array in registers: it copies them through memory at
//! every column, which costs two thirds of the speed.

use core::arch::asm;

/// Most rows of a tile.
pub(super) const HEIGHT: usize = 12;

/// Sums of a tile, `[rows][panels][channels]`: before its products, and after.
#[repr(C, align(64))]
pub(super) struct Sums<T>(pub(super) [[[T; 16]; 2]; HEIGHT]);

/// Where a tile's numbers lie.
pub(super) struct Tile {
    /// The first row.
    row: *const u32,
    /// Bytes from a row to the next.
    stride: usize,
    /// Rows of the tile.
    rows: usize,
    /// Columns of two panels, 64 bytes each.
    panels: [*const u8; 2],
    /// How many columns, at least one.
    columns: usize,
    /// What is fetched while columns are multiplied, and how many bytes of it for each.
    ahead: *const u8,
    step: usize,
}

/// A step for each row: what `$step` makes of the row's address and its two registers of sums. Three
/// rows share a base register.
macro_rules! for_rows {
    ($step:ident 0) => { "" };
    ($step:ident 1) => { concat!(for_rows!($step 0), $step!("[{a}]", "0", "1")) };
    ($step:ident 2) => { concat!(for_rows!($step 1), $step!("[{a} + {stride}]", "2", "3")) };
    ($step:ident 3) => { concat!(for_rows!($step 2), $step!("[{a} + 2 * {stride}]", "4", "5")) };
    ($step:ident 4) => { concat!(for_rows!($step 3), $step!("[{b}]", "6", "7")) };
    ($step:ident 5) => { concat!(for_rows!($step 4), $step!("[{b} + {stride}]", "8", "9")) };
    ($step:ident 6) => { concat!(for_rows!($step 5), $step!("[{b} + 2 * {stride}]", "10", "11")) };
    ($step:ident 7) => { concat!(for_rows!($step 6), $step!("[{c}]", "12", "13")) };
    ($step:ident 8) => { concat!(for_rows!($step 7), $step!("[{c} + {stride}]", "14", "15")) };
    ($step:ident 9) => { concat!(for_rows!($step 8), $step!("[{c} + 2 * {stride}]", "16", "17")) };
    ($step:ident 10) => { concat!(for_rows!($step 9), $step!("[{d}]", "18", "19")) };
    ($step:ident 11) => { concat!(for_rows!($step 10), $step!("[{d} + {stride}]", "20", "21")) };
    ($step:ident 12) => { concat!(for_rows!($step 11), $step!("[{d} + 2 * {stride}]", "22", "23")) };
}

/// Reads a row's sums.
macro_rules! read {
    ($row:literal, $low:literal, $high:literal) => {
        concat!(
            "vmovups zmm",
            $low,
            ", [{sums} + 64 * ",
            $low,
            "]\n",
            "vmovups zmm",
            $high,
            ", [{sums} + 64 * ",
            $high,
            "]\n",
        )
    };
}

/// Begins a row's sums with zero.
macro_rules! zero {
    ($row:literal, $low:literal, $high:literal) => {
        concat!(
            "vpxord zmm",
            $low,
            ", zmm",
            $low,
            ", zmm",
            $low,
            "\n",
            "vpxord zmm",
            $high,
            ", zmm",
            $high,
            ", zmm",
            $high,
            "\n",
        )
    };
}

/// Writes a row's sums.
macro_rules! write {
    ($row:literal, $low:literal, $high:literal) => {
        concat!(
            "vmovups [{sums} + 64 * ",
            $low,
            "], zmm",
            $low,
            "\n",
            "vmovups [{sums} + 64 * ",
            $high,
            "], zmm",
            $high,
            "\n",
        )
    };
}

/// Two panels' columns, and a step of what is fetched ahead.
macro_rules! columns {
    () => {
        concat!(
            "vmovups zmm24, [{first}]\n",
            "vmovups zmm25, [{second}]\n",
            "prefetcht1 [{ahead}]\n",
            "add {ahead}, {step}\n",
        )
    };
}

/// Products of floats, each rounded with its addition.
macro_rules! fused {
    ($row:literal, $low:literal, $high:literal) => {
        concat!(
            "vbroadcastss zmm26, dword ptr ",
            $row,
            "\n",
            "vfmadd231ps zmm",
            $low,
            ", zmm26, zmm24\n",
            "vfmadd231ps zmm",
            $high,
            ", zmm26, zmm25\n",
        )
    };
}

/// Products of quads of bytes: those of rows are unsigned.
macro_rules! quads {
    ($row:literal, $low:literal, $high:literal) => {
        concat!(
            "vpbroadcastd zmm26, dword ptr ",
            $row,
            "\n",
            "vpdpbusd zmm",
            $low,
            ", zmm26, zmm24\n",
            "vpdpbusd zmm",
            $high,
            ", zmm26, zmm25\n",
        )
    };
}

/// Products of pairs.
macro_rules! pairs {
    ($row:literal, $low:literal, $high:literal) => {
        concat!(
            "vpbroadcastd zmm26, dword ptr ",
            $row,
            "\n",
            "vpdpwssd zmm",
            $low,
            ", zmm26, zmm24\n",
            "vpdpwssd zmm",
            $high,
            ", zmm26, zmm25\n",
        )
    };
}

/// Adds a tile's products to its sums as `$start` begins them, for a tile of so many rows.
macro_rules! multiply {
    ($start:ident $step:ident $rows:tt, $tile:ident, $sums:ident) => {
        asm!(
            "/* {a} {b} {c} {d} {stride} */",
            for_rows!($start $rows),
            "2:",
            columns!(),
            for_rows!($step $rows),
            "add {a}, 4",
            "add {b}, 4",
            "add {c}, 4",
            "add {d}, 4",
            "add {first}, 64",
            "add {second}, 64",
            "dec {columns}",
            "jnz 2b",
            for_rows!(write $rows),
            a = inout(reg) $tile.row => _,
            b = inout(reg) $tile.row.wrapping_byte_add(3 * $tile.stride) => _,
            c = inout(reg) $tile.row.wrapping_byte_add(6 * $tile.stride) => _,
            d = inout(reg) $tile.row.wrapping_byte_add(9 * $tile.stride) => _,
            stride = in(reg) $tile.stride,
            first = inout(reg) $tile.panels[0] => _,
            second = inout(reg) $tile.panels[1] => _,
            columns = inout(reg) $tile.columns => _,
            ahead = inout(reg) $tile.ahead => _,
            step = in(reg) $tile.step,
            sums = in(reg) $sums,
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _,
            out("zmm5") _, out("zmm6") _, out("zmm7") _, out("zmm8") _, out("zmm9") _,
            out("zmm10") _, out("zmm11") _, out("zmm12") _, out("zmm13") _, out("zmm14") _,
            out("zmm15") _, out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _,
            out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _, out("zmm24") _,
            out("zmm25") _, out("zmm26") _,
            options(nostack)
        )
    };
}

/// [`multiply!`] for the tile's number of rows.
macro_rules! multiply_rows {
    ($start:ident $step:ident, $tile:ident, $sums:ident: $($rows:tt)*) => {
        match $tile.rows {
            $($rows => multiply!($start $step $rows, $tile, $sums),)*
            // A tile has 1 to 12 rows.
            _ => unreachable!(),
        }
    };
}

impl Tile {
    /// Of `rows` rows, `stride` words from one to the next, and the columns of two panels, `k` each; where
    /// there is one, its own twice: then the second sums are nobody's. `next` comes from memory meanwhile,
    /// a little with each column: all at once would keep rows and columns waiting.
    pub(super) fn new<C>(
        row: *const u32,
        [rows, stride]: [usize; 2],
        columns: &[C],
        k: usize,
        next: &[C],
    ) -> Self {
        let (first, second) = columns.split_at(k);
        let second = if second.is_empty() { first } else { second };
        let ahead = if next.is_empty() { first } else { next };
        Self {
            row,
            stride: stride * size_of::<u32>(),
            rows,
            panels: [first, second].map(|columns| columns.as_ptr().cast()),
            columns: k,
            ahead: ahead.as_ptr().cast(),
            step: size_of_val(next).div_ceil(k),
        }
    }

    /// Adds the products of floats to `sums`, each rounded with its addition.
    ///
    /// # Safety
    /// The machine must have AVX-512, and rows and panels must lie where the tile says.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn add_floats(&self, sums: &mut Sums<f32>) {
        let sums = &raw mut *sums;
        // SAFETY: the caller's promise; `sums` has room for 12 rows, of which those of the tile are read
        // and written.
        unsafe {
            multiply_rows!(read fused, self, sums: 1 2 3 4 5 6 7 8 9 10 11 12);
        }
    }

    /// Writes the sums of the products of floats, each rounded with its addition.
    ///
    /// # Safety
    /// As of [`Tile::add_floats`].
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn multiply_floats(&self, sums: &mut Sums<f32>) {
        let sums = &raw mut *sums;
        // SAFETY: as above.
        unsafe { multiply_rows!(zero fused, self, sums: 1 2 3 4 5 6 7 8 9 10 11 12) }
    }

    /// Writes the sums of the products of quads of unsigned bytes with signed weights.
    ///
    /// # Safety
    /// The machine must have AVX-512 and its VNNI, and rows and panels must lie where the tile says.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) unsafe fn multiply_quads(&self, sums: &mut Sums<i32>) {
        let sums = &raw mut *sums;
        // SAFETY: as above.
        unsafe { multiply_rows!(zero quads, self, sums: 1 2 3 4 5 6 7 8 9 10 11 12) }
    }

    /// Writes the sums of the products of pairs.
    ///
    /// # Safety
    /// As of [`Tile::multiply_quads`].
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) unsafe fn multiply_pairs(&self, sums: &mut Sums<i32>) {
        let sums = &raw mut *sums;
        // SAFETY: as above.
        unsafe { multiply_rows!(zero pairs, self, sums: 1 2 3 4 5 6 7 8 9 10 11 12) }
    }
}
