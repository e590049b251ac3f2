enable f16;
enable wgpu_cooperative_matrix;

// Matrices of 8 x 8: of weights that are 16-bit floats and of inputs rounded to such, with sums of f32.
// Appended to; the first of a kernel's files.
alias Held = f16;
alias Row = f16;
alias Left = coop_mat8x8<f16, A>;
alias Right = coop_mat8x8<f16, B>;
alias Sums = coop_mat8x8<f32, C>;

const EDGE: u32 = 8u;
// Values in 16 bytes.
const PAD: u32 = 8u;
