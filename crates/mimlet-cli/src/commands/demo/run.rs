//! One backend over all bundled images.

use std::time::Instant;

use mimlet_format::Model;
use mimlet_image::RgbImage;
use mimlet_runtime::acceptance;
use mimlet_session::Rung;
use mimlet_tcas::{ImageTokens, TokenClassCounts};

use crate::error::Error;
use crate::latency::{Latencies, Percentiles};
use crate::progress::Progress;
use crate::verdict::VerdictReport;

/// A bundled image.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) class: u32,
    pub(super) image: RgbImage,
    /// f32 `[3, height, width]`, normalised.
    pub(super) input: Vec<f32>,
}

/// What a backend made of the images; with an error, as far as it came.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) name: String,
    /// The same in short.
    pub(super) device: String,
    pub(super) kind: &'static str,
    pub(super) verdict: Option<VerdictReport>,
    pub(super) tokens: Vec<ImageTokens>,
    pub(super) tcas: Option<f64>,
    /// Only of a backend that passed.
    pub(super) latency: Option<Percentiles>,
    pub(super) error: Option<String>,
}

/// Verifies a backend, then encodes every image on it.
pub(super) fn run(rung: &dyn Rung, model: &Model<'_>, samples: &[Sample], classes: usize) -> Run {
    let (device, kind) = (rung.device(), rung.kind());
    let mut run = Run {
        name: device.clone(),
        device,
        kind,
        verdict: None,
        tokens: Vec::new(),
        tcas: None,
        latency: None,
        error: None,
    };
    if let Err(error) = run.fill(rung, model, samples, classes) {
        run.error = Some(error.to_string());
    }
    run
}

impl Run {
    fn fill(
        &mut self,
        rung: &dyn Rung,
        model: &Model<'_>,
        samples: &[Sample],
        classes: usize,
    ) -> Result<(), Error> {
        let mut encoder = rung.encoder(model).map_err(Error::new)?;
        self.name = encoder.describe();
        let progress = Progress::unknown("running the acceptance test");
        let verdict = acceptance::run(model, &mut encoder)?;
        drop(progress);
        let test = &model.manifest().acceptance;
        self.verdict = Some(VerdictReport::new(&verdict, test));
        let codebook = model.manifest().codebook.as_ref();
        let size = codebook.map_or(1, |codebook| codebook.size as usize);
        let mut counts = TokenClassCounts::new(size, classes)?;
        let mut latencies = Latencies::default();
        let progress = Progress::new(samples.len(), "encoding");
        for sample in samples {
            let start = Instant::now();
            let encoding = encoder.encode(&sample.input)?;
            latencies.push(start.elapsed().as_secs_f64() * 1e3);
            counts.add_tokens(&encoding.tokens, sample.class)?;
            self.tokens.push(ImageTokens {
                tokens: encoding.tokens.clone(),
                class: sample.class,
            });
            progress.step();
        }
        self.tcas = counts.tcas();
        if verdict.passed() {
            self.latency = latencies.percentiles();
        }
        Ok(())
    }

    /// Whether it ran and its results are right.
    pub(super) fn passed(&self) -> bool {
        self.error.is_none() && self.verdict.as_ref().is_some_and(|verdict| verdict.passed)
    }

    /// Share of patches with the same token as in another run, 0..1; `None` when one of them did
    /// not get through.
    pub(super) fn same_tokens(&self, other: &Self) -> Option<f64> {
        let patches = |run: &Self| -> Vec<u32> {
            run.tokens
                .iter()
                .flat_map(|image| image.tokens.iter().copied())
                .collect()
        };
        let (own, others) = (patches(self), patches(other));
        if own.is_empty() || own.len() != others.len() {
            return None;
        }
        let same = own.iter().zip(&others).filter(|(a, b)| a == b).count();
        Some(same as f64 / own.len() as f64)
    }
}
