//! What tiles are made of: sixteen numbers in registers, one for each channel of a panel; and where a
//! tile's sums begin and go.
//!
//! The types are private to this folder, and only tiles compiled for their instructions name them: code
//! that is generic over them runs nowhere else, so their functions are safe.

/// Sixteen floats in registers.
pub(crate) trait Floats16: Copy {
    fn load(from: &[f32; 16]) -> Self;
    fn store(self, to: &mut [f32; 16]);
    /// The same value sixteen times.
    fn splat(value: f32) -> Self;
    fn add(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self + a * b`, rounded once where `FUSED` and the machine can, else after each operation.
    fn add_product<const FUSED: bool>(self, a: Self, b: Self) -> Self;
}

/// Sixteen i32 in registers.
pub(crate) trait Integers16: Copy {
    /// The machine's floats.
    type Floats: Floats16;
    fn load(from: &[i32; 16]) -> Self;
    fn store(self, to: &mut [i32; 16]);
    /// The same value sixteen times.
    fn splat(value: i32) -> Self;
    fn add(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// The nearest floats.
    fn to_floats(self) -> Self::Floats;
}

/// Where a tile's sums of floats begin and go.
pub(crate) trait FloatSink {
    /// What all rows of a panel have in common, read once for a tile.
    type Channels<V: Floats16>: Copy;
    /// That of a panel.
    fn channels<V: Floats16>(&self, panel: usize) -> Self::Channels<V>;
    /// What the products of a row with a panel are added to.
    fn start<V: Floats16>(&self, row: usize, panel: usize, channels: Self::Channels<V>) -> V;
    /// Whether that is zero everywhere.
    fn starts_at_zero(&self) -> bool {
        false
    }
    /// Takes the sums of a tile: `sums` gives those of a row, counted from the tile's first.
    fn write<V: Floats16, const P: usize>(&mut self, tile: Place, sums: impl Fn(usize) -> [V; P]);
}

/// Where a tile's sums of integers go.
pub(crate) trait IntegerSink {
    /// Takes the sums of a tile: `sums` gives those of a row, counted from the tile's first.
    fn write<V: Integers16, const P: usize>(&mut self, tile: Place, sums: impl Fn(usize) -> [V; P]);
}

/// Where a tile lies: its panels are a constant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Its first row.
    pub(crate) row: usize,
    /// How many rows it has.
    pub(crate) rows: usize,
    /// Its first panel.
    pub(crate) panel: usize,
}
