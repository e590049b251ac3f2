//! A GPU that is open, and its errors caught.

use crate::adapters::{AdapterDescription, Adapters, Choice, device_limits};
use crate::error::{WgpuError, one_line};
use crate::experimental;
#[cfg(not(target_arch = "wasm32"))]
use crate::matrices::{self, Probe};
#[cfg(not(target_arch = "wasm32"))]
use crate::requirements::MATRICES;
use crate::requirements::{Requirements, features_of, required_limits};
use crate::signal::Signal;
use mimlet_kernels::{Matrices, Variant};
use mimlet_runtime::DeviceLimits;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use wgpu::{BufferAsyncError, Features, PollType};

/// An open GPU. Clones share it.
#[derive(Clone)]
pub struct Gpu {
    pub(crate) device: wgpu::Device,
    pub(crate) queue: wgpu::Queue,
    description: Arc<AdapterDescription>,
    /// Those that it was seen to multiply right.
    matrices: Arc<[Matrices]>,
    faults: Arc<Faults>,
}

/// What the driver reported outside any call of ours.
#[derive(Debug, Default)]
struct Faults {
    lost: OnceLock<String>,
    uncaptured: Mutex<Option<Fault>>,
}

/// An error of wgpu, not yet told what it befell.
#[derive(Debug)]
pub(crate) enum Fault {
    OutOfMemory,
    Refused(String),
    Lost(String),
}

impl Gpu {
    /// Opens a GPU of [`Adapters::list`].
    ///
    /// # Errors
    /// [`WgpuError`]: there is none, it has less than required, or its driver refuses.
    ///
    /// ```no_run
    /// use mimlet_runtime::{Encoder, Plan};
    /// use mimlet_wgpu::{Choice, Gpu, Requirements, Tuning, WgpuBackend};
    /// # fn encode(model: &mimlet_format::Model<'_>, image: &[f32]) -> Result<(), Box<dyn std::error::Error>> {
    /// let plan = Plan::new(model.manifest())?;
    /// let gpu = Gpu::open(&Choice::Best, &Requirements::Plan(&plan))?;
    /// let backend = WgpuBackend::new(&gpu, model, &plan, Tuning::VendorOrder)?;
    /// let mut encoder = Encoder::new(model, &plan, Box::new(backend));
    /// println!("{:?}", encoder.encode(image)?.tokens);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(choice: &Choice, requirements: &Requirements<'_>) -> Result<Self, WgpuError> {
        pollster::block_on(Self::open_async(choice, requirements))
    }

    /// As `Gpu::open`, where nothing may wait: in a browser.
    ///
    /// # Errors
    /// As `Gpu::open`.
    pub async fn open_async(
        choice: &Choice,
        requirements: &Requirements<'_>,
    ) -> Result<Self, WgpuError> {
        let adapters = Adapters::list_async().await;
        adapters.open_async(choice, requirements).await
    }

    /// Opens an adapter, with matrices where it lists some that are wanted and multiplies them right.
    pub(crate) async fn on(
        adapter: &wgpu::Adapter,
        wanted: &Requirements<'_>,
    ) -> Result<Self, WgpuError> {
        // The browser has none.
        #[cfg(target_arch = "wasm32")]
        return Self::with(adapter, wanted, Features::empty()).await;
        #[cfg(not(target_arch = "wasm32"))]
        {
            let probes = matrices::probes(adapter, wanted);
            Self::probed(adapter, wanted, MATRICES, &probes).await
        }
    }

    /// Opens an adapter with a feature more where probes hold with it, and without where none does.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) async fn probed(
        adapter: &wgpu::Adapter,
        wanted: &Requirements<'_>,
        feature: Features,
        probes: &[Probe],
    ) -> Result<Self, WgpuError> {
        match Self::proven(adapter, wanted, feature, probes).await {
            Some(gpu) => Ok(gpu),
            None => Self::with(adapter, wanted, Features::empty()).await,
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    async fn proven(
        adapter: &wgpu::Adapter,
        wanted: &Requirements<'_>,
        feature: Features,
        probes: &[Probe],
    ) -> Option<Self> {
        if probes.is_empty() {
            return None;
        }
        let gpu = Self::with(adapter, wanted, feature).await.ok()?;
        let mut proven = Vec::new();
        for probe in probes {
            // A device that one of them is the end of is none to use.
            if probe.holds(&gpu).await.ok()? {
                proven.push(probe.matrices);
            }
        }
        (!proven.is_empty()).then(|| Self {
            matrices: proven.into(),
            ..gpu
        })
    }

    async fn with(
        adapter: &wgpu::Adapter,
        wanted: &Requirements<'_>,
        feature: Features,
    ) -> Result<Self, WgpuError> {
        let description = AdapterDescription::of(adapter);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("mimlet"),
            required_features: wanted.features(adapter.features()) | feature,
            required_limits: required_limits(&description, adapter.limits(), wanted)?,
            experimental_features: match feature.intersects(Features::all_experimental_mask()) {
                true => experimental::allowed(),
                false => wgpu::ExperimentalFeatures::disabled(),
            },
            // Blocks as large as a desktop likes would dwarf a small encoder's weights.
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        };
        let opened = adapter.request_device(&descriptor).await;
        let (device, queue) = opened.map_err(|error| WgpuError::DeviceRefused {
            adapter: description.name.clone(),
            reason: one_line(&error.to_string()),
        })?;
        let faults = Arc::new(Faults::default());
        let lost = Arc::clone(&faults);
        device.set_device_lost_callback(move |_, message| {
            // The first report is the cause; later ones follow from it.
            let _ = lost.lost.set(one_line(&message));
        });
        let uncaptured = Arc::clone(&faults);
        device.on_uncaptured_error(Arc::new(move |error| {
            let mut first = uncaptured
                .uncaptured
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(Fault::of(error));
        }));
        Ok(Self {
            device,
            queue,
            description: Arc::new(description),
            matrices: Arc::default(),
            faults,
        })
    }

    /// The adapter; its limits are the adapter's own, not those the GPU was opened with.
    #[must_use]
    pub fn description(&self) -> &AdapterDescription {
        &self.description
    }

    /// The limits it was opened with.
    #[must_use]
    pub fn limits(&self) -> DeviceLimits {
        device_limits(&self.device.limits())
    }

    /// Whether it was opened with everything that a variant needs.
    #[must_use]
    pub fn runs(&self, variant: &Variant) -> bool {
        let has_features = self.device.features().contains(features_of(variant));
        let matrices = variant.matrices();
        has_features && matrices.is_none_or(|matrices| self.matrices.contains(&matrices))
    }

    /// Closes the GPU under everything that uses it. Later calls end in [`WgpuError::DeviceLost`].
    pub fn close(&self) {
        self.device.destroy();
    }

    /// Waits until a submission is done. A browser waits for nothing: there it is the callbacks that
    /// tell.
    pub(crate) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<(), Fault> {
        let waited = self.poll(PollType::Wait {
            submission_index: Some(submission),
            timeout: None,
        });
        match (waited, self.uncaptured()) {
            (Ok(()), Ok(())) => Ok(()),
            (_, Err(fault)) => Err(fault),
            // A submission to a lost device never counts as made.
            (Err(reason), Ok(())) => Err(Fault::Lost(reason)),
        }
    }

    /// Waits until a submission is done and its buffers are mapped.
    pub(crate) async fn mapped(
        &self,
        submission: wgpu::SubmissionIndex,
        buffers: impl IntoIterator<Item = Signal<Result<(), BufferAsyncError>>>,
    ) -> Result<(), Fault> {
        self.wait(submission)?;
        for buffer in buffers {
            buffer.given().await.map_err(|e| Fault::refused(&e))?;
        }
        self.uncaptured()
    }

    /// The first error that came outside any call of ours since this was last asked.
    fn uncaptured(&self) -> Result<(), Fault> {
        let mut first = self
            .faults
            .uncaptured
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        first.take().map_or(Ok(()), Err)
    }

    /// wgpu's poll, which panics when a device turns out lost while it waits.
    fn poll(&self, kind: PollType) -> Result<(), String> {
        match catch_unwind(AssertUnwindSafe(|| self.device.poll(kind))) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(one_line(&error.to_string())),
            Err(_) => Err("the driver gave up while computing".into()),
        }
    }

    /// What is behind a fault: of a lost GPU, wgpu refuses calls, and tells why only when polled.
    pub(crate) fn cause(&self, fault: Fault) -> Fault {
        if self.faults.lost.get().is_none() {
            let _ = self.poll(PollType::Poll);
        }
        match self.faults.lost.get() {
            Some(reason) => Fault::Lost(reason.clone()),
            None => fault,
        }
    }

    /// A fault as an error that says what it befell.
    pub(crate) fn error(&self, what: &str, fault: Fault) -> WgpuError {
        self.cause(fault).befalling(&self.description.name, what)
    }
}

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu")
            .field("description", &self.description)
            .field("limits", &self.limits())
            .finish_non_exhaustive()
    }
}

