//! A model and the backends it runs on.

use crate::gpu::{self, GpuEncoder, Offered};
use crate::image;
use crate::object::{array, floats, object, or_null, set, verdict};
use crate::opened::{self, Opened};
use crate::trial::{self, Trial, milliseconds};
use js_sys::{Object, Uint8Array, Uint32Array};
use mimlet_format::AlignedBytes;
use mimlet_runtime::Encoding;
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
    /// test (`auto`), which never is a GPU that is none. What each came to.
    ///
    /// # Errors
    /// The backend is not here, or none passes.
    pub async fn climb(&mut self, backend: String) -> Result<JsValue, JsError> {
        match backend.as_str() {
            "wasm" => {
                self.gpu = None;
                let cpu = self
                    .opened
                    .with_dependent_mut(|_, parsed| Ok(parsed.cpu()?.describe()));
                let name = cpu.map_err(|reason: String| JsError::new(&reason))?;
                Ok(array([standing("wasm", &name, "chosen", None)]))
            }
            "webgpu" => {
                let gpu = self
                    .open_gpu()
                    .await
                    .map_err(|reason| JsError::new(&reason))?;
                let name = gpu.describe();
                self.gpu = Some(gpu);
                self.opened
                    .with_dependent_mut(|_, parsed| parsed.drop_cpu());
                Ok(array([standing("webgpu", &name, "chosen", None)]))
            }
            "auto" => self.fastest().await,
            other => Err(JsError::new(&format!(
                "backend is {other:?}: it must be \"auto\", \"webgpu\" or \"wasm\""
            ))),
        }
    }

    async fn open_gpu(&self) -> Result<GpuEncoder, String> {
        let parsed = self.opened.borrow_dependent();
        let opened = GpuEncoder::new(&parsed.model, &parsed.plan).await;
        opened.map_err(|error| error.to_string())
    }

    /// The GPU's trial, and the encoder it ran on.
    async fn try_gpu(&self) -> (Option<GpuEncoder>, Result<Trial, String>) {
        match self.open_gpu().await {
            Ok(mut encoder) => {
                let trial = trial::on_gpu(self.opened.borrow_dependent(), &mut encoder).await;
                (Some(encoder), trial)
            }
            Err(reason) => (None, Err(reason)),
        }
    }

    /// Tries both backends and keeps the fastest that passes.
    async fn fastest(&mut self) -> Result<JsValue, JsError> {
        let cpu = self
            .opened
            .with_dependent_mut(|_, parsed| trial::on_cpu(parsed));
        let (gpu, on_gpu) = match gpu::offered().await {
            Offered::Nothing => (None, Err("this browser shows no GPU".to_owned())),
            Offered::Software => {
                let reason = "its GPU is software: the CPU by a longer way";
                (None, Err(reason.to_owned()))
            }
            Offered::Hardware => self.try_gpu().await,
        };
        let ms = |tried: &Result<Trial, String>| tried.as_ref().ok().and_then(|t| t.median_ms);
        let kept_gpu = match (ms(&on_gpu), ms(&cpu)) {
            (Some(gpu), Some(cpu)) => gpu < cpu,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => {
                let why = |tried: &Result<Trial, String>| match tried {
                    Ok(trial) => trial.verdict.failures.join("; "),
                    Err(reason) => reason.clone(),
                };
                return Err(JsError::new(&format!(
                    "no backend of this browser runs this model right: webgpu: {}; wasm: {}",
                    why(&on_gpu),
                    why(&cpu)
                )));
            }
        };
        let tried = [
            tried("webgpu", &on_gpu, kept_gpu),
            tried("wasm", &cpu, !kept_gpu),
        ];
        self.gpu = gpu.filter(|_| kept_gpu);
        if kept_gpu {
            self.opened
                .with_dependent_mut(|_, parsed| parsed.drop_cpu());
        }
        Ok(array(tried))
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

    /// Encodes RGBA bytes of `width` x `height` pixels.
    ///
    /// # Errors
    /// The bytes are too few or too many, or the backend fails.
    pub async fn encode_rgba(
        &mut self,
        rgba: Vec<u8>,
        width: u32,
        height: u32,
    ) -> Result<JsValue, JsError> {
        let start = Instant::now();
        let preprocessor = &self.opened.borrow_dependent().preprocessor;
        let pixels = image::from_rgba(preprocessor, &rgba, width, height)?;
        self.encode(&pixels, milliseconds(start)).await
    }

    /// Encodes a PNG, JPEG or WebP file.
    ///
    /// # Errors
    /// What is wrong with the file of that name; or the backend fails.
    pub async fn encode_file(&mut self, bytes: Vec<u8>, name: String) -> Result<JsValue, JsError> {
        let start = Instant::now();
        let preprocessor = &self.opened.borrow_dependent().preprocessor;
        let pixels = image::from_file(preprocessor, &bytes, &name)?;
        self.encode(&pixels, milliseconds(start)).await
    }

    async fn encode(&mut self, pixels: &[u8], prepare_ms: f64) -> Result<JsValue, JsError> {
        let start = Instant::now();
        let encoded = match &mut self.gpu {
            Some(gpu) => {
                gpu.encode_pixels(pixels).await?;
                encoding(&gpu.encoding)
            }
            None => self.opened.with_dependent_mut(|_, parsed| {
                let encoder = parsed.cpu().map_err(|reason| JsError::new(&reason))?;
                Ok::<_, JsError>(encoding(encoder.encode_pixels(pixels)?))
            })?,
        };
        set(&encoded, "milliseconds", milliseconds(start).into());
        set(&encoded, "prepareMilliseconds", prepare_ms.into());
        Ok(encoded.into())
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

/// What a backend came to.
fn tried(backend: &str, tried: &Result<Trial, String>, kept: bool) -> JsValue {
    match tried {
        Ok(trial) => {
            let name = &trial.verdict.backend;
            let standing_as = if kept { "chosen" } else { "slower" };
            let outcome = if trial.verdict.passed() {
                standing_as
            } else {
                "failed"
            };
            standing(backend, name, outcome, Some(trial)).into()
        }
        Err(reason) => {
            let standing = standing(backend, backend, "unavailable", None);
            set(
                &Object::from(standing.clone()),
                "reason",
                reason.as_str().into(),
            );
            standing.into()
        }
    }
}

fn standing(backend: &str, name: &str, outcome: &str, trial: Option<&Trial>) -> Object {
    object([
        ("backend", backend.into()),
        ("name", name.into()),
        ("outcome", outcome.into()),
        (
            "verdict",
            or_null(trial.map(|trial| verdict(&trial.verdict))),
        ),
        ("medianMs", or_null(trial.and_then(|trial| trial.median_ms))),
    ])
}
