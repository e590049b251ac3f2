//! What a file says of itself, for people.

use std::fmt;

use mimlet_format::Scheme;

use super::report::Report;
use super::tree::Tree;
use crate::table::Facts;
use crate::units::{self, count};

/// The largest finite f16.
const F16_MAX: f32 = 65_504.0;

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.view.block.is_some() {
            return Tree::of(self).fmt(f);
        }
        let mut facts = Facts::new();
        self.source_facts(&mut facts);
        self.encoder_facts(&mut facts);
        self.range_facts(&mut facts);
        self.test_facts(&mut facts);
        self.target_facts(&mut facts);
        let facts = facts.within(self.view.canvas.width);
        write!(f, "{facts}\n{}", Tree::of(self))
    }
}

impl Report<'_> {
    fn source_facts(&self, facts: &mut Facts) {
        let from = &self.provenance;
        facts
            .fact("file", &self.file)
            .fact(
                "format",
                format!(
                    ".mim version {}, {}",
                    self.version,
                    units::bytes(self.bytes)
                ),
            )
            .fact("hash", &self.hash)
            .fact("model", from.name)
            .fact("weights", scheme_name(from.scheme))
            .fact("made by", from.producer)
            .fact("made from", from.source);
        if from.source_hash.bytes().any(|digit| digit != b'0') {
            facts.fact("source hash", &from.source_hash);
        }
        if let Some(key) = &self.signed_by {
            facts.fact("signature", format!("names the key {key}"));
        }
        facts.fact("licence", from.licence.unwrap_or("not stated"));
    }

    fn encoder_facts(&self, facts: &mut Facts) {
        let encoder = self.config;
        let [height, width] = encoder.image_size;
        let [rows, columns] = encoder.grid();
        let registers = match encoder.register_tokens {
            0 => String::new(),
            registers => format!(", {}", count(registers.into(), "register token")),
        };
        let codebook = self.codebook.map_or("none".to_string(), |codebook| {
            format!(
                "{} centroids over {} of width {}, Euclidean",
                codebook.size,
                format!("{:?}", codebook.space).to_lowercase(),
                codebook.dim
            )
        });
        facts
            .fact(
                "encoder",
                format!(
                    "ViT, {} of width {}, {}, MLP {}{registers}",
                    count(encoder.depth.into(), "block"),
                    encoder.embed_dim,
                    count(encoder.num_heads.into(), "head"),
                    encoder.mlp_dim,
                ),
            )
            .fact(
                "input",
                format!(
                    "{width} x {height} pixels, {columns} x {rows} patches of {0} x {0}",
                    encoder.patch_size
                ),
            )
            .fact(
                "preprocess",
                format!(
                    "short side to {} (bicubic), centre crop, mean {:?}, std {:?}",
                    self.preprocess.resize_short_side, self.preprocess.mean, self.preprocess.std
                ),
            )
            .fact("codebook", codebook)
            .fact(
                "memory",
                format!(
                    "{} weights, {} buffers, largest binding {}",
                    units::bytes(self.memory.weight_bytes),
                    units::bytes(self.memory.activation_bytes),
                    units::bytes(self.memory.largest_binding_bytes)
                ),
            );
    }

    fn range_facts(&self, facts: &mut Facts) {
        let largest = self.activations.iter();
        let Some(largest) = largest.max_by(|a, b| a.most().total_cmp(&b.most())) else {
            return;
        };
        let most = largest.most();
        let verdict = if most < F16_MAX {
            "within f16"
        } else {
            "beyond f16"
        };
        let layer = &largest.layer;
        facts.fact(
            "activations",
            format!("up to {most:.1} on the calibration images, at {layer}: {verdict}"),
        );
    }

    fn test_facts(&self, facts: &mut Facts) {
        let (test, limits) = (&self.acceptance, self.acceptance.thresholds);
        let classes = match test.labels.len() {
            0 => ", unlabelled".to_string(),
            _ => format!(", classes {}", test.class_names.join(" ")),
        };
        let mut passes = format!("cosine >= {}", limits.min_cosine);
        if self.codebook.is_some() {
            passes += &format!(
                ", tokens >= {}, flips <= {} from a margin of {:.3}",
                units::percent(limits.min_token_agreement.into()),
                limits.max_wide_margin_flips,
                limits.wide_margin
            );
        }
        if let Some(max) = limits.max_tcas {
            passes += &format!(", TCAS <= {max:.4}");
        }
        if let Some(own) = test.own {
            passes += &format!(", deviation <= {:.4} %", own.max_deviation * 100.0);
        }
        facts
            .fact(
                "acceptance",
                format!("{}{classes}", count(test.images.into(), "golden image")),
            )
            .fact("passes at", passes);
        if let Some(drift) = self.drift {
            let windows = format!(
                "in windows of {}, bounds from {}",
                count(drift.window.into(), "image"),
                count(drift.images.into(), "image")
            );
            facts.fact("drift", windows);
        }
    }

    fn target_facts(&self, facts: &mut Facts) {
        if self.targets.is_empty() {
            return;
        }
        let (fits, others): (Vec<_>, Vec<_>) = self.targets.iter().partition(|fit| fit.fits);
        let names: Vec<&str> = fits.iter().map(|fit| &*fit.name).collect();
        let names = match names.len() {
            0 => "no target".to_string(),
            _ => names.join(", "),
        };
        facts.fact("fits", names);
        let others: Vec<String> = others
            .iter()
            .map(|fit| {
                let limits: Vec<&str> = fit.refusals.iter().map(|refusal| refusal.limit).collect();
                format!("{} ({})", fit.name, limits.join(", "))
            })
            .collect();
        if !others.is_empty() {
            facts.fact("does not fit", others.join(", "));
        }
    }
}

/// A scheme as its flag is spelt.
fn scheme_name(scheme: Scheme) -> String {
    format!("{scheme:?}").to_lowercase()
}
