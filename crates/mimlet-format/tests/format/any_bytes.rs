//! No bytes whatever make the reader panic, and none but a writer's are believed.

use crate::forge::{self, HEADER_LEN};
use mimlet_format::{AlignedBytes, Codebook, Model, TensorRole, expected_shape, stored_length};
use proptest::prelude::*;
use proptest::sample::Index;

/// Uses everything a parsed model offers; a file that parses must survive it.
fn use_all(file: &[u8]) {
    let Ok(model) = Model::parse(file) else {
        return;
    };
    for view in model.tensors() {
        let entry = view.entry;
        let length = stored_length(&entry.shape, entry.dtype, entry.layout);
        assert_eq!(length, Some(view.bytes.len() as u64));
        let views = [
            view.f32().is_some(),
            view.f16_bits().is_some(),
            view.i8().is_some(),
            view.i4().is_some(),
            view.u8().is_some(),
            view.u32().is_some(),
        ];
        assert_eq!(views.iter().filter(|is_some| **is_some).count(), 1);
    }
}

/// The sample's header over other bytes, sealed.
fn sealed(body: &[u8], manifest_len: u32) -> AlignedBytes {
    let mut bytes = [&forge::sample()[..HEADER_LEN], body].concat();
    bytes[12..16].copy_from_slice(&manifest_len.to_le_bytes());
    forge::resealed(bytes)
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(Model::parse(&AlignedBytes::from(bytes)).is_err());
    }

    #[test]
    fn arbitrary_manifests_do_not_panic(body in prop::collection::vec(any::<u8>(), 0..512)) {
        let len = body.len() as u32;
        prop_assert!(Model::parse(&sealed(&body, len)).is_err());
    }

    #[test]
    fn sealed_mutations_of_a_file_do_not_panic(
        edits in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
        manifest_only in any::<bool>(),
    ) {
        let mut file = forge::sample();
        let manifest_len = u32::from_le_bytes(file[12..16].try_into().unwrap()) as usize;
        let span = if manifest_only { manifest_len } else { file.len() - HEADER_LEN };
        for (at, byte) in edits {
            file[HEADER_LEN + at.index(span)] = byte;
        }
        forge::seal(&mut file);
        use_all(&file);
    }

    #[test]
    fn spliced_files_do_not_panic(
        (from, to, into) in (any::<Index>(), any::<Index>(), any::<Index>()),
    ) {
        let file = forge::sample();
        let [from, to, into] = [from, to, into].map(|at| at.index(file.len()));
        let piece = &file[from.min(to)..from.max(to)];
        let spliced = [&file[..into], piece, &file[into..]].concat();
        if spliced.len() >= HEADER_LEN {
            use_all(&forge::resealed(spliced));
        }
    }

    #[test]
    fn shapes_of_unchecked_manifests_do_not_panic(
        sizes in prop::array::uniform8(prop_oneof![Just(0), Just(u32::MAX), any::<u32>()]),
    ) {
        let mut manifest = forge::manifest();
        let roles = forge::roles(&manifest);
        let encoder = &mut manifest.encoder;
        encoder.image_size = [sizes[0], sizes[1]];
        encoder.patch_size = sizes[2];
        encoder.embed_dim = sizes[3];
        encoder.depth = sizes[4];
        encoder.mlp_dim = sizes[5];
        encoder.register_tokens = sizes[6];
        manifest.acceptance.images = sizes[7];
        for role in roles {
            let shape = expected_shape(role, &manifest);
            if role == TensorRole::TokenTable && sizes[2] == 0 {
                prop_assert_eq!(shape, None);
            }
        }
    }

    #[test]
    fn rewriting_a_file_gives_its_bytes(
        (rows, columns, patch) in (1_u32..4, 1_u32..4, 1_u32..5),
        (heads, head_dim, mlp_dim) in (1_u32..4, 1_u32..12, 1_u32..40),
        (depth, registers, images) in (1_u32..4, 0_u32..3, 1_u32..3),
        codebook in prop::option::of(2_u32..20),
        name in "[a-zé]{0,90}",
    ) {
        let mut manifest = forge::manifest();
        let encoder = &mut manifest.encoder;
        encoder.image_size = [rows * patch, columns * patch];
        encoder.patch_size = patch;
        encoder.embed_dim = heads * head_dim;
        encoder.num_heads = heads;
        encoder.mlp_dim = mlp_dim;
        encoder.depth = depth;
        encoder.register_tokens = registers;
        manifest.acceptance.images = images;
        manifest.acceptance.labels = vec![0; images as usize];
        manifest.provenance.name = name;
        let shape = forge::manifest().codebook.unwrap();
        // Golden tokens of the sample go up to 4.
        manifest.codebook = codebook.map(|size| Codebook {
            size: size.max(5),
            dim: heads * head_dim,
            ..shape
        });
        match (&manifest.codebook, &mut manifest.drift) {
            (Some(codebook), Some(drift)) => drift.token_counts.resize(codebook.size as usize, 1),
            _ => {
                manifest.drift = None;
                manifest.acceptance.thresholds.max_tcas = None;
            }
        }
        let file = forge::write(&manifest).unwrap();
        let model = Model::parse(&file).unwrap();
        let mut writer = forge::writer(model.manifest());
        for view in model.tensors() {
            let entry = view.entry;
            let bytes = view.bytes.to_vec();
            writer.tensor(entry.role, entry.dtype, entry.layout, &entry.shape, bytes);
        }
        prop_assert_eq!(&writer.finish().unwrap()[..], &file[..]);
    }
}
