//! Checkpoint to verified .mim file: import, quantise, pack, verify.
