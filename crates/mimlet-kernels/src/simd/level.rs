//! Which SIMD level a machine has.

/// A set of instructions this machine has; holding one proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What the program was compiled for.
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// What the program was compiled for: every machine that runs it has this.
    pub const BASELINE: Self = Self(Kind::Baseline);

    /// The fastest level of this machine.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().last().unwrap_or(Self::BASELINE)
    }

    /// Every level of this machine, slowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::known().into_iter().filter(|level| level.is_present())
    }

    /// The level's name: `baseline`, `avx2`, `avx512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
        }
    }

    pub(crate) fn kind(self) -> Kind {
        self.0
    }

    /// Runs `f`, compiled for this level wherever it is inlined.
    #[inline(always)]
    pub(crate) fn vectorize<R>(self, f: impl FnOnce() -> R) -> R {
        match self.0 {
            Kind::Baseline => f(),
            // SAFETY: a `Level` of this kind exists only where `is_present` found the instructions.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => unsafe { super::x86_64::with_avx2(f) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => unsafe { super::x86_64::with_avx512(f) },
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn known() -> [Self; 3] {
        [Self(Kind::Baseline), Self(Kind::Avx2), Self(Kind::Avx512)]
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn known() -> [Self; 1] {
        [Self(Kind::Baseline)]
    }

    fn is_present(self) -> bool {
        match self.0 {
            Kind::Baseline => true,
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => super::x86_64::has_avx2(),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => super::x86_64::has_avx512(),
        }
    }
}
