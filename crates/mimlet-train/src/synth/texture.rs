//! The ten textures: how much of the second paint a point gets, 0 or 1, in texture units (one
//! unit is the texture's period).

use std::f32::consts::{PI, TAU};

use libm::{atan2f, hypotf, sinf};

use crate::random::Stream;

/// What a shape is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texture {
    Stripes,
    Checker,
    Dots,
    Rings,
    Speckle,
    Zigzag,
    Grid,
    Bricks,
    Waves,
    Spokes,
}

impl Texture {
    /// Whether `(u, v)` takes the second paint. `key` moves the random textures.
    pub(crate) fn second_paint(self, u: f32, v: f32, key: u64) -> bool {
        let (fu, fv) = (u - u.floor(), v - v.floor());
        match self {
            Self::Stripes => fu < 0.5,
            Self::Checker => (fu < 0.5) != (fv < 0.5),
            Self::Dots => hypotf(fu - 0.5, fv - 0.5) < 0.3,
            Self::Rings => hypotf(u, v).fract() < 0.5,
            Self::Speckle => lattice(u * 2.0, v * 2.0, key) < 0.45,
            Self::Zigzag => (fu + 2.0 * (fv - 0.5).abs()).fract() < 0.5,
            Self::Grid => fu < 0.22 || fv < 0.22,
            Self::Bricks => {
                let shift = if (v / 0.6).floor().rem_euclid(2.0) < 1.0 {
                    0.0
                } else {
                    0.7
                };
                let across = (u + shift) / 1.4;
                let along = v / 0.6;
                across - across.floor() < 0.16 || along - along.floor() < 0.3
            }
            Self::Waves => (fu + 0.3 * sinf(v * PI)).rem_euclid(1.0) < 0.4,
            Self::Spokes => (atan2f(v, u) * 8.0 / TAU).rem_euclid(1.0) < 0.5,
        }
    }

    /// Whether the pattern has a centre of its own, which must lie on the shape to be seen.
    pub(crate) fn is_centred(self) -> bool {
        matches!(self, Self::Rings | Self::Spokes)
    }
}

/// White noise on the integer lattice, uniform in `[0, 1)`.
fn lattice(u: f32, v: f32, key: u64) -> f32 {
    let cell = |w: f32| w.floor() as i64 as u64;
    Stream::new(&[key, cell(u), cell(v)]).uniform()
}
