//! Student's t distribution.

/// The `p`-quantile of Student's t with `freedom` degrees of freedom, for `p` in `(0.5, 1)`.
pub(crate) fn t_quantile(p: f64, freedom: f64) -> f64 {
    let mut high = 1.0;
    while t_cumulative(high, freedom) < p {
        high *= 2.0;
    }
    let mut low = 0.0;
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if t_cumulative(middle, freedom) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// `P(T <= t)`, by `1 - I_x(freedom / 2, 1 / 2) / 2` with `x = freedom / (freedom + t^2)` for
/// `t >= 0` (Abramowitz and Stegun, 26.7.1).
fn t_cumulative(t: f64, freedom: f64) -> f64 {
    let x = freedom / (freedom + t * t);
    let tail = 0.5 * incomplete_beta(x, 0.5 * freedom, 0.5);
    if t >= 0.0 { 1.0 - tail } else { tail }
}

/// The regularised incomplete beta function `I_x(a, b)`: its continued fraction (DLMF 8.17.22), on
/// whichever side of the symmetry `I_x(a, b) = 1 - I_{1-x}(b, a)` it converges fast.
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let logarithm = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
        + a * libm::log(x)
        + b * libm::log1p(-x);
    libm::exp(logarithm) / a / fraction(x, a, b)
}

/// `1 + d1 / (1 + d2 / (1 + ...))`, evaluated from the far end.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    /// Terms; below `x`'s bound above each pair gains more than a digit near the centre, and this
    /// many reach the last digit for any degrees of freedom that occur.
    const TERMS: u32 = 400;
    let term = |index: u32| {
        let m = f64::from(index / 2);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        if index.is_multiple_of(2) { even } else { odd }
    };
    (1..=TERMS)
        .rev()
        .fold(1.0, |rest, index| 1.0 + term(index) / rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.t.ppf(p, freedom)` of SciPy 1.17.1.
    #[test]
    fn quantiles_are_scipys() {
        for (p, freedom, expected) in [
            (0.975, 1.0, 12.706204736174694),
            (0.975, 2.0, 4.302652729749462),
            (0.975, 3.0, 3.1824463052837078),
            (0.975, 4.0, 2.7764451051977934),
            (0.975, 7.0, 2.364624251592784),
            (0.975, 29.0, 2.045229642132703),
            (0.975, 200.0, 1.9718962236339088),
            (0.95, 1.0, 6.313751514675037),
            (0.95, 4.0, 2.1318467863266495),
            (0.95, 29.0, 1.6991270265334972),
        ] {
            let found = t_quantile(p, freedom);
            assert!((found / expected - 1.0).abs() < 1e-9, "{freedom}: {found}");
        }
    }

    /// `scipy.stats.t.cdf`.
    #[test]
    fn cumulative_probabilities_are_scipys() {
        assert!((t_cumulative(1.5, 4.0) - 0.896).abs() < 1e-12);
        assert!((t_cumulative(-0.3, 2.5) - 0.39367118574759863).abs() < 1e-12);
        assert!((t_cumulative(0.0, 3.0) - 0.5).abs() < 1e-12);
    }
}
