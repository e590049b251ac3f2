//! A dashboard of a model that watches a camera, for small screens: token map, latency, drift beside
//! its bounds, TCAS.
//!
//! It is drawn to any [`embedded_graphics`] display in one of two layouts: [`Dashboard::draw_colour`] on
//! 320 x 240 pixels of RGB, [`Dashboard::draw_mono`] on 128 x 64 of one bit. Each call draws every pixel
//! anew and allocates nothing.
//!
//! ```
//! use embedded_graphics::framebuffer::{Framebuffer, buffer_size};
//! use embedded_graphics::pixelcolor::{BinaryColor, raw::{LittleEndian, RawU1}};
//! use mimlet_display::{Dashboard, Drift};
//!
//! const BYTES: usize = buffer_size::<BinaryColor>(128, 64);
//! let mut screen = Framebuffer::<BinaryColor, RawU1, LittleEndian, 128, 64, BYTES>::new();
//! let dashboard = Dashboard {
//!     title: "shapes-tiny",
//!     grid: [2, 2],
//!     tokens: &[7, 7, 3, 1],
//!     frames: 1,
//!     skipped: 0,
//!     latency_ms: 2.4,
//!     drift: Drift::Collecting([1, 32]),
//!     tcas: None,
//! };
//! dashboard.draw_mono(&mut screen)?;
//! # Ok::<(), core::convert::Infallible>(())
//! ```
#![warn(clippy::unwrap_used)]
#![no_std]

mod colour;
mod dashboard;
mod line;
mod mono;
mod paint;
mod scale;
mod token_map;

pub use dashboard::{Alignment, Dashboard, Drift, Figure};

use embedded_graphics::geometry::Size;

/// What [`Dashboard::draw_colour`] fills.
pub const COLOUR_SIZE: Size = Size::new(320, 240);

/// What [`Dashboard::draw_mono`] fills.
pub const MONO_SIZE: Size = Size::new(128, 64);
