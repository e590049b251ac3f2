// What workgroup memory holds of a float weight and of an input.
alias Held = f32;
alias Row = f32;
