//! Image files of every kind, whole and broken, to 8-bit RGB.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

mod broken;
mod files;
mod whole;