impl Fault {
    pub(crate) fn of(error: wgpu::Error) -> Self {
        match error {
            wgpu::Error::OutOfMemory { .. } => Self::OutOfMemory,
            wgpu::Error::Validation { description, .. }
            | wgpu::Error::Internal { description, .. } => Self::refused(&description),
        }
    }

    fn befalling(self, adapter: &str, what: &str) -> WgpuError {
        let (adapter, what) = (adapter.to_string(), what.to_string());
        match self {
            Self::OutOfMemory => WgpuError::OutOfMemory { adapter, what },
            Self::Refused(reason) => WgpuError::Refused {
                adapter,
                what,
                reason,
            },
            Self::Lost(reason) => WgpuError::DeviceLost { adapter, reason },
        }
    }

    /// wgpu's words, however many lines.
    pub(crate) fn refused(words: &impl fmt::Display) -> Self {
        Self::Refused(one_line(&words.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::Fault;
    use crate::WgpuError;

    /// No driver here can be brought to run out of memory at will.
    #[test]
    fn memory_that_runs_out_names_the_buffer() {
        let fault = Fault::of(wgpu::Error::OutOfMemory {
            source: "planted".into(),
        });
        let error = fault.befalling("card", "buffer wide of 4096 bytes");
        assert!(matches!(error, WgpuError::OutOfMemory { .. }));
        assert_eq!(
            error.to_string(),
            "card is out of memory at buffer wide of 4096 bytes: use a smaller model or the CPU"
        );
    }

    #[test]
    fn wgpu_s_words_become_one_line() {
        let Fault::Refused(words) = Fault::refused(&"Validation Error\n\nCaused by:\n  that")
        else {
            panic!("not refused")
        };
        assert_eq!(words, "Validation Error Caused by: that");
    }
}
