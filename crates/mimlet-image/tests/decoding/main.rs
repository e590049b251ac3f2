//! Image files of every kind, whole and broken, to 8-bit RGB.

mod broken;
mod files;
mod whole;
