// Shape of a linear layer on signed bytes. What is appended says what is bound, how the products are
// summed and what becomes of the sums.

override ROWS: u32;
override INPUTS: u32;
override OUTPUTS: u32;

// Of four outputs.
alias Sum = vec4<i32>;
