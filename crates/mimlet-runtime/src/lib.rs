//! Plans and runs an encoder from a .mim file: features, tokens and the file's acceptance test.
