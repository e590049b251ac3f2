//! A driver's compiled pipelines, kept between runs. Desktop drivers keep their own; on Android that is
//! left to the application.

use crate::gpu::Gpu;
use crate::kept::KeptFile;
use crate::maker::{Made, Maker};
use std::path::Path;
use wgpu::{Features, PipelineCache, PipelineCacheDescriptor};

/// Pipelines that a driver need not compile again, and their file.
#[derive(Debug)]
pub(crate) struct KeptPipelines {
    pub(crate) cache: PipelineCache,
    file: KeptFile,
    /// What the file holds.
    kept: Option<Vec<u8>>,
}

impl KeptPipelines {
    /// Those of a folder for a GPU; `None` where its backend or driver keeps none for others.
    pub(crate) async fn open(gpu: &Gpu, folder: Option<&Path>) -> Option<Self> {
        if !gpu.device.features().contains(Features::PIPELINE_CACHE) {
            return None;
        }
        let file = KeptFile::of(gpu.description(), folder?, "pipelines");
        let kept = file.read();
        let maker = Maker::new(gpu);
        let cache = maker.make(Made::Object("the pipeline cache".into()), |device| {
            create(device, kept.as_deref())
        });
        maker.fault().await.ok()?;
        Some(Self { cache, file, kept })
    }

    /// Writes the file, if the driver has come to hold more.
    pub(crate) fn save(&mut self) {
        let data = self.cache.get_data();
        if let Some(data) = &data
            && self.kept.as_ref() != Some(data)
        {
            self.file.write(data);
        }
        self.kept = data;
    }
}

#[allow(
    unsafe_code,
    reason = "a driver's own data cannot be checked: wgpu asks for a promise"
)]
fn create(device: &wgpu::Device, data: Option<&[u8]>) -> PipelineCache {
    let descriptor = PipelineCacheDescriptor {
        label: Some("mimlet"),
        data,
        fallback: true,
    };
    // SAFETY: data comes from `get_data`. It was read from a `KeptFile`, which has been written from
    // nothing else and gives back only what a BLAKE3 over content, adapter, driver and wgpu's version
    // finds whole; wgpu itself holds the data's head to the adapter and the driver's own identity.
    unsafe { device.create_pipeline_cache(&descriptor) }
}
