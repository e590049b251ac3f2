//! Every WGSL kernel: valid without any wgpu feature but 16-bit floats, subgroups or matrices that it says it
//! needs, within the limits of the smallest GPUs, what its [`WgslKernel`](mimlet_kernels::WgslKernel) says it
//! is, and translatable for every backend that may run it.

mod inspect;
mod translate;
