//! What was encoded, and the files it is written to.

use std::path::Path;

use mimlet_image::{NpyElement, write_npy};
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::Serialize;
use serde_json::{Map, Value};

use super::What;
use crate::destination::Destination;
use crate::error::Error;

/// The values of every image.
#[derive(Debug)]
pub(crate) struct Array {
    /// Content hash of the model.
    pub(crate) model: String,
    pub(crate) what: What,
    /// Shape of one image's values.
    pub(crate) shape: Vec<usize>,
    /// Where each image came from.
    pub(crate) files: Vec<String>,
    /// Each image's values, as many as the shape says.
    pub(crate) images: Vec<Values>,
}

/// The values of one image.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Values {
    F32(Vec<f32>),
    U32(Vec<u32>),
}

/// The files an array can be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    Npy,
    Safetensors,
    Json,
}

impl FileKind {
    /// By the extension.
    ///
    /// # Errors
    /// Any other extension, naming those that are known.
    pub(crate) fn of(path: &Path) -> Result<Self, Error> {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        match extension.to_ascii_lowercase().as_str() {
            "npy" => Ok(Self::Npy),
            "safetensors" => Ok(Self::Safetensors),
            "json" => Ok(Self::Json),
            _ => Err(Error::file(
                path,
                format_args!(
                    "--output has the unknown extension `{extension}`; use .npy, .safetensors \
                     or .json, or .parquet for tokens"
                ),
            )),
        }
    }
}

impl Values {
    /// The features; none when these are tokens.
    pub(crate) fn floats(&self) -> &[f32] {
        match self {
            Self::F32(values) => values,
            Self::U32(_) => &[],
        }
    }

    /// The tokens; none when these are features.
    pub(crate) fn tokens(&self) -> &[u32] {
        match self {
            Self::U32(values) => values,
            Self::F32(_) => &[],
        }
    }

    fn append_bytes(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::F32(values) => values.iter().for_each(|value| value.append(bytes)),
            Self::U32(values) => values.iter().for_each(|value| value.append(bytes)),
        }
    }
}

impl Array {
    /// Shape of the whole: images first.
    pub(crate) fn full_shape(&self) -> Vec<usize> {
        [&[self.images.len()], self.shape.as_slice()].concat()
    }

    /// Writes the file: whole, or not at all.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn write(&self, kind: FileKind, destination: &Destination) -> Result<(), Error> {
        match kind {
            FileKind::Npy => self.write_npy(destination.path()),
            FileKind::Safetensors => destination.write(&self.to_safetensors()?),
            FileKind::Json => {
                let mut object = Map::new();
                object.insert("model".to_string(), self.model.clone().into());
                object.insert("images".to_string(), self.to_json(true)?);
                destination.write((serde_json::to_string(&object)? + "\n").as_bytes())
            }
        }
    }

    /// One object for each image, with its file name and, if asked for, its values.
    pub(crate) fn to_json(&self, with_values: bool) -> serde_json::Result<Value> {
        let object = |(file, values): (&String, &Values)| {
            let mut object = Map::new();
            object.insert("file".to_string(), file.clone().into());
            if with_values {
                object.insert(self.what.name().to_string(), self.nested(values)?);
            }
            Ok(Value::Object(object))
        };
        self.files.iter().zip(&self.images).map(object).collect()
    }

    /// One image's values, with a list for each row of patch features.
    fn nested(&self, values: &Values) -> serde_json::Result<Value> {
        match (self.shape.as_slice(), values) {
            (&[_, dim], Values::F32(values)) => {
                serde_json::to_value(values.chunks(dim).collect::<Vec<_>>())
            }
            _ => serde_json::to_value(values),
        }
    }

    fn write_npy(&self, path: &Path) -> Result<(), Error> {
        let shape = self.full_shape();
        let floats: Vec<f32> = self
            .images
            .iter()
            .flat_map(Values::floats)
            .copied()
            .collect();
        let tokens: Vec<u32> = self
            .images
            .iter()
            .flat_map(Values::tokens)
            .copied()
            .collect();
        match self.what {
            What::Tokens => write_npy(path, &shape, &tokens)?,
            What::Cls | What::Patches => write_npy(path, &shape, &floats)?,
        }
        Ok(())
    }

    fn data(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for image in &self.images {
            image.append_bytes(&mut bytes);
        }
        bytes
    }

    fn to_safetensors(&self) -> Result<Vec<u8>, Error> {
        let dtype = match self.what {
            What::Tokens => Dtype::U32,
            What::Cls | What::Patches => Dtype::F32,
        };
        let data = self.data();
        let view = TensorView::new(dtype, self.full_shape(), &data)?;
        // One entry only: the order of several would change from run to run.
        let note = format!("mimlet encode, model {}", self.model);
        let metadata = [("source".to_string(), note)].into();
        Ok(serialize([(self.what.name(), view)], Some(metadata))?)
    }
}
