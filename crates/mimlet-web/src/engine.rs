//! A model and the backends it runs on.

use crate::gpu::{self, Choose, GpuEncoder, Offered};
use crate::image::{self, Prepared};
use crate::object::{array, floats, object, or_null, set, verdict};
use crate::opened::{self, Opened};
use crate::standing::{Backend, Tried, standing};
use crate::trial::{self, Trial, milliseconds};
use js_sys::{Object, Uint8Array, Uint32Array};
use mimlet_format::AlignedBytes;
use mimlet_runtime::{EncodeError, Encoder, Encoding};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsError, JsValue};
use web_time::Instant;

/// A model file, open. Only one call at a time may be under way: `mimlet.js` sees to that.
#[wasm_bindgen]
#[allow(
    missing_debug_implementations,
    reason = "it is shown to JavaScript alone, which has no use for it"
)]
pub struct Engine {
    opened: Opened,
    /// Where it runs when that is not WebAssembly.
    gpu: Option<GpuEncoder>,
    report: Vec<(Backend, Tried)>,
    /// Whether WebAssembly takes over when the GPU fails.
    falls_back: bool,
}

#[wasm_bindgen]
impl Engine {
    /// Parses, checks and plans a file.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: &Uint8Array) -> Result<Engine, JsError> {
        let mut aligned = AlignedBytes::zeroed(bytes.length() as usize);
        bytes.copy_to(&mut aligned);
        Ok(Self {
            opened: opened::open(aligned)?,
            gpu: None,
            report: Vec::new(),
            falls_back: false,
        })
    }

    /// What the file says of itself.
    #[must_use]
    pub fn info(&self) -> JsValue {
        let parsed = self.opened.borrow_dependent();
        let manifest = parsed.model.manifest();
        let (config, provenance) = (&manifest.encoder, &manifest.provenance);
        let hash = parsed.model.hash();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let scheme = format!("{:?}", provenance.scheme).to_lowercase();
        let info = object([
            ("name", provenance.name.as_str().into()),
            ("scheme", scheme.into()),
            ("hash", hash.into()),
            ("bytes", (parsed.model.bytes().len() as f64).into()),
            ("imageSize", array(config.image_size)),
            ("grid", array(config.grid())),
            ("patchSize", config.patch_size.into()),
            ("dim", config.embed_dim.into()),
            ("depth", config.depth.into()),
            ("heads", config.num_heads.into()),
            (
                "resizeShortSide",
                manifest.preprocess.resize_short_side.into(),
            ),
            ("licence", or_null(provenance.licence.as_deref())),
        ]);
        let codebook = manifest.codebook.as_ref();
        set(&info, "codebookSize", or_null(codebook.map(|c| c.size)));
        let test = &manifest.acceptance;
        set(&info, "goldenImages", test.images.into());
        set(&info, "wideMargin", test.thresholds.wide_margin.into());
        info.into()
    }

    /// Goes to a backend: `webgpu`, `wasm`, or the fastest of the two that passes the file's acceptance
    /// test (`auto`). `tuning` says how a GPU's kernels are chosen: `measured`, by its `vendor`, or as
    /// suits it (`auto`). `software` lets a GPU that is software take part in `auto`.
    ///
    /// # Errors
    /// The backend is not here, or none passes; it then runs where it ran before.
    pub async fn climb(
        &mut self,
        backend: String,
        tuning: String,
        software: bool,
    ) -> Result<(), JsError> {
        let tuning = Choose::named(&tuning)
            .ok_or_else(|| wrong("tuning", &tuning, "\"auto\", \"measured\" or \"vendor\""))?;
        match backend.as_str() {
            "wasm" => {
                let name = self.cpu(|encoder| Ok(encoder.describe()))?;
                self.settle(None, vec![(Backend::Wasm, Tried::Unproven(name))]);
            }
            "webgpu" => {
                let gpu = self.open_gpu(tuning).await;
                let gpu = gpu.map_err(|reason| JsError::new(&reason))?;
                let report = vec![(Backend::WebGpu, Tried::Unproven(gpu.describe()))];
                self.settle(Some(gpu), report);
            }
            "auto" => self.fastest(tuning, software).await?,
            other => return Err(wrong("backend", other, "\"auto\", \"webgpu\" or \"wasm\"")),
        }
        self.falls_back = backend == "auto";
        Ok(())
    }

    /// What each backend that was tried came to.
    #[must_use]
    pub fn report(&self) -> JsValue {
        let chosen = self.backend();
        let report = self.report.iter();
        array(report.map(|(backend, tried)| standing(*backend, tried, chosen)))
    }

    fn backend(&self) -> Backend {
        match self.gpu {
            Some(_) => Backend::WebGpu,
            None => Backend::Wasm,
        }
    }

    /// From now on it runs on this GPU, or without one on WebAssembly.
    fn settle(&mut self, gpu: Option<GpuEncoder>, report: Vec<(Backend, Tried)>) {
        self.gpu = gpu;
        self.report = report;
        if self.gpu.is_some() {
            self.opened
                .with_dependent_mut(|_, parsed| parsed.drop_cpu());
        }
    }

    fn cpu<T>(
        &mut self,
        call: impl FnOnce(&mut Encoder<'_>) -> Result<T, EncodeError>,
    ) -> Result<T, JsError> {
        self.opened.with_dependent_mut(|_, parsed| {
            let encoder = parsed.cpu().map_err(|reason| JsError::new(&reason))?;
            Ok(call(encoder)?)
        })
    }

    async fn open_gpu(&self, tuning: Choose) -> Result<GpuEncoder, String> {
        let parsed = self.opened.borrow_dependent();
        let opened = GpuEncoder::new(&parsed.model, &parsed.plan, tuning).await;
        opened.map_err(|error| error.to_string())
    }

    /// The GPU's trial, and the encoder it ran on.
    async fn try_gpu(&self, tuning: Choose) -> (Option<GpuEncoder>, Result<Trial, String>) {
        match self.open_gpu(tuning).await {
            Ok(mut encoder) => {
                let trial = trial::on_gpu(self.opened.borrow_dependent(), &mut encoder).await;
                (Some(encoder), trial)
            }
            Err(reason) => (None, Err(reason)),
        }
    }

    /// Tries both backends and keeps the fastest that passes.
    async fn fastest(&mut self, tuning: Choose, software: bool) -> Result<(), JsError> {
        let on_cpu = self
            .opened
            .with_dependent_mut(|_, parsed| trial::on_cpu(parsed));
        let (gpu, on_gpu) = match gpu::offered().await {
            Offered::Nothing => (None, Err("this browser shows no GPU".to_owned())),
            Offered::Software if !software => {
                let reason = "its GPU is software: the CPU by a longer way";
                (None, Err(reason.to_owned()))
            }
            Offered::Software | Offered::Hardware => self.try_gpu(tuning).await,
        };
        let (on_gpu, on_cpu) = (Tried::from(on_gpu), Tried::from(on_cpu));
        let keep_gpu = match (on_gpu.passed_ms(), on_cpu.passed_ms()) {
            (Some(gpu), Some(cpu)) => gpu < cpu,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => {
                return Err(JsError::new(&format!(
                    "no backend of this browser runs this model right: webgpu: {}; wasm: {}",
                    on_gpu.reason(),
                    on_cpu.reason()
                )));
            }
        };
        let report = vec![(Backend::WebGpu, on_gpu), (Backend::Wasm, on_cpu)];
        self.settle(gpu.filter(|_| keep_gpu), report);
        Ok(())
    }

    /// Runs the file's acceptance test where it runs now.
    ///
    /// # Errors
    /// The backend fails. Wrong results are no error but a verdict that has not passed.
    pub async fn verify(&mut self) -> Result<JsValue, JsError> {
        let trial = match &mut self.gpu {
            Some(gpu) => trial::on_gpu(self.opened.borrow_dependent(), gpu).await,
            None => self
                .opened
                .with_dependent_mut(|_, parsed| trial::on_cpu(parsed)),
        };
        let trial = trial.map_err(|reason| JsError::new(&reason))?;
        let found = verdict(&trial.verdict);
        set(&found, "medianMs", or_null(trial.median_ms));
        Ok(found.into())
    }

    /// RGBA bytes of `width` x `height` pixels as an image to encode.
    ///
    /// # Errors
    /// The bytes are too few or too many.
    pub fn prepare_rgba(&self, rgba: &[u8], width: u32, height: u32) -> Result<Prepared, JsError> {
        let preprocessor = &self.opened.borrow_dependent().preprocessor;
        image::from_rgba(preprocessor, rgba, width, height)
    }

    /// A PNG, JPEG or WebP file as an image to encode.
    ///
    /// # Errors
    /// What is wrong with the file of that name.
    pub fn prepare_file(&self, bytes: &[u8], name: &str) -> Result<Prepared, JsError> {
        let preprocessor = &self.opened.borrow_dependent().preprocessor;
        image::from_file(preprocessor, bytes, name)
    }

    /// How many images at once are best, where there are many: 1 where several gain nothing.
    #[must_use]
    pub fn images_at_once(&self) -> usize {
        self.gpu.as_ref().map_or(1, GpuEncoder::images_at_once)
    }

    /// Encodes images: on a GPU together, as many as there is room for.
    ///
    /// # Errors
    /// The backend fails.
    pub async fn encode(&mut self, images: Vec<Prepared>) -> Result<JsValue, JsError> {
        let start = Instant::now();
        let pixels: Vec<&[u8]> = images.iter().map(|image| &*image.pixels).collect();
        let on_gpu = match &mut self.gpu {
            Some(gpu) => match gpu.encode_batch(&pixels).await {
                Ok(encodings) => Some(encodings.iter().map(encoding).collect()),
                Err(error) if self.falls_back => {
                    self.leave_gpu(error.to_string());
                    None
                }
                Err(error) => return Err(error.into()),
            },
            None => None,
        };
        let encoded: Vec<Object> = match on_gpu {
            Some(encoded) => encoded,
            None => self.cpu(|encoder| {
                let mut one = |pixels: &&[u8]| Ok(encoding(encoder.encode_pixels(pixels)?));
                pixels.iter().map(&mut one).collect()
            })?,
        };
        let share = milliseconds(start) / images.len() as f64;
        for (encoded, image) in encoded.iter().zip(&images) {
            set(encoded, "backend", self.backend().name().into());
            set(encoded, "milliseconds", share.into());
            set(encoded, "prepareMilliseconds", image.milliseconds.into());
        }
        Ok(array(encoded))
    }

    /// Goes on without the GPU, which failed.
    fn leave_gpu(&mut self, reason: String) {
        self.gpu = None;
        for (backend, tried) in &mut self.report {
            if *backend == Backend::WebGpu {
                *tried = Tried::Unavailable(reason.clone());
            }
        }
    }
}

/// What an image was encoded to.
fn encoding(encoding: &Encoding) -> Object {
    object([
        ("tokens", Uint32Array::from(&*encoding.tokens).into()),
        ("distances", floats(&encoding.distances)),
        ("margins", floats(&encoding.margins)),
        ("class", floats(&encoding.class)),
        ("features", floats(&encoding.patches)),
    ])
}

/// An option that means nothing.
fn wrong(option: &str, found: &str, allowed: &str) -> JsError {
    JsError::new(&format!("{option} is {found:?}: it must be {allowed}"))
}
