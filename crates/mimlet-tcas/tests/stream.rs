//! Streams of shards: the same sum as one by one, and nothing of a shard that is wrong.

use mimlet_tcas::{CountsShard, ShardError, ShardSum, TokenClassCounts};
use proptest::prelude::*;

fn shard(model: u8, cells: &[u64]) -> CountsShard {
    let rows: Vec<&[u64]> = cells.chunks(3).collect();
    let counts = TokenClassCounts::from_rows(&rows).unwrap();
    let names = ["cat", "dog", "eel"].map(str::to_owned).to_vec();
    CountsShard::new([model; 32], names, counts).unwrap()
}

/// Mostly zeros, as the record of one device is, with counts of every length.
fn cells() -> impl Strategy<Value = Vec<u64>> {
    let count = prop_oneof![
        6 => Just(0),
        2 => 1..128_u64,
        1 => 128..20_000_u64,
        1 => 0..u64::MAX >> 12,
    ];
    prop::collection::vec(count, 36)
}

proptest! {
    #[test]
    fn a_stream_sums_to_what_its_shards_do(shards in prop::collection::vec(cells(), 1..20)) {
        let shards: Vec<_> = shards.iter().map(|cells| shard(1, cells)).collect();
        let mut expected = shards[0].clone();
        for shard in &shards[1..] {
            expected.merge(shard).unwrap();
        }
        let stream: Vec<u8> = shards.iter().flat_map(CountsShard::to_bytes).collect();
        let mut sum = ShardSum::default();
        prop_assert_eq!(sum.add_stream(&stream), Ok(shards.len() as u64));
        prop_assert_eq!(sum.total(), Some(&expected));
    }

    #[test]
    fn a_damaged_second_shard_adds_nothing(
        first in cells(),
        second in cells(),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let whole = shard(1, &second).to_bytes();
        let at = at.index(whole.len());
        let mut damaged = whole.clone();
        damaged[at] = byte;
        for second in [&damaged[..], &whole[..at]] {
            let mut sum = ShardSum::default();
            sum.add_stream(&shard(1, &first).to_bytes()).unwrap();
            let mut expected = shard(1, &first);
            let added = sum.add_stream(second);
            if let Ok(other) = CountsShard::from_bytes(second) {
                // The byte may be one that gives another valid shard.
                prop_assert_eq!(added.is_ok(), expected.merge(&other).is_ok());
            } else {
                prop_assert!(added.is_err() || second.is_empty());
            }
            prop_assert_eq!(sum.total(), Some(&expected));
        }
    }
}

#[test]
fn what_does_not_belong_together_is_named_and_what_came_before_stays() {
    let (ours, theirs) = (shard(1, &[5; 36]), shard(2, &[5; 36]));
    let mut sum = ShardSum::default();
    let stream = [ours.to_bytes(), ours.to_bytes(), theirs.to_bytes()].concat();
    assert_eq!(sum.add_stream(&stream), Err(ShardError::OtherModel));
    assert_eq!(sum.total().unwrap().counts().patches(), 2 * 36 * 5);
    let error = sum.add_stream(b"no counts at all").unwrap_err();
    assert_eq!(error, ShardError::Magic);
}

#[test]
fn a_sum_beyond_64_bits_is_refused() {
    let mut large = [0; 36];
    large[20] = u64::MAX;
    let mut sum = ShardSum::default();
    sum.add_stream(&shard(1, &large).to_bytes()).unwrap();
    let error = sum.add_stream(&shard(1, &[1; 36]).to_bytes()).unwrap_err();
    assert!(matches!(error, ShardError::Counts(_)), "{error}");
    assert_eq!(sum.total(), Some(&shard(1, &large)));
}
