//! Rungs with planted faults: a CPU backend whose answers are changed on the way out.

use mimlet_format::{Model, ModelFile, include_aligned};
use mimlet_kernels::Level;
use mimlet_runtime::{Backend, BackendError, CpuBackend, Encoder, Encoding, Plan};
use mimlet_session::Rung;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The bundled model.
pub(crate) fn bundled() -> Model<'static> {
    Model::parse(bytes()).unwrap()
}

/// The bundled model as a file.
pub(crate) fn file() -> ModelFile {
    ModelFile::from_bytes(bytes().to_vec()).unwrap()
}

fn bytes() -> &'static [u8] {
    include_aligned!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../models/shapes-tiny/shapes-tiny.int8.mim"
    ))
}

/// What becomes of an answer before anybody sees it; the count of answers so far comes with it.
pub(crate) type Twist = fn(u32, &mut Encoding) -> Result<(), String>;

/// A device that answers as the CPU does, twisted.
#[derive(Clone)]
pub(crate) struct Twisted {
    pub(crate) name: &'static str,
    pub(crate) twist: Twist,
    pub(crate) last_resort: bool,
    pub(crate) stands_in: bool,
    /// Answers given by all encoders of this rung.
    pub(crate) answers: Arc<AtomicU32>,
    /// Encoders made by all of them.
    pub(crate) opened: Arc<AtomicU32>,
    /// Whether it makes no more.
    pub(crate) unplugged: Arc<AtomicBool>,
}

impl Twisted {
    pub(crate) fn new(name: &'static str, twist: Twist) -> Self {
        Self {
            name,
            twist,
            last_resort: false,
            stands_in: false,
            answers: Arc::default(),
            opened: Arc::default(),
            unplugged: Arc::default(),
        }
    }

    /// A device without fault.
    pub(crate) fn right(name: &'static str) -> Self {
        Self::new(name, |_, _| Ok(()))
    }

    /// Answers given so far.
    pub(crate) fn answers(&self) -> u32 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Encoders made so far.
    pub(crate) fn opened(&self) -> u32 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Makes no encoder from now on.
    pub(crate) fn unplug(&self) {
        self.unplugged.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for Twisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Rung for Twisted {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn kind(&self) -> &'static str {
        "planted"
    }

    fn identity(&self) -> String {
        format!("{}, driver 1.0", self.name)
    }

    fn is_last_resort(&self) -> bool {
        self.last_resort
    }

    fn stands_in(&self) -> bool {
        self.stands_in
    }

    fn encoder<'m>(&self, model: &Model<'m>) -> Result<Encoder<'m>, String> {
        if self.unplugged.load(Ordering::Relaxed) {
            return Err("unplugged".into());
        }
        self.opened.fetch_add(1, Ordering::Relaxed);
        let plan = Plan::new(model.manifest()).unwrap();
        let inner = CpuBackend::new(model, &plan, Level::detect(), 1).unwrap();
        let backend = TwistedBackend {
            inner,
            rung: self.clone(),
        };
        Ok(Encoder::new(model, &plan, Box::new(backend)))
    }
}

struct TwistedBackend<'m> {
    inner: CpuBackend<'m>,
    rung: Twisted,
}

impl Backend for TwistedBackend<'_> {
    fn describe(&self) -> String {
        self.rung.name.to_owned()
    }

    fn run(&mut self, image: &[f32], encoding: &mut Encoding) -> Result<(), BackendError> {
        self.inner.run(image, encoding)?;
        let answer = self.rung.answers.fetch_add(1, Ordering::Relaxed);
        (self.rung.twist)(answer, encoding).map_err(|reason| BackendError {
            backend: self.describe(),
            reason,
        })
    }
}
