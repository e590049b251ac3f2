//! Checkpoints made by real libraries and by hand, exported and refused.

#[cfg(test)]
mod checkpoint;
#[cfg(test)]
mod codebooks;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod features;
#[cfg(test)]
mod libraries;
#[cfg(test)]
mod networks;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod sweeps;
#[cfg(test)]
mod timm;
#[cfg(test)]
mod well_formed;
