//! Files of other software's making, and hostile ones: read as they are meant, or refused in a line.

#[cfg(test)]
mod any_bytes;
#[cfg(test)]
mod containers;
#[cfg(test)]
mod files;
#[cfg(all(test, feature = "onnx"))]
mod onnx;
#[cfg(test)]
mod pickles;
#[cfg(test)]
mod pytorch;
