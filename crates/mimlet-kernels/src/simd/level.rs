//! Which SIMD level a machine has.

#[cfg(target_arch = "x86_64")]
use super::{avx_vnni, avx2, avx512};
use core::fmt;

/// A set of instructions this machine has; holding one proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What the program was compiled for.
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

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
    /// What the program was compiled for: every machine that runs it has this.
    pub const BASELINE: Self = Self(Kind::Baseline);

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
        let known = [
            Kind::Baseline,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2,
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512,
        ];
        known
            .into_iter()
            .map(Self)
            .filter(|level| level.is_present())
    }

    /// The level's name: `baseline`, `avx2`, `avxvnni`, `avx512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => "avxvnni",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }

    /// Whether products of floats are fused with their addition, rounded once for both. All levels
    /// that do give the same bits, and all that do not; where nothing is fused, all give the same.
    #[must_use]
    pub fn fuses(self) -> bool {
        self.0 != Kind::Baseline
    }

    /// Whether bytes are multiplied four at a time; else they are widened and multiplied in pairs.
    pub(crate) fn multiplies_quads(self) -> bool {
        match self.0 {
            Kind::Baseline => false,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => false,
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni | Kind::Avx512 => true,
        }
    }

    pub(super) fn kind(self) -> Kind {
        self.0
    }

    /// Runs `f`, compiled for this level wherever it is inlined.
    #[inline(always)]
    pub(crate) fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        match self.0 {
            Kind::Baseline => f(),
            // SAFETY: a `Level` of this kind exists only where `is_present` found the instructions.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 | Kind::AvxVnni => unsafe { avx2::vectorize(f) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { avx512::vectorize(f) },
        }
    }

    fn is_present(self) -> bool {
        match self.0 {
            Kind::Baseline => true,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => avx2::is_present(),
            #[cfg(target_arch = "x86_64")]
            Kind::AvxVnni => avx_vnni::is_present(),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => avx512::is_present(),
        }
    }
}
