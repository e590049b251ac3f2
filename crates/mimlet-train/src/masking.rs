//! Random masks (He et al. 2021, arXiv 2111.06377), made on the host.

use crate::random::Stream;

/// Which patches the encoder sees and which it must guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Indices of visible patches.
    pub visible: Vec<u32>,
    /// Indices of masked patches; together with `visible`, each patch once.
    pub masked: Vec<u32>,
}

/// A word that keeps mask streams apart from the others of the same seed.
const MASK: u64 = 0x6d61_736b;

/// The mask of one sample: a pure function of (seed, epoch, sample), whatever the batch or the
/// thread.
///
/// ```
/// use mimlet_train::masking::mask;
///
/// let once = mask(1, 0, 42, 64, 16);
/// assert_eq!((once.visible.len(), once.masked.len()), (16, 48));
/// assert_eq!(once, mask(1, 0, 42, 64, 16));
/// assert_ne!(once, mask(1, 1, 42, 64, 16));
/// ```
pub fn mask(seed: u64, epoch: u64, sample: u64, patches: usize, visible: usize) -> Mask {
    let mut order: Vec<u32> = (0..patches as u32).collect();
    Stream::new(&[MASK, seed, epoch, sample]).shuffle(&mut order);
    let masked = order.split_off(visible.min(patches));
    Mask {
        visible: order,
        masked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_patch_is_on_one_side_and_hidden_equally_often() {
        let mut hidden = [0u32; 16];
        for sample in 0..4000 {
            let mask = mask(3, 1, sample, 16, 4);
            let mut all = [mask.visible.clone(), mask.masked.clone()].concat();
            all.sort_unstable();
            assert_eq!(all, (0..16).collect::<Vec<_>>());
            for patch in mask.masked {
                hidden[patch as usize] += 1;
            }
        }
        // 3000 expected, standard deviation 27.
        assert!(
            hidden.iter().all(|&times| (2850..3150).contains(&times)),
            "{hidden:?}"
        );
    }
}
