//! The file's acceptance test on one backend, each image timed.

use crate::gpu::GpuEncoder;
use crate::opened::Parsed;
use mimlet_runtime::acceptance::{Examination, Verdict, golden_images};
use web_time::Instant;

/// What a backend came to.
#[derive(Debug)]
pub(crate) struct Trial {
    pub(crate) verdict: Verdict,
    /// Median over the test's images but the first, milliseconds: `None` of a backend that did not
    /// pass.
    pub(crate) median_ms: Option<f64>,
}

impl Trial {
    fn new(verdict: Verdict, times: Vec<f64>) -> Self {
        let passed = verdict.passed();
        Self {
            verdict,
            median_ms: passed.then(|| median(times)),
        }
    }
}

/// The first time is of a machine that is not warm; of a single one there is no other.
fn median(mut times: Vec<f64>) -> f64 {
    if times.len() > 1 {
        times.remove(0);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// On WebAssembly.
pub(crate) fn on_cpu(parsed: &mut Parsed<'_>) -> Result<Trial, String> {
    parsed.cpu()?;
    let Parsed { model, .. } = &*parsed;
    let model = model.clone();
    let encoder = parsed.cpu()?;
    let mut examination = Examination::new(&model);
    let mut times = Vec::new();
    for image in golden_images(&model) {
        let start = Instant::now();
        let encoding = encoder.encode_pixels(image).map_err(|e| e.to_string())?;
        times.push(milliseconds(start));
        examination.add(encoding);
    }
    Ok(Trial::new(examination.verdict(encoder.describe()), times))
}

/// On the GPU.
pub(crate) async fn on_gpu(parsed: &Parsed<'_>, gpu: &mut GpuEncoder) -> Result<Trial, String> {
    let mut examination = Examination::new(&parsed.model);
    let mut times = Vec::new();
    for image in golden_images(&parsed.model) {
        let start = Instant::now();
        let encoded = gpu.encode_pixels(image).await;
        let encoding = encoded.map_err(|error| error.to_string())?;
        times.push(milliseconds(start));
        examination.add(encoding);
    }
    Ok(Trial::new(examination.verdict(gpu.describe()), times))
}

/// Since a moment.
pub(crate) fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
