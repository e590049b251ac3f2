//! Counting, exact merging, and the bytes shards travel in.

use mimlet_tcas::{CountsError, CountsShard, MAX_CELLS, SHARD_MAGIC, ShardError, TokenClassCounts};
use proptest::prelude::*;

fn counted(patches: &[(u32, u32)]) -> TokenClassCounts {
    let mut counts = TokenClassCounts::new(5, 3).unwrap();
    for &(token, class) in patches {
        counts.add(token, class).unwrap();
    }
    counts
}

fn shard(counts: TokenClassCounts) -> CountsShard {
    let names = (0..counts.classes()).map(|class| format!("class {class}"));
    CountsShard::new([9; 32], names.collect(), counts).unwrap()
}

#[test]
fn impossible_sizes_are_refused() {
    for (tokens, classes) in [
        (0, 3),
        (3, 0),
        (usize::MAX, 2),
        (MAX_CELLS, 2),
        (1, MAX_CELLS + 1),
    ] {
        assert_eq!(
            TokenClassCounts::new(tokens, classes),
            Err(CountsError::Size { tokens, classes })
        );
    }
    assert!(matches!(
        TokenClassCounts::from_rows::<[u64; 2]>(&[]),
        Err(CountsError::Size { .. })
    ));
    assert_eq!(
        TokenClassCounts::from_rows(&[vec![1, 2], vec![3]]),
        Err(CountsError::Ragged {
            row: 1,
            found: 1,
            expected: 2
        })
    );
}

#[test]
fn a_refused_image_leaves_no_trace() {
    let mut counts = counted(&[(1, 1)]);
    let before = counts.clone();
    assert_eq!(
        counts.add_tokens(&[0, 1, 5], 0),
        Err(CountsError::Token {
            token: 5,
            tokens: 5
        })
    );
    assert_eq!(
        counts.add(0, 3),
        Err(CountsError::Class {
            class: 3,
            classes: 3
        })
    );
    assert_eq!(
        counts.add(u32::MAX, 0).map_err(|e| e.to_string()),
        Err("token 4294967295 is outside the codebook of 5 tokens".to_string())
    );
    assert_eq!(counts, before);
}

#[test]
fn overflow_is_an_error_and_changes_nothing() {
    let mut full = TokenClassCounts::from_rows(&[[u64::MAX - 1, 0], [0, 1]]).unwrap();
    let before = full.clone();
    assert_eq!(full.add(0, 1), Err(CountsError::Overflow));
    assert_eq!(full.merge(&before), Err(CountsError::Overflow));
    assert_eq!(full, before);
    assert_eq!(
        TokenClassCounts::from_rows(&[[u64::MAX, 1]]),
        Err(CountsError::Overflow)
    );
    assert!(full.tcas().is_some_and(|tcas| tcas.is_finite()));
}

#[test]
fn other_shapes_do_not_merge() {
    let mut counts = counted(&[]);
    let other = TokenClassCounts::new(3, 5).unwrap();
    assert_eq!(
        counts.merge(&other),
        Err(CountsError::Shape {
            found: [3, 5],
            expected: [5, 3]
        })
    );
}

#[test]
fn shards_of_other_models_or_classes_do_not_merge() {
    let names = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
    let make = |model, classes: &str| {
        let counts = TokenClassCounts::new(4, names(classes).len()).unwrap();
        CountsShard::new(model, names(classes), counts).unwrap()
    };
    let mut first = make([1; 32], "cat dog");
    assert_eq!(
        first.merge(&make([2; 32], "cat dog")),
        Err(ShardError::OtherModel)
    );
    for (other, index, found) in [
        ("cat owl", 1, "owl"),
        ("cat", 1, ""),
        ("cat dog owl", 2, "owl"),
    ] {
        let expected = ["cat", "dog"]
            .get(index)
            .copied()
            .unwrap_or_default()
            .to_string();
        let found = found.to_string();
        assert_eq!(
            first.merge(&make([1; 32], other)),
            Err(ShardError::OtherClasses {
                index,
                found,
                expected
            })
        );
    }
    assert_eq!(first.merge(&make([1; 32], "cat dog")), Ok(()));
    assert!(CountsShard::new([1; 32], names("cat"), TokenClassCounts::new(4, 2).unwrap()).is_err());
}

