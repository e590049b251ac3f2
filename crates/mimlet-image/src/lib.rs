//! Decodes, resizes, crops and normalises images, the same way for training, export and device.
