//! Seeded random numbers that are the same on every machine.

/// SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of a seed and a name within it, so that adding one use leaves the others alone.
    pub(crate) fn named(seed: u64, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(name.as_bytes());
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        Self(u64::from_le_bytes(first))
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0..1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform between two bounds.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Normal with mean 0 and this standard deviation (Box and Muller 1958), within 4 deviations of
    /// 0 so that no seed draws an outlier that the others lack.
    pub(crate) fn normal(&mut self, std: f64) -> f32 {
        loop {
            let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
            let value = radius * libm::cos(std::f64::consts::TAU * self.unit());
            if value.abs() <= 4.0 {
                return (value * std) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_gives_one_sequence_and_names_give_others() {
        let first = |mut random: Random| random.bits();
        assert_eq!(first(Random::named(1, "a")), first(Random::named(1, "a")));
        assert_ne!(first(Random::named(1, "a")), first(Random::named(2, "a")));
        assert_ne!(first(Random::named(1, "a")), first(Random::named(1, "b")));
    }

    #[test]
    fn normal_numbers_have_the_moments_asked_for() {
        let mut random = Random::named(3, "normal");
        let values: Vec<f64> = (0..20_000).map(|_| random.normal(0.5).into()).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 0.02 && (variance - 0.25).abs() < 0.01);
    }
}
