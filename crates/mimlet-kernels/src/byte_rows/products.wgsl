// The first of the files of a kernel that multiplies bytes: exact sums in i32.

requires packed_4x8_integer_dot_product;

// Products of four inputs with the weights of four outputs, each summed.
fn dot_words(word: u32, w: vec4<u32>) -> vec4<i32> {
    return vec4<i32>(
        dot4I8Packed(word, w.x),
        dot4I8Packed(word, w.y),
        dot4I8Packed(word, w.z),
        dot4I8Packed(word, w.w),
    );
}
