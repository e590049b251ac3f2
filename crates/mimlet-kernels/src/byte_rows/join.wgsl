// Bound by a kernel that joins the sums of a layer on rows of bytes, in the place of its weights.

@group(0) @binding(1) var<storage, read> parts: array<Sum>;
