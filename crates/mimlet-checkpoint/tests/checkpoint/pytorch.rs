//! PyTorch's archives: what tensors are over which storages.

use crate::files::{Tensor, archive, dict, f32_bytes, fixture, open, pickle, refusal, values};
use half::{bf16, f16};
use mimlet_checkpoint::{Checkpoint, CheckpointError, Kind};

const SIX: [f32; 6] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];

/// What an archive of one tensor over six f32 is refused with.
fn refused(tensor: &Tensor<'_>) -> String {
    let pickle = pickle(&dict(&[("w", tensor.pickled())]));
    refusal("model.pth", &archive(&pickle, &[&f32_bytes(&SIX)]))
}

#[test]
fn views_of_one_storage_are_read_in_their_own_order() {
    let turned = Tensor {
        shape: &[3, 2],
        strides: &[1, 3],
        ..Tensor::PLAIN
    };
    let part = Tensor {
        offset: 2,
        shape: &[2],
        strides: &[2],
        ..Tensor::PLAIN
    };
    let one = Tensor {
        offset: 4,
        shape: &[],
        strides: &[],
        ..Tensor::PLAIN
    };
    let none = Tensor {
        shape: &[0, 3],
        ..Tensor::PLAIN
    };
    let tensors = [
        ("w", Tensor::PLAIN),
        ("t", turned),
        ("p", part),
        ("s", one),
        ("n", none),
    ];
    let items = tensors.map(|(name, tensor)| (name, tensor.pickled()));
    let bytes = archive(&pickle(&dict(&items)), &[&f32_bytes(&SIX)]);
    let mut file = open("model.pth", &bytes).unwrap();
    assert_eq!(file.kind(), Kind::PyTorch);
    assert_eq!(values(&mut file, "w"), SIX);
    assert_eq!(values(&mut file, "t"), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(values(&mut file, "p"), [2.0, 4.0]);
    assert_eq!(values(&mut file, "s"), [4.0]);
    assert!(values(&mut file, "n").is_empty());
    assert_eq!(file.shape("t"), Some(&[3, 2][..]));
}

#[test]
fn every_floating_point_type_is_widened() {
    let halves: Vec<u8> = SIX
        .iter()
        .flat_map(|&v| f16::from_f32(v).to_le_bytes())
        .collect();
    let brains: Vec<u8> = SIX
        .iter()
        .flat_map(|&v| bf16::from_f32(v).to_le_bytes())
        .collect();
    let doubles: Vec<u8> = SIX
        .iter()
        .flat_map(|&v| f64::from(v).to_le_bytes())
        .collect();
    let longs: Vec<u8> = SIX.iter().flat_map(|&v| (v as i64).to_le_bytes()).collect();
    let of = |class, key| {
        Tensor {
            class,
            key,
            ..Tensor::PLAIN
        }
        .pickled()
    };
    let items = [
        ("f16", of("HalfStorage", "0")),
        ("bf16", of("BFloat16Storage", "1")),
        ("f64", of("DoubleStorage", "2")),
        ("i64", of("LongStorage", "3")),
    ];
    let bytes = archive(
        &pickle(&dict(&items)),
        &[&halves, &brains, &doubles, &longs],
    );
    let mut file = open("model.pth", &bytes).unwrap();
    for name in ["f16", "bf16", "f64"] {
        assert_eq!(values(&mut file, name), SIX, "{name}");
    }
    let error = file.read("i64").unwrap_err();
    assert!(
        matches!(error, CheckpointError::WrongDType { .. }),
        "{error}"
    );
    assert!(!file.is_float("i64"));
}

#[test]
fn tensors_outside_their_storage_are_refused() {
    let cases = [
        Tensor {
            shape: &[2, 4],
            strides: &[4, 1],
            ..Tensor::PLAIN
        },
        Tensor {
            offset: 1,
            ..Tensor::PLAIN
        },
        Tensor {
            strides: &[3, 2],
            ..Tensor::PLAIN
        },
        Tensor {
            offset: i32::MAX,
            shape: &[1],
            strides: &[1],
            ..Tensor::PLAIN
        },
        Tensor {
            shape: &[2],
            strides: &[i32::MAX],
            ..Tensor::PLAIN
        },
    ];
    for tensor in cases {
        let text = refused(&tensor);
        assert!(text.contains("storage 0"), "{tensor:?}: {text}");
    }
    let endless = Tensor {
        shape: &[i32::MAX; 16],
        strides: &[0; 16],
        ..Tensor::PLAIN
    };
    assert!(refused(&endless).contains("endless"));
    let repeated = Tensor {
        shape: &[1 << 30, 6],
        strides: &[0, 1],
        ..Tensor::PLAIN
    };
    assert!(refused(&repeated).contains("repeats the 6 numbers"));
    for wrong in [
        Tensor {
            offset: -1,
            ..Tensor::PLAIN
        },
        Tensor {
            shape: &[-2, 3],
            ..Tensor::PLAIN
        },
        Tensor {
            strides: &[3],
            ..Tensor::PLAIN
        },
        Tensor {
            shape: &[1; 17],
            strides: &[1; 17],
            ..Tensor::PLAIN
        },
    ] {
        assert!(refused(&wrong).contains("no PyTorch"), "{wrong:?}");
    }
}

#[test]
fn storages_that_are_not_in_the_file_are_refused() {
    for (tensor, mention) in [
        (
            Tensor {
                key: "7",
                ..Tensor::PLAIN
            },
            "storage 7 of 6 numbers",
        ),
        (
            Tensor {
                key: "../../0",
                ..Tensor::PLAIN
            },
            "storage ../../0",
        ),
        (
            Tensor {
                len: 7,
                ..Tensor::PLAIN
            },
            "storage 0 of 7 numbers",
        ),
        (
            Tensor {
                class: "DoubleStorage",
                ..Tensor::PLAIN
            },
            "storage 0 of 6 numbers",
        ),
    ] {
        let text = refused(&tensor);
        assert!(
            text.contains(mention) && text.contains("tensor w"),
            "{text}"
        );
    }
}

#[test]
fn weights_are_found_under_the_names_of_training_scripts() {
    let weights = |at: i32| {
        let one = Tensor {
            offset: at,
            shape: &[1],
            strides: &[1],
            ..Tensor::PLAIN
        };
        dict(&[("w", one.pickled())])
    };
    let open_root =
        |root: Vec<u8>| open("m.pth", &archive(&pickle(&root), &[&f32_bytes(&SIX)])).unwrap();
    let mut file = open_root(dict(&[
        ("model_ema", weights(1)),
        ("model", weights(2)),
        ("optimizer", dict(&[("state", weights(3))])),
    ]));
    assert_eq!(values(&mut file, "w"), [2.0]);
    assert_eq!(
        (file.weights_key(), file.other_keys()),
        (Some("model"), &["model_ema".to_owned()][..])
    );
    let inner = dict(&[("state_dict", weights(4))]);
    let mut file = open_root(dict(&[("teacher", inner), ("student", weights(1))]));
    assert_eq!(values(&mut file, "w"), [4.0]);
    assert_eq!(file.weights_key(), Some("teacher.state_dict"));
    let mut file = open_root(weights(5));
    assert_eq!(
        (values(&mut file, "w"), file.weights_key()),
        (vec![5.0], None)
    );
    let mut file = open_root(Tensor::PLAIN.pickled());
    assert_eq!(values(&mut file, "tensor"), SIX);
}

/// `argparse.Namespace`, the optimiser and whatever else lies beside the weights.
#[test]
fn a_real_training_checkpoint_is_read() {
    let mut file = Checkpoint::open(&fixture("mae_96_p16_d96_l2_h3.pth")).unwrap();
    assert_eq!(file.weights_key(), Some("model"));
    assert_eq!(file.shape("pos_embed"), Some(&[1, 37, 96][..]));
    let sum: f32 = values(&mut file, "norm.weight").iter().sum();
    assert!(sum.is_finite() && sum != 0.0);
    assert!(file.shape("decoder_embed.weight").is_some());
}
