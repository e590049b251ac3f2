//! Token-Class Alignment Similarity from a token x class count matrix.
