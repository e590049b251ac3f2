//! Which SIMD level a machine has.

use super::Kind;
use super::machine::{Bytes, Machine};
use core::fmt;

/// A set of instructions this machine has; holding one proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Option<Kind>);

/// The environment variable that forces a level.
#[cfg(feature = "std")]
const VARIABLE: &str = "MIMLET_SIMD";

/// A level that this machine does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownLevel;

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MIMLET_SIMD names no SIMD level of this machine; it has")?;
        for (index, level) in Level::available().enumerate() {
            f.write_str(if index == 0 { " " } else { ", " })?;
            f.write_str(level.name())?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownLevel {}

impl Level {
    /// Plain Rust, compiled for what every machine has that runs the program.
    pub const BASELINE: Self = Self(None);

    /// The level to run with: the fastest of this machine, or the one that the environment variable
    /// `MIMLET_SIMD` names, if this machine has it. [`Level::forced`] says whether it does.
    #[must_use]
    pub fn detect() -> Self {
        let fastest = || Self::available().last().unwrap_or(Self::BASELINE);
        #[cfg(feature = "std")]
        {
            static LEVEL: std::sync::OnceLock<Level> = std::sync::OnceLock::new();
            *LEVEL.get_or_init(|| Self::forced().ok().flatten().unwrap_or_else(fastest))
        }
        #[cfg(not(feature = "std"))]
        fastest()
    }

    /// The level that `MIMLET_SIMD` names, if it is set.
    ///
    /// # Errors
    /// [`UnknownLevel`] when it names none that this machine has.
    #[cfg(feature = "std")]
    pub fn forced() -> Result<Option<Self>, UnknownLevel> {
        let Some(name) = std::env::var_os(VARIABLE) else {
            return Ok(None);
        };
        let named = Self::available().find(|level| name == level.name());
        named.map(Some).ok_or(UnknownLevel)
    }

    /// Every level of this machine, slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        let kinds = Kind::ALL.iter().copied();
        let present = kinds.filter(|kind| kind.is_present());
        core::iter::once(Self::BASELINE).chain(present.map(|kind| Self(Some(kind))))
    }

    /// The level's name: `baseline` everywhere; on x86-64 `avx2`, `avxvnni`, `avx512`, `amx`; on aarch64
    /// `neon`, `neon-dotprod`, `neon-i8mm`; on WebAssembly `simd128`; on Cortex-M4 and M7 `dsp`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.map_or("baseline", Kind::name)
    }

    /// Whether products of floats are fused with their addition, rounded once for both. All levels
    /// that do give the same bits, and all that do not; where nothing is fused, all give the same.
    #[must_use]
    pub fn fuses(self) -> bool {
        self.0.is_some() && Kind::FUSES
    }

    /// How bytes are multiplied, rows of so many quads with so many panels.
    pub(crate) fn bytes(self, quads: usize, panels: usize) -> Bytes {
        self.0
            .map_or(Bytes::Pairs, |kind| kind.bytes(quads, panels))
    }

    /// What this machine has beyond the baseline: it is of this kind.
    pub(super) fn kind(self) -> Option<Kind> {
        self.0
    }

    /// Runs `f`, compiled for this level wherever it is inlined.
    #[inline(always)]
    pub(crate) fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        match self.0 {
            None => f(),
            // SAFETY: a `Level` of a kind exists only where its instructions were found.
            Some(kind) => unsafe { kind.vectorize(f) },
        }
    }
}
