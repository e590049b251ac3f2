//! Linear layers: which steps run them, by the type of their weights.

use super::Builder;
use crate::plan::{BufferId, PlanError, Step};
use mimlet_format::{BlockTensor, DType, LinearPart, TensorRole, group_size};
use mimlet_kernels::{linear, linear_q4, linear_q8, quantize_rows};

/// A linear layer of a block: its tensors and its widths.
pub(super) struct Layer {
    pub(super) layer: u32,
    pub(super) tensor: fn(LinearPart) -> BlockTensor,
    pub(super) inputs: u32,
    pub(super) outputs: u32,
}

impl Layer {
    fn role(&self, part: LinearPart) -> TensorRole {
        TensorRole::Block {
            layer: self.layer,
            tensor: (self.tensor)(part),
        }
    }
}

impl Builder<'_> {
    /// Pushes the steps of a linear layer: its product, on quantised rows when its weights are
    /// integers.
    pub(super) fn linear(
        &mut self,
        layer: &Layer,
        x: BufferId,
        y: BufferId,
        quantized: BufferId,
    ) -> Result<(), PlanError> {
        let rows = self.config.tokens();
        let [weight, bias] = [LinearPart::Weight, LinearPart::Bias].map(|part| layer.role(part));
        self.dtype(bias)?;
        let dtype = self.dtype(weight)?;
        if matches!(dtype, DType::I8 | DType::I4) {
            let params = quantize_rows::Params {
                dim: layer.inputs as usize,
            };
            self.steps.push(Step::QuantizeRows {
                params,
                rows,
                x,
                quantized,
            });
            let product = self.integer_product(layer, dtype, quantized, y)?;
            self.steps.push(product);
            return Ok(());
        }
        let params = linear::Params {
            inputs: layer.inputs as usize,
            outputs: layer.outputs as usize,
            half: self.is_half(weight)?,
        };
        self.steps.push(Step::Linear {
            params,
            rows,
            x,
            weight,
            bias,
            y,
        });
        Ok(())
    }

    /// The product of quantised rows with weights of i8 or i4.
    fn integer_product(
        &self,
        layer: &Layer,
        dtype: DType,
        x: BufferId,
        y: BufferId,
    ) -> Result<Step, PlanError> {
        let rows = self.config.tokens();
        let (inputs, outputs) = (layer.inputs as usize, layer.outputs as usize);
        let [weight, bias, scale] =
            [LinearPart::Weight, LinearPart::Bias, LinearPart::Scale].map(|part| layer.role(part));
        if dtype == DType::I8 {
            self.dtype(scale)?;
            return Ok(Step::LinearQ8 {
                params: linear_q8::Params { inputs, outputs },
                rows,
                x,
                weight,
                scale,
                bias,
                y,
            });
        }
        let groups = self.entry(scale)?.shape.get(1).copied();
        let group_size = groups.and_then(|groups| group_size(layer.inputs, groups));
        let group_size = group_size.ok_or(PlanError::UnsupportedStorage(
            scale,
            "groups of neither 32 nor 64 inputs",
        ))?;
        Ok(Step::LinearQ4 {
            params: linear_q4::Params {
                inputs,
                outputs,
                group_size: group_size as usize,
            },
            rows,
            x,
            weight,
            scale,
            bias,
            y,
        })
    }
}
