//! How well one array stands for another.

/// Signal, noise and likeness of two arrays of one shape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fidelity {
    /// `10 log10(sum a^2 / sum (a - b)^2)`; `None` when the arrays are equal.
    pub(crate) snr_db: Option<f64>,
    /// `a b / (|a| |b|)`; 1 when both are zero.
    pub(crate) cosine: f64,
}

impl Fidelity {
    /// Nothing is lost.
    pub(crate) const EXACT: Self = Self {
        snr_db: None,
        cosine: 1.0,
    };
}

/// Compares an array with what stands for it.
pub(crate) fn fidelity(original: &[f32], stand_in: &[f32]) -> Fidelity {
    let (mut signal, mut noise, mut dot, mut power) = (0.0, 0.0, 0.0, 0.0);
    for (&a, &b) in original.iter().zip(stand_in) {
        let (a, b) = (f64::from(a), f64::from(b));
        signal += a * a;
        noise += (a - b) * (a - b);
        dot += a * b;
        power += b * b;
    }
    let norms = libm::sqrt(signal) * libm::sqrt(power);
    Fidelity {
        snr_db: (noise != 0.0).then(|| 10.0 * libm::log10(signal / noise)),
        cosine: if norms == 0.0 && signal == power {
            1.0
        } else {
            dot / norms
        },
    }
}

#[cfg(test)]
mod tests {
    use super::fidelity;

    #[test]
    fn noise_of_a_tenth_is_twenty_decibels_and_equal_arrays_have_none() {
        let found = fidelity(&[3.0, 4.0], &[3.0, 4.5]);
        assert!((found.snr_db.unwrap() - 20.0).abs() < 1e-9);
        let equal = fidelity(&[1.0, -2.0], &[1.0, -2.0]);
        assert!(equal.snr_db.is_none() && (equal.cosine - 1.0).abs() < 1e-12);
    }
}
