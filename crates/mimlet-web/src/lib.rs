//! mimlet in a browser: a `.mim` file on WebGPU, else on WebAssembly with 128-bit vectors.
//!
//! What is here is the inside of an ES module: `Engine` is a model and its encoders, `Counts` a
//! count matrix for TCAS. `package/mimlet.js` beside this crate makes of it what a page sees: it loads
//! the wasm file, takes images one at a time, and throws errors that say what to do.
//!
//! The crate is empty on any target but wasm32.
#![cfg(target_arch = "wasm32")]
#![warn(clippy::unwrap_used)]

mod counts;
mod engine;
mod gpu;
mod image;
mod object;
mod opened;
mod standing;
mod trial;

pub use counts::Counts;
pub use engine::Engine;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(message: &str);
}

/// Runs when the module has loaded: says in the console where a panic was, which the trap that follows
/// it does not.
#[wasm_bindgen(start)]
pub fn start() {
    std::panic::set_hook(Box::new(|panic| console_error(&format!("mimlet: {panic}"))));
}
