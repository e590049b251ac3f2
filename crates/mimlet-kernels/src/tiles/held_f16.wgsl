enable f16;

// What workgroup memory holds of a float weight: for weights of f16 that is all there is of them, in half
// the memory. Appended to; the first of a kernel's files.
alias Held = f16;
