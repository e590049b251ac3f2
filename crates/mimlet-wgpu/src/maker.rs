//! Makes objects of a GPU, and asks for the errors of all together: a browser answers from another
//! process, and asked about each object it would take longer than to make them.

use crate::error::WgpuError;
use crate::gpu::{Fault, Gpu};
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use wgpu::ErrorFilter;

type Answer = Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>;

/// Makes objects. What an object's error is an error of shows in [`Maker::settle`].
pub(crate) struct Maker {
    gpu: Gpu,
    pending: RefCell<Vec<(Made, [Answer; 3])>>,
}

/// What was made, for an error.
#[derive(Debug, Clone)]
pub(crate) enum Made {
    /// An object or a call, in words.
    Object(String),
    /// Of a kernel: its module or a pipeline.
    Kernel(&'static str),
}

impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maker")
            .field("gpu", &self.gpu)
            .field("pending", &self.pending.borrow().len())
            .finish()
    }
}

impl Maker {
    pub(crate) fn new(gpu: &Gpu) -> Self {
        Self {
            gpu: gpu.clone(),
            pending: RefCell::default(),
        }
    }

    /// On which GPU.
    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Makes something. Whether it is any good shows when the maker is settled; until then what is
    /// made of it is no better.
    pub(crate) fn make<T>(&self, what: Made, make: impl FnOnce(&wgpu::Device) -> T) -> T {
        let device = &self.gpu.device;
        let memory = device.push_error_scope(ErrorFilter::OutOfMemory);
        let internal = device.push_error_scope(ErrorFilter::Internal);
        let validation = device.push_error_scope(ErrorFilter::Validation);
        let made = make(device);
        let answers = [validation, internal, memory].map(|scope| Box::pin(scope.pop()) as Answer);
        self.pending.borrow_mut().push((what, answers));
        made
    }

    /// The first error of all that was made since this was last asked.
    pub(crate) async fn fault(&self) -> Result<(), (Made, Fault)> {
        let pending = self.pending.take();
        let mut first = Ok(());
        for (what, answers) in pending {
            for answer in answers {
                // All are awaited: what is left of an answer nobody heard would end up as an error
                // of its own in a browser's console.
                if let Some(error) = answer.await
                    && first.is_ok()
                {
                    first = Err((what.clone(), Fault::of(error)));
                }
            }
        }
        first
    }

    /// As [`Maker::fault`], told as an error.
    pub(crate) async fn settle(&self) -> Result<(), WgpuError> {
        let settled = self.fault().await;
        settled.map_err(|(what, fault)| match (what, self.gpu.cause(fault)) {
            (Made::Kernel(kernel), Fault::Refused(reason)) => WgpuError::ShaderRejected {
                adapter: self.gpu.description().name.clone(),
                kernel,
                reason,
            },
            (Made::Kernel(kernel), fault) => self.gpu.error(&format!("kernel {kernel}"), fault),
            (Made::Object(what), fault) => self.gpu.error(&what, fault),
        })
    }
}
