//! Tells the sources whether the target is a Cortex-M with the DSP extension (`arm_dsp`), for which
//! stable Rust has no `cfg`: the only targets that promise it are those of ARMv7E-M.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(arm_dsp)");
    let target = std::env::var("TARGET").unwrap_or_default();
    if target.starts_with("thumbv7em-") {
        println!("cargo:rustc-cfg=arm_dsp");
    }
}
