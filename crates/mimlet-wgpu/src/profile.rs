//! What each dispatch costs, by the GPU's own clock where it has one.

use crate::buffers;
use crate::gpu::{Fault, Gpu};
use crate::maker::{Made, Maker};
use crate::program::Work;
use crate::signal::signal;
use crate::texels;
use mimlet_runtime::WorkCost;
use wgpu::{
    BufferDescriptor, BufferUsages, ComputePassDescriptor, ComputePassTimestampWrites, Features,
    MapMode, QuerySet, QuerySetDescriptor, QueryType,
};

/// Runs the work once, a pass for each dispatch.
pub(crate) async fn profile(gpu: &Gpu, work: &[Work]) -> Result<Vec<WorkCost>, Fault> {
    let mut costs: Vec<WorkCost> = work.iter().map(cost).collect();
    let timed = gpu.device.features().contains(Features::TIMESTAMP_QUERY);
    if timed && !work.is_empty() {
        let ticks = ticks(gpu, work).await?;
        let ms = |from: u64, to: u64| {
            let ticks = to.saturating_sub(from) as f64;
            ticks * f64::from(gpu.queue.get_timestamp_period()) / 1e6
        };
        let mut ends = ticks.as_chunks::<2>().0.iter();
        let mut last_end = ends.as_slice().first().map_or(0, |first| first[0]);
        for (work, cost) in work.iter().zip(&mut costs) {
            // Passes alone are timed: a copy has what lies between two.
            let (from, to) = match work {
                Work::Copy { .. } => (last_end, ends.as_slice().first().map_or(0, |next| next[0])),
                Work::Dispatch(_) => ends.next().map_or((0, 0), |&[from, to]| (from, to)),
            };
            cost.ms = Some(ms(from, to));
            last_end = to;
        }
    }
    Ok(costs)
}

fn cost(work: &Work) -> WorkCost {
    match work {
        Work::Copy {
            buffer, texture, ..
        } => WorkCost {
            name: "copy",
            shape: String::new(),
            bytes: buffer.size() + texels::bytes(texture),
            ms: None,
        },
        Work::Dispatch(prepared) => WorkCost {
            name: prepared.name,
            shape: prepared.shape.clone(),
            bytes: prepared.bytes,
            ms: None,
        },
    }
}

/// The clock at the beginning and the end of each dispatch.
async fn ticks(gpu: &Gpu, work: &[Work]) -> Result<Vec<u64>, Fault> {
    let dispatches = work.iter().filter(|w| matches!(w, Work::Dispatch(_)));
    let count = 2 * dispatches.count() as u32;
    let bytes = u64::from(count) * 8;
    let maker = Maker::new(gpu);
    let readback = buffers::readback(&maker, bytes);
    let (queries, resolved) = maker.make(Made::Object("a clock".into()), |device| {
        let queries = device.create_query_set(&QuerySetDescriptor {
            label: Some("clock"),
            ty: QueryType::Timestamp,
            count,
        });
        let resolved = device.create_buffer(&BufferDescriptor {
            label: Some("clock"),
            size: bytes,
            usage: BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        (queries, resolved)
    });
    let (notify, mapped) = signal();
    let submission = maker.make(Made::Object("a timed run".into()), |device| {
        let mut encoder = device.create_command_encoder(&Default::default());
        record_timed(work, &queries, &mut encoder);
        encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &readback, 0, bytes);
        encoder.map_buffer_on_submit(&readback, MapMode::Read, .., notify);
        gpu.queue.submit([encoder.finish()])
    });
    maker.fault().await.map_err(|(_, fault)| fault)?;
    gpu.mapped(submission, [mapped]).await?;
    let view = readback
        .get_mapped_range(..)
        .map_err(|error| Fault::refused(&error))?;
    Ok(bytemuck::pod_collect_to_vec(&view))
}

fn record_timed(work: &[Work], queries: &QuerySet, encoder: &mut wgpu::CommandEncoder) {
    let mut next = 0;
    for work in work {
        match work {
            Work::Copy {
                buffer,
                texture,
                texel,
            } => texels::record_copy(encoder, buffer, texture, *texel),
            Work::Dispatch(prepared) => {
                let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor {
                    label: Some(prepared.name),
                    timestamp_writes: Some(ComputePassTimestampWrites {
                        query_set: queries,
                        beginning_of_pass_write_index: Some(next),
                        end_of_pass_write_index: Some(next + 1),
                    }),
                });
                prepared.record(&mut pass);
                next += 2;
            }
        }
    }
}
