//! The learning rate of each step.

use crate::config::OptimConfig;

/// Linear warm-up to `blr * batch / 256`, then half a cosine to zero (He et al. 2021, table 8).
/// `step` counts from 0.
pub fn learning_rate(config: &OptimConfig, step: usize) -> f64 {
    let peak = config.blr * config.batch as f64 / 256.0;
    if step < config.warmup {
        return peak * (step + 1) as f64 / config.warmup as f64;
    }
    let length = config.steps.saturating_sub(config.warmup).max(1);
    let progress = ((step - config.warmup) as f64 / length as f64).min(1.0);
    peak * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretrain::tiny;

    #[test]
    fn rises_to_the_peak_and_falls_to_zero() {
        let mut config = tiny::config().train;
        (config.steps, config.warmup, config.batch, config.blr) = (100, 10, 128, 1e-3);
        let rate = |step| learning_rate(&config, step);
        assert!((rate(0) - 5e-5).abs() < 1e-12);
        assert!((rate(9) - 5e-4).abs() < 1e-12);
        assert!((rate(10) - 5e-4).abs() < 1e-12);
        assert!((rate(55) - 2.5e-4).abs() < 1e-12);
        assert!(rate(99) < 1e-6 && rate(99) > 0.0);
        assert!(rate(100).abs() < 1e-12);
    }
}
