// As products.wgsl, the bytes widened and multiplied one by one: for a device whose packed products are
// wrong.

// Byte `shift / 8` of each word, counted from the highest.
fn byte_of(words: vec4<u32>, shift: u32) -> vec4<i32> {
    return (bitcast<vec4<i32>>(words) << vec4<u32>(shift)) >> vec4<u32>(24u);
}

// Products of four inputs with the weights of four outputs, each summed.
fn dot_words(word: u32, w: vec4<u32>) -> vec4<i32> {
    let x = bitcast<i32>(word);
    return ((x << 24u) >> 24u) * byte_of(w, 24u)
        + ((x << 16u) >> 24u) * byte_of(w, 16u)
        + ((x << 8u) >> 24u) * byte_of(w, 8u)
        + (x >> 24u) * byte_of(w, 0u);
}
