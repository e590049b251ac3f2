enable wgpu_cooperative_matrix;

// Matrices of 8 x 8, of f32 all. Appended to; the first of a kernel's files.
alias Held = f32;
alias Row = f32;
alias Left = coop_mat8x8<f32, A>;
alias Right = coop_mat8x8<f32, B>;
alias Sums = coop_mat8x8<f32, C>;

const EDGE: u32 = 8u;
// Values in 16 bytes.
const PAD: u32 = 4u;
