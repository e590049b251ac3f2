enable f16;

// What workgroup memory holds of a float weight: for weights of f16 that is all there is of them, in half
// the memory. And what it holds of an input. Appended to; the first of a kernel's files.
alias Held = f16;
alias Row = f32;
