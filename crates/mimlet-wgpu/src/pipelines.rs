//! Compiled kernels: one module a kernel, one pipeline for each set of constants.

use crate::maker::{Made, Maker};
use crate::texels;
use mimlet_kernels::{Access, Call, WgslKernel};
use std::collections::HashMap;
use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindGroupLayoutDescriptor,
    BindGroupLayoutEntry, BindingResource, BindingType, Buffer, BufferBindingType, ComputePipeline,
    ComputePipelineDescriptor, PipelineCache, PipelineCompilationOptions, PipelineLayout,
    PipelineLayoutDescriptor, ShaderModule, ShaderModuleDescriptor, ShaderSource, ShaderStages,
    TextureView, TextureViewDimension,
};

/// Compiles kernels, each with each set of constants once.
#[derive(Debug)]
pub(crate) struct Pipelines<'k> {
    maker: &'k Maker,
    /// Where a driver looks first.
    cache: Option<&'k PipelineCache>,
    modules: HashMap<&'static str, Module>,
    compiled: HashMap<Key, ComputePipeline>,
}

/// A kernel's name and its constants, numbers by their bits.
type Key = (&'static str, Vec<(&'static str, u64)>);

#[derive(Debug)]
struct Module {
    module: ShaderModule,
    bindings: BindGroupLayout,
    layout: PipelineLayout,
}

/// What a binding is bound to.
#[derive(Debug)]
pub(crate) enum Bound {
    Buffer(Buffer),
    Texture(TextureView),
}

impl Bound {
    fn bytes(&self) -> u64 {
        match self {
            Self::Buffer(buffer) => buffer.size(),
            Self::Texture(view) => texels::bytes(view.texture()),
        }
    }
}

/// A dispatch that is ready to record.
#[derive(Debug)]
pub(crate) struct Prepared {
    pipeline: ComputePipeline,
    bindings: BindGroup,
    workgroups: [u32; 3],
    pub(crate) name: &'static str,
    /// Its constants, for people.
    pub(crate) shape: String,
    /// Bytes of everything it binds.
    pub(crate) bytes: u64,
}

impl Prepared {
    /// Records the dispatch.
    pub(crate) fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y, z] = self.workgroups;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

impl<'k> Pipelines<'k> {
    pub(crate) fn new(maker: &'k Maker, cache: Option<&'k PipelineCache>) -> Self {
        Self {
            maker,
            cache,
            modules: HashMap::new(),
            compiled: HashMap::new(),
        }
    }

    /// A dispatch of a kernel on what is bound, in the order of its bindings.
    pub(crate) fn prepare(
        &mut self,
        kernel: &'static WgslKernel,
        call: &Call,
        bound: &[Bound],
    ) -> Prepared {
        let pipeline = self.compile(kernel, call);
        let entries: Vec<BindGroupEntry<'_>> = (0..)
            .zip(bound)
            .map(|(binding, bound)| BindGroupEntry {
                binding,
                resource: match bound {
                    Bound::Buffer(buffer) => buffer.as_entire_binding(),
                    Bound::Texture(view) => BindingResource::TextureView(view),
                },
            })
            .collect();
        let descriptor = BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &self.modules[kernel.name].bindings,
            entries: &entries,
        };
        let made = Made::Object(format!("the bindings of {}", kernel.name));
        let bindings = self
            .maker
            .make(made, |device| device.create_bind_group(&descriptor));
        Prepared {
            pipeline,
            bindings,
            workgroups: call.workgroups,
            name: kernel.name,
            shape: shape(call),
            bytes: bound.iter().map(Bound::bytes).sum(),
        }
    }

    /// A kernel with a call's constants, for whichever grid.
    pub(crate) fn compile(&mut self, kernel: &'static WgslKernel, call: &Call) -> ComputePipeline {
        let bits = call
            .constants
            .iter()
            .map(|&(name, value)| (name, value.to_bits()))
            .collect();
        let key = (kernel.name, bits);
        if let Some(pipeline) = self.compiled.get(&key) {
            return pipeline.clone();
        }
        let make = || {
            self.maker
                .make(Made::Kernel(kernel.name), |device| module(device, kernel))
        };
        let module = self.modules.entry(kernel.name).or_insert_with(make);
        let descriptor = ComputePipelineDescriptor {
            label: Some(kernel.name),
            layout: Some(&module.layout),
            module: &module.module,
            entry_point: Some("main"),
            compilation_options: PipelineCompilationOptions {
                constants: &call.constants,
                zero_initialize_workgroup_memory: false,
            },
            cache: self.cache,
        };
        let pipeline = self.maker.make(Made::Kernel(kernel.name), |device| {
            device.create_compute_pipeline(&descriptor)
        });
        self.compiled.insert(key, pipeline.clone());
        pipeline
    }
}

/// `rows 197, inputs 192`.
pub(crate) fn shape(call: &Call) -> String {
    let constants = call.constants.iter();
    let words = constants.map(|(name, value)| format!("{} {value}", name.to_lowercase()));
    words.collect::<Vec<_>>().join(", ")
}

fn module(device: &wgpu::Device, kernel: &WgslKernel) -> Module {
    let module = device.create_shader_module(ShaderModuleDescriptor {
        label: Some(kernel.name),
        source: ShaderSource::Wgsl(kernel.source.into()),
    });
    let entries: Vec<BindGroupLayoutEntry> = (0..)
        .zip(kernel.bindings)
        .map(|(binding, access)| BindGroupLayoutEntry {
            binding,
            visibility: ShaderStages::COMPUTE,
            ty: binding_type(*access),
            count: None,
        })
        .collect();
    let bindings = device.create_bind_group_layout(&BindGroupLayoutDescriptor {
        label: Some(kernel.name),
        entries: &entries,
    });
    let layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
        label: Some(kernel.name),
        bind_group_layouts: &[Some(&bindings)],
        ..Default::default()
    });
    Module {
        module,
        bindings,
        layout,
    }
}

fn binding_type(access: Access) -> BindingType {
    match access {
        Access::Texels(texel) => BindingType::Texture {
            sample_type: texels::sample_type(texel),
            view_dimension: TextureViewDimension::D2,
            multisampled: false,
        },
        Access::Read | Access::ReadWrite => BindingType::Buffer {
            ty: BufferBindingType::Storage {
                read_only: access == Access::Read,
            },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
    }
}
