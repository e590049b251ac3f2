//! Networks near a plain ViT that no op computes: refused by the tensor that tells, with the reason.

use crate::checkpoint::{Checkpoint, Raw, timm};
use mimlet_export::ExportError;

/// What timm's checkpoint is refused with when it has one more tensor.
fn refusal(name: &str) -> String {
    let mut checkpoint = Checkpoint::of(&timm());
    let raw = Raw::f32(&[1], &[1.0]);
    checkpoint.tensors.insert(name.to_owned(), raw);
    let error = checkpoint.import().unwrap_err();
    assert!(matches!(error, ExportError::NoOp { .. }), "{name}: {error}");
    error.to_string()
}

#[test]
fn a_network_without_an_op_is_named_with_its_tensor() {
    for (name, mention) in [
        ("dist_token", "distillation token"),
        ("head_dist.weight", "distillation token"),
        (
            "blocks.0.attn.relative_position_bias_table",
            "relative position bias",
        ),
        ("blocks.0.gamma_1", "relative or rotary"),
        ("blocks.0.mlp.w12.weight", "SwiGLU"),
        ("blocks.0.mlp.fc1_g.weight", "SwiGLU"),
        ("rope_embed.periods", "RoPE"),
        ("storage_tokens", "RoPE"),
        ("fc_norm.weight", "mean of the patches"),
        ("norm_pre.weight", "CLIP"),
        ("blocks.0.attn.q_norm.weight", "norms of queries"),
        ("layers.0.blocks.0.norm1.weight", "stages or windows"),
    ] {
        let text = refusal(name);
        assert!(
            text.contains(name) && text.contains(mention),
            "{name}: {text}"
        );
        assert_eq!(text.lines().count(), 1);
    }
}

#[test]
fn a_network_without_a_patch_embedding_is_named_too() {
    let checkpoint = |names: &[&str]| Checkpoint {
        tensors: names
            .iter()
            .map(|name| ((*name).to_owned(), Raw::f32(&[1], &[0.0])))
            .collect(),
        ..Checkpoint::default()
    };
    // transformers' DINOv3.
    let dinov3 = [
        "embeddings.patch_embeddings.weight",
        "layer.0.attention.q_proj.weight",
    ];
    let text = checkpoint(&dinov3).import().unwrap_err().to_string();
    assert!(
        text.contains("DINOv3") && text.contains(dinov3[0]),
        "{text}"
    );
    let convnext = ["stages.0.blocks.0.conv_dw.weight", "stem.0.weight"];
    let text = checkpoint(&convnext).import().unwrap_err().to_string();
    assert!(text.contains("ConvNeXt"), "{text}");
    let text = checkpoint(&["lm_head.weight"])
        .import()
        .unwrap_err()
        .to_string();
    assert!(text.contains("patch_embed.proj.weight"), "{text}");
}

#[test]
fn two_encoders_in_one_file_are_told_apart_by_the_user() {
    let mut checkpoint = Checkpoint::of(&timm());
    let raw = checkpoint.tensors["patch_embed.proj.weight"].clone();
    checkpoint
        .tensors
        .insert("student.patch_embed.proj.weight".to_owned(), raw);
    let text = checkpoint.import().unwrap_err().to_string();
    assert!(text.contains("more than one encoder"), "{text}");
}
