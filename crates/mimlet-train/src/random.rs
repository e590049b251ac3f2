//! Random numbers as pure functions of their key, so results depend neither on the order of work
//! nor on the number of threads, nor (by libm) on the platform's mathematics.

/// A SplitMix64 stream (Steele, Lea and Flood 2014), keyed by words such as (seed, epoch, sample).
///
/// ```
/// use mimlet_train::random::Stream;
///
/// let draw = || Stream::new(&[7, 0, 3]).uniform();
/// assert_eq!(draw(), draw());
/// assert_ne!(draw(), Stream::new(&[7, 0, 4]).uniform());
/// ```
#[derive(Debug, Clone)]
pub struct Stream(u64);

/// The mixing step of SplitMix64: every output bit depends on every input bit.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Stream {
    /// The stream of `key`. Keys of different lengths give unrelated streams.
    pub fn new(key: &[u64]) -> Self {
        let start = mix(GOLDEN ^ key.len() as u64);
        Self(key.iter().fold(start, |state, &word| {
            mix(state.wrapping_add(GOLDEN) ^ mix(word.wrapping_add(GOLDEN)))
        }))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// Uniform in `[0, 1)`, 24 bits.
    pub fn uniform(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in `[low, high)`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.uniform()
    }

    /// Uniform in `0..bound`, for `bound >= 1`. The bias of the multiply-shift (Lemire 2019) is
    /// below `bound / 2^64`.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// Uniform in `[0, 1)`, 53 bits.
    pub fn uniform_f64(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * libm::log(1.0 - self.uniform_f64())).sqrt();
        (radius * libm::cos(std::f64::consts::TAU * self.uniform_f64())) as f32
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_right_moments() {
        let mut stream = Stream::new(&[1]);
        let (mut sum, mut squares) = (0.0f64, 0.0f64);
        for _ in 0..20_000 {
            let draw = f64::from(stream.normal());
            sum += draw;
            squares += draw * draw;
        }
        assert!((sum / 20_000.0).abs() < 0.03);
        assert!((squares / 20_000.0 - 1.0).abs() < 0.05);
    }

    #[test]
    fn shuffles_are_permutations_and_bounds_hold() {
        let mut stream = Stream::new(&[2]);
        let mut items: Vec<usize> = (0..50).collect();
        stream.shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
        assert!((0..1000).all(|_| stream.below(3) < 3));
    }
}
