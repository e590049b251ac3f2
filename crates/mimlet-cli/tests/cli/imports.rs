//! `mimlet export` from other libraries' checkpoints, as a user calls it.

use std::fs;
use std::path::PathBuf;

use crate::fixture::{folder, json, refused};

/// A file or folder of the repository's `tests/fixtures`.
fn fixture(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../tests/fixtures", name]
        .iter()
        .collect();
    path.to_str()
        .expect("the repository's path is text")
        .to_owned()
}

#[test]
fn a_folder_a_pytorch_file_and_a_graph_are_exported() {
    let folder = folder();
    let mae = fixture("mae_96_p16_d96_l2_h3.pth");
    let codebook = fixture("pixel_codebook_k50_p16.pth");
    for arguments in [
        &[&fixture("hf_vit_64_p16_d64_l2_h2")[..]][..],
        &[
            &fixture("hf_dinov2_reg_28_p7_d32_l2_h2"),
            "--image-size",
            "42x35",
        ],
        &[&fixture("onnx_timm_dynamo.onnx")],
        &[
            &mae,
            "--heads",
            "3",
            "--codebook",
            &codebook,
            "--codebook-order",
            "row-column-channel",
        ],
    ] {
        let export = [
            &["export"],
            arguments,
            &["--scheme", "f32", "-o", "out.mim"],
        ]
        .concat();
        let report = json(folder.path(), &export);
        assert_eq!(report["file"], "out.mim", "{arguments:?}");
        assert!(folder.path().join("out.mim").is_file());
    }
}

#[test]
fn hostile_and_unfitting_checkpoints_are_refused_in_one_line() {
    let folder = folder();
    let export = |checkpoint: &str, more: &[&str], mentions: &[&str]| {
        let arguments = [&["export", checkpoint, "-o", "x.mim"], more].concat();
        refused(folder.path(), &arguments, mentions);
    };
    // A pickle of PyTorch's old layout that calls os.system.
    let mut evil = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    evil.extend(b"\x80\x02M\xe9\x03.\x80\x02}.\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R.");
    fs::write(folder.path().join("evil.pth"), evil).unwrap();
    export(
        "evil.pth",
        &[],
        &["evil.pth", "os.system", "nothing was run"],
    );
    let whole = fs::read(fixture("onnx_timm_script.onnx")).unwrap();
    fs::write(folder.path().join("cut.onnx"), &whole[..whole.len() / 2]).unwrap();
    export("cut.onnx", &[], &["cut.onnx", "ONNX"]);
    let mae = fixture("mae_96_p16_d96_l2_h3.pth");
    export(&mae, &[], &["--heads"]);
    let codebook = fixture("pixel_codebook_k50_p16.pth");
    export(
        &mae,
        &["--heads", "3", "--codebook", &codebook],
        &["pixel_codebook_k50_p16.pth", "--codebook-order"],
    );
    export(
        &mae,
        &["--heads", "3", "--image-size", "97"],
        &["image_size", "97"],
    );
}