#[test]
fn each_lie_of_a_counts_file_has_its_error() {
    let counts = TokenClassCounts::from_rows(&[[1, 2], [3, 4]]).unwrap();
    let bytes = shard(counts).to_bytes();
    let read = |bytes: &[u8]| CountsShard::from_bytes(bytes).unwrap_err();
    let with = |index: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[index] = value;
        bytes
    };
    assert_eq!(read(b""), ShardError::Magic);
    assert_eq!(read(&with(0, b'M')), ShardError::Magic);
    assert_eq!(read(&SHARD_MAGIC), ShardError::Damaged);
    assert_eq!(read(&with(8, 2)), ShardError::Version { found: 2 });
    assert_eq!(
        read(&[&bytes[..], &[0]].concat()),
        ShardError::TrailingBytes(1)
    );
    // The record ends with: tokens 2, classes 2, patches 10, length 4, counts 1 2 3 4.
    let end = bytes.len();
    assert_eq!(bytes[end - 8..], [2, 2, 10, 4, 1, 2, 3, 4]);
    assert!(matches!(
        read(&with(end - 8, 3)),
        ShardError::Contradiction { .. }
    ));
    assert!(matches!(
        read(&with(end - 7, 1)),
        ShardError::Contradiction { .. }
    ));
    assert!(matches!(
        read(&with(end - 6, 11)),
        ShardError::Contradiction {
            field: "patches",
            ..
        }
    ));
    assert!(matches!(
        read(&with(end - 1, 5)),
        ShardError::Contradiction {
            field: "patches",
            ..
        }
    ));
    assert_eq!(read(&with(end - 5, 5)), ShardError::Damaged);
    assert!(matches!(
        read(&with(end - 5, 3)),
        ShardError::Contradiction {
            claimed: 4,
            found: 3,
            ..
        }
    ));
    for cut in SHARD_MAGIC.len()..end {
        assert_eq!(read(&bytes[..cut]), ShardError::Damaged, "cut at {cut}");
    }
}

/// A length that claims far more than the file holds must not be believed.
#[test]
fn a_huge_claimed_length_allocates_nothing() {
    let bytes = shard(TokenClassCounts::from_rows(&[[7]]).unwrap()).to_bytes();
    let mut lie = bytes[..bytes.len() - 2].to_vec();
    lie.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 7]);
    assert_eq!(CountsShard::from_bytes(&lie), Err(ShardError::Damaged));
}

fn any_patches() -> impl Strategy<Value = Vec<(u32, u32)>> {
    prop::collection::vec((0..5u32, 0..3u32), 0..60)
}

proptest! {
    #[test]
    fn merging_is_exact_in_any_order_and_grouping(
        (parts, order) in prop::collection::vec(any_patches(), 1..6).prop_flat_map(|parts| {
            let order: Vec<usize> = (0..parts.len()).collect();
            (Just(parts), Just(order).prop_shuffle())
        }),
        split in 0usize..6,
    ) {
        let whole = counted(&parts.concat());
        let mut forward = counted(&[]);
        for part in &parts {
            forward.merge(&counted(part)).unwrap();
        }
        // Two groups of a shuffled order, merged apart and then together.
        let (left, right) = order.split_at(split.min(order.len()));
        let group = |indices: &[usize]| {
            indices.iter().fold(counted(&[]), |mut sum, &index| {
                sum.merge(&counted(&parts[index])).unwrap();
                sum
            })
        };
        let mut grouped = group(right);
        grouped.merge(&group(left)).unwrap();
        prop_assert_eq!(&forward, &whole);
        prop_assert_eq!(&grouped, &whole);
        // Equal matrices give equal bits.
        prop_assert_eq!(grouped.tcas().map(f64::to_bits), whole.tcas().map(f64::to_bits));
    }

    #[test]
    fn shards_round_trip(patches in any_patches()) {
        let shard = shard(counted(&patches));
        prop_assert_eq!(CountsShard::from_bytes(&shard.to_bytes()), Ok(shard));
    }

    #[test]
    fn hostile_bytes_are_errors_or_consistent_counts(
        patches in any_patches(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = shard(counted(&patches)).to_bytes();
        for (index, value) in damage {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        for candidate in [bytes, [&SHARD_MAGIC[..], &[1, 0], &noise].concat(), noise] {
            if let Ok(shard) = CountsShard::from_bytes(&candidate) {
                let counts = shard.counts();
                prop_assert_eq!(counts.patches(), counts.counts().iter().sum::<u64>());
                prop_assert_eq!(counts.classes(), shard.class_names().len());
            }
        }
    }
}
