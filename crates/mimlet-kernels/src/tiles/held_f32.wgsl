// What workgroup memory holds of a float weight.
alias Held = f32;
