enable f16;

// What workgroup memory holds of a float weight and of an input: 16-bit floats, in half the memory. For
// weights that are no more than that, and for inputs that no 16-bit float is too small for, rounded.
// Appended to; the first of a kernel's files.
alias Held = f16;
alias Row = f16;
