//! Every WGSL kernel: valid without any wgpu feature but 16-bit floats, subgroups or matrices that it says it
//! needs, within the limits of the smallest GPUs, what its [`WgslKernel`](mimlet_kernels::WgslKernel) says it
//! is, translatable for every backend that may run it, and of loops that end, divisors that are not zero and
//! indices of nothing but what is bound and workgroup memory.

mod indices;
mod inspect;
mod loops;
mod translate;
