//! Tensors to a file, and a file to its verdict.

use crate::float_run::Answer;
use crate::model::FloatModel;
use crate::report::{Evidence, ImageReport, MarginReport, SizeReport};
use crate::tensors::{self, Tensors};
use crate::{ExportError, ExportOptions, FloatCodebook};
use mimlet_format::{
    AcceptanceTest, ActivationRange, AlignedBytes, DType, DriftReference, EncoderConfig,
    GoldenTensor, Model, ModelWriter, OwnAnswers, Provenance, Scheme, TensorRole, Thresholds,
};
use mimlet_runtime::acceptance::{self, Verdict};
use mimlet_runtime::{Encoder, Plan};

/// What writes the files.
pub(crate) const PRODUCER: &str = concat!("mimlet-export ", env!("CARGO_PKG_VERSION"));

/// A scheme's name, as options and reports have it.
pub(crate) fn scheme_name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::F32 => "f32",
        Scheme::F16 => "f16",
        Scheme::Int8 => "int8",
        Scheme::Int4 => "int4",
        Scheme::Mixed => "mixed",
    }
}

/// All of a file but its thresholds.
#[derive(Debug)]
pub(crate) struct Draft<'m> {
    pub(crate) model: &'m FloatModel,
    pub(crate) codebook: Option<&'m FloatCodebook>,
    pub(crate) options: &'m ExportOptions<'m>,
    pub(crate) labels: Vec<u32>,
    pub(crate) images: u32,
    pub(crate) tensors: Tensors<'m>,
    /// Of every layer, or none.
    pub(crate) ranges: Vec<ActivationRange>,
    /// The packed model's own answers, once it has run.
    pub(crate) own: Option<OwnAnswers>,
    /// What drift is measured against, once the packed model has run on enough images.
    pub(crate) drift: Option<DriftReference>,
}

impl Draft<'_> {
    /// Whether the weights come from no checkpoint.
    pub(crate) fn is_random(&self) -> bool {
        self.model.source_hash == [0; 32]
    }

    /// Puts the golden images and the float model's answers in.
    ///
    /// # Errors
    /// [`ExportError::Overflow`] when a feature is beyond f16.
    pub(crate) fn put_golden(
        &mut self,
        images: &[&[u8]],
        answers: &[Answer],
    ) -> Result<(), ExportError> {
        let EncoderConfig {
            image_size: [height, width],
            embed_dim,
            ..
        } = self.model.encoder;
        let (count, patches) = (self.images, self.model.encoder.patches());
        let mut put = |tensor, dtype, bytes, shape: &[u32]| {
            let stored = tensors::array(dtype, bytes, shape);
            self.tensors.insert(TensorRole::Golden(tensor), stored);
        };
        let shape = [count, height, width, EncoderConfig::CHANNELS];
        put(GoldenTensor::Images, DType::U8, images.concat(), &shape);
        let class = gather(answers, |answer| &answer.class);
        let bytes = tensors::bytes_of(&class);
        put(
            GoldenTensor::ClassFeatures,
            DType::F32,
            bytes,
            &[count, embed_dim],
        );
        let features = gather(answers, |answer| &answer.patches);
        let role = TensorRole::Golden(GoldenTensor::PatchFeatures);
        let bytes = tensors::bytes_of(&tensors::to_halves(role, &features)?);
        let shape = [count, patches, embed_dim];
        put(GoldenTensor::PatchFeatures, DType::F16, bytes, &shape);
        if self.codebook.is_some() {
            let shape = [count, patches];
            let bytes = tensors::bytes_of(&gather(answers, |answer| &answer.tokens));
            put(GoldenTensor::Tokens, DType::U32, bytes, &shape);
            let bytes = tensors::bytes_of(&gather(answers, |answer| &answer.margins));
            put(GoldenTensor::Margins, DType::F32, bytes, &shape);
        }
        Ok(())
    }

    /// The file with these thresholds, parsed back.
    ///
    /// # Errors
    /// [`ExportError::Format`], naming the rule that is broken.
    pub(crate) fn seal(&self, thresholds: Thresholds) -> Result<AlignedBytes, ExportError> {
        let model = self.model;
        let acceptance = AcceptanceTest {
            images: self.images,
            labels: self.labels.clone(),
            class_names: self.options.class_names.clone(),
            thresholds,
            own: self.own.clone(),
        };
        let provenance = Provenance {
            name: model.name.clone(),
            producer: PRODUCER.to_owned(),
            source: model.source.clone(),
            source_hash: model.source_hash,
            scheme: self.options.scheme,
            licence: model.licence.clone(),
        };
        let mut writer = ModelWriter::new(
            model.encoder.clone(),
            self.options.preprocess.clone(),
            self.codebook.map(FloatCodebook::entry),
            acceptance,
            provenance,
        );
        writer.ranges(self.ranges.clone());
        if let Some(drift) = &self.drift {
            writer.drift(drift.clone());
        }
        tensors::write_all(&mut writer, &self.tensors);
        Ok(writer.finish()?)
    }

    /// Parses a sealed file, holds it to the target and runs its acceptance test.
    ///
    /// # Errors
    /// As parsing, planning and running do; a test that is not passed is in the proof.
    pub(crate) fn verify(&self, bytes: &[u8]) -> Result<Proof, ExportError> {
        let model = Model::parse(bytes)?;
        let plan = Plan::new(model.manifest())?;
        if let Some(target) = &self.options.target {
            target.fits(model.manifest(), &plan, bytes.len() as u64)?;
        }
        let mut encoder = Encoder::on_cpu(&model, threads())?;
        let mut evidence = Evidence::new(&model);
        let verdict = acceptance::run_seen(&model, &mut encoder, |found| evidence.see(found))?;
        let (images, margins) = evidence.reports();
        Ok(Proof {
            hash: blake3::Hash::from(model.hash()).to_hex().to_string(),
            sizes: SizeReport::of(model.manifest(), bytes.len() as u64),
            plan,
            verdict,
            images,
            margins,
        })
    }
}

/// What a sealed file turned out to be when it was parsed back and run.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) hash: String,
    pub(crate) plan: Plan,
    pub(crate) sizes: SizeReport,
    pub(crate) verdict: Verdict,
    pub(crate) images: Vec<ImageReport>,
    pub(crate) margins: Option<MarginReport>,
}

/// An array of all answers.
fn gather<T: Copy>(answers: &[Answer], part: impl Fn(&Answer) -> &Vec<T>) -> Vec<T> {
    answers
        .iter()
        .flat_map(|answer| part(answer).iter().copied())
        .collect()
}

/// Threads to run on: results do not depend on their number.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
