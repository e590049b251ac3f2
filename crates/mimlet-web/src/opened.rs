//! A model file in memory, parsed and planned, and its encoder on WebAssembly.

use mimlet_format::{AlignedBytes, Model};
use mimlet_image::Preprocessor;
use mimlet_runtime::{Encoder, Plan};
use self_cell::self_cell;
use wasm_bindgen::JsError;

/// What borrows the file's bytes.
pub(crate) struct Parsed<'m> {
    pub(crate) model: Model<'m>,
    pub(crate) plan: Plan,
    pub(crate) preprocessor: Preprocessor,
    /// Made when it is first asked for.
    cpu: Option<Encoder<'m>>,
}

impl<'m> Parsed<'m> {
    /// The encoder on WebAssembly.
    pub(crate) fn cpu(&mut self) -> Result<&mut Encoder<'m>, String> {
        if self.cpu.is_none() {
            let encoder = Encoder::on_cpu(&self.model, 1).map_err(|error| error.to_string())?;
            self.cpu = Some(encoder);
        }
        self.cpu
            .as_mut()
            .ok_or_else(|| "no encoder was made".to_owned())
    }

    /// Lets go of the encoder on WebAssembly and its buffers.
    pub(crate) fn drop_cpu(&mut self) {
        self.cpu = None;
    }
}

self_cell!(
    /// A file's bytes, and what borrows them.
    pub(crate) struct Opened {
        owner: AlignedBytes,
        #[covariant]
        dependent: Parsed,
    }
);

/// Parses and plans a file.
pub(crate) fn open(bytes: AlignedBytes) -> Result<Opened, JsError> {
    Opened::try_new(bytes, |bytes| {
        let model = Model::parse(bytes)?;
        let manifest = model.manifest();
        let plan = Plan::new(manifest)?;
        let preprocessor = Preprocessor::new(&manifest.preprocess, manifest.encoder.image_size)?;
        Ok(Parsed {
            plan,
            preprocessor,
            cpu: None,
            model,
        })
    })
}
