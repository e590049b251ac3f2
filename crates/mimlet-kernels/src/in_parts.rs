//! Weights that are too large for one binding: an op's first kernel takes them in parts, a dispatch each.

use crate::op::{Dispatch, Operand, Part, Variant};
use crate::panel;
use alloc::vec::Vec;
use core::ops::Range;

/// Where every op that has a weight in panels binds it.
const WEIGHT: usize = 1;

/// An op's weight in panels, bound second. Its first kernel takes those of channels `FROM` up to `TO`, the
/// one a multiple of [`panel::WIDTH`], the other as well or the number of channels. All else it binds whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PanelWeight {
    /// Output channels, or centroids.
    pub channels: usize,
    /// Bytes of a panel, a multiple of 16.
    pub panel_bytes: usize,
    /// Bytes of a channel's scale; those of all channels lie after the panels.
    pub scale_bytes: usize,
    /// Channels of a workgroup along x; `None` where each has all of the part.
    pub across: Option<usize>,
    /// Channels that a dispatch may take: at least 16.
    pub most_channels: usize,
}

/// The constants of a kernel that takes all channels at once.
pub(crate) fn all(channels: usize) -> [(&'static str, f64); 2] {
    [("FROM", 0.0), ("TO", channels as f64)]
}

impl PanelWeight {
    /// A weight of a linear layer, whose kernel computes 32 outputs a workgroup.
    pub(crate) fn of_layer(outputs: usize, panel_bytes: usize) -> Self {
        Self {
            channels: outputs,
            panel_bytes,
            scale_bytes: 0,
            across: Some(32),
            most_channels: usize::MAX,
        }
    }

    /// Whether a dispatch may take all channels.
    #[must_use]
    pub fn may_be_whole(&self) -> bool {
        self.channels <= self.most_channels
    }

    /// Bytes of the smallest part, a panel with its scales.
    #[must_use]
    pub fn least_bytes(&self) -> u64 {
        (self.panel_bytes + panel::WIDTH * self.scale_bytes) as u64
    }

    /// As an op's first variant, with the weight in parts of at most so many channels as a dispatch may take,
    /// and `max_binding_bytes` each, in the order of their channels. `None` where one panel takes more.
    #[must_use]
    pub fn in_parts(&self, first: &Variant, max_binding_bytes: u64) -> Option<Variant> {
        let panels = max_binding_bytes / self.least_bytes();
        let width = usize::try_from(panels).unwrap_or(usize::MAX);
        let width = width.min(self.channels.min(self.most_channels).div_ceil(panel::WIDTH));
        if width == 0 {
            return None;
        }
        let width = width * panel::WIDTH;
        let starts = (0..self.channels).step_by(width);
        let parts: Vec<_> = starts
            .map(|from| from..self.channels.min(from + width))
            .collect();
        let mut dispatches = Vec::new();
        for dispatch in &first.dispatches {
            if dispatch.operands.contains(&Operand::Given(WEIGHT)) {
                let each = parts.iter().cloned().enumerate();
                dispatches.extend(each.map(|(index, part)| self.dispatch(dispatch, index, part)));
            } else {
                dispatches.push(dispatch.clone());
            }
        }
        Some(Variant {
            dispatches,
            scratch: first.scratch.clone(),
            parts: parts.into_iter().map(|part| self.part(part)).collect(),
            stands_in: first.stands_in,
        })
    }

    /// A dispatch for some channels, the weights of which are a part of that index.
    fn dispatch(&self, whole: &Dispatch, index: usize, channels: Range<usize>) -> Dispatch {
        let mut dispatch = whole.clone();
        for (name, value) in &mut dispatch.call.constants {
            match *name {
                "FROM" => *value = channels.start as f64,
                "TO" => *value = channels.end as f64,
                _ => {}
            }
        }
        if let Some(across) = self.across {
            dispatch.call.workgroups[0] = channels.len().div_ceil(across) as u32;
        }
        for operand in &mut dispatch.operands {
            if *operand == Operand::Given(WEIGHT) {
                *operand = Operand::Part(index);
            }
        }
        dispatch
    }

    /// Where the weights of some channels lie, and their scales.
    fn part(&self, channels: Range<usize>) -> Part {
        let panels_end = |channel: usize| channel.div_ceil(panel::WIDTH) * self.panel_bytes;
        let scale = |channel: usize| panels_end(self.channels) + channel * self.scale_bytes;
        let panels = panels_end(channels.start)..panels_end(channels.end);
        let scales = scale(channels.start)..scale(channels.end);
        let some = |range: &Range<usize>| !range.is_empty();
        Part {
            given: WEIGHT,
            bytes: [panels, scales].into_iter().filter(some).collect(),
        }
    }
}

/// An op's variants, the first in parts where it must be, and its first with the weight in up to four parts,
/// where it has two panels or more.
#[cfg(feature = "cases")]
pub(crate) fn and_in_parts(mut variants: Vec<Variant>, weight: &PanelWeight) -> Vec<Variant> {
    let whole = variants[0].clone();
    if !weight.may_be_whole() {
        variants[0] = weight
            .in_parts(&whole, u64::MAX)
            .expect("parts of any size fit");
    }
    let panels = weight.channels.div_ceil(panel::WIDTH);
    if panels > 1 {
        let limit = panels.div_ceil(4) as u64 * weight.least_bytes();
        variants.extend(weight.in_parts(&whole, limit));
    }
    variants
}

#[cfg(test)]
mod tests {
    use crate::epilogue::Epilogue;
    use crate::linear_q8;
    use crate::nearest_centroid::{self, Storage};
    use crate::op::{Dispatch, Operand};

    fn constant(dispatch: &Dispatch, name: &str) -> usize {
        let mut constants = dispatch.call.constants.iter();
        constants.find(|(of, _)| *of == name).unwrap().1 as usize
    }

    /// Centroids of bytes, as they have scales behind them.
    #[test]
    fn parts_are_panels_that_fit_and_every_byte_is_in_one() {
        for centroids in [1, 16, 17, 48, 70, 130] {
            let params = nearest_centroid::Params { dim: 10, centroids };
            let first = &nearest_centroid::variants(&params, Storage::I8, [0, 1], 1)[0];
            let weight = nearest_centroid::panel_weight(&params, Storage::I8);
            assert_eq!(weight.least_bytes(), 160 + 64);
            assert_eq!(weight.in_parts(first, 223), None);
            for limit in [224, 447, 448, 1000, u64::MAX] {
                let variant = weight.in_parts(first, limit).unwrap();
                let mut bytes = vec![0; centroids.div_ceil(16) * 160 + centroids * 4];
                let mut next = 0;
                for (index, (part, dispatch)) in
                    variant.parts.iter().zip(&variant.dispatches).enumerate()
                {
                    assert!(part.size() as u64 <= limit);
                    let ranges = part.bytes.iter().cloned();
                    ranges.flatten().for_each(|byte| bytes[byte] += 1);
                    assert_eq!(dispatch.operands[1], Operand::Part(index));
                    assert_eq!(constant(dispatch, "FROM"), next);
                    next = constant(dispatch, "TO");
                    assert!(next == centroids || next.is_multiple_of(16));
                }
                assert_eq!(next, centroids);
                assert_eq!(variant.parts.len(), variant.dispatches.len());
                assert!(
                    bytes.iter().all(|times| *times == 1),
                    "{centroids} in {limit}"
                );
            }
        }
    }

    /// And a whole one is as it was: who can bind it pays nothing.
    #[test]
    fn rows_are_quantised_once_for_all_parts() {
        let params = linear_q8::Params {
            inputs: 8,
            outputs: 50,
        };
        let first = &linear_q8::quantizing_variants(&params, 3, Epilogue::Add)[0];
        let weight = linear_q8::panel_weight(&params);
        let names = |limit| weight.in_parts(first, limit).unwrap().name();
        assert_eq!(
            names(128),
            "quantize_rows + linear_q8 + linear_q8 + linear_q8 + linear_q8"
        );
        assert_eq!(names(3 * 128), "quantize_rows + linear_q8 + linear_q8");
        let grids = |limit| {
            let dispatches = weight.in_parts(first, limit).unwrap().dispatches;
            dispatches
                .iter()
                .skip(1)
                .map(|d| d.call.workgroups[0])
                .collect::<Vec<_>>()
        };
        assert_eq!(grids(3 * 128), [2, 1]);
        let whole = weight.in_parts(first, 4 * 128).unwrap();
        let calls = |variant: &crate::Variant| {
            variant
                .dispatches
                .iter()
                .map(|d| d.call.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(calls(&whole), calls(first));
    }
}
