//! A million TCAS records of a fleet, added up on one core: of 100 tokens and 10 classes each, as a
//! device that has seen forty images of one or two classes sends them home.

use mimlet_benches::{RUNS_PER_TURN, interleaved};
use mimlet_kernels::case::Stream;
use mimlet_tcas::{CountsShard, ShardSum, TokenClassCounts};

/// Tokens, classes, patches of an image, images of a record.
const SHAPE: [usize; 4] = [100, 10, 64, 40];
/// Records in memory; they are added again and again until it is a million.
const RECORDS: usize = 10_000;
const MILLION: usize = 1_000_000;
const TURNS: usize = 2;

fn main() {
    let mut stream = Stream::new(3);
    let records: Vec<Vec<u8>> = (0..RECORDS).map(|_| record(&mut stream)).collect();
    let bytes = records.concat();
    let mut run = || {
        let mut sum = ShardSum::default();
        for _ in 0..MILLION / RECORDS {
            sum.add_stream(&bytes).expect("the records belong together");
        }
        let patches = sum.total().map_or(0, |sum| sum.counts().patches());
        assert_eq!(patches as usize, MILLION * SHAPE[2] * SHAPE[3]);
    };
    let times = interleaved(TURNS, &mut [&mut run]);
    println!(
        "a million records of {} bytes, {} runs: median {:.0} ms, {:.2} million a second",
        bytes.len() / RECORDS,
        TURNS * RUNS_PER_TURN,
        times[0].median_ms(),
        1e3 / times[0].median_ms()
    );
}

/// What a device counted: two classes, and the tokens that those have most.
fn record(stream: &mut Stream) -> Vec<u8> {
    let [tokens, classes, patches, images] = SHAPE;
    let mut below = |end: usize| ((stream.bits() >> 16) as usize % end) as u32;
    let mut counts = TokenClassCounts::new(tokens, classes).expect("a size within bounds");
    let seen = [below(classes), below(classes)];
    for image in 0..images {
        let class = seen[image % 2];
        let drawn: Vec<u32> = (0..patches)
            .map(|_| (class * 10 + below(30)) % tokens as u32)
            .collect();
        counts.add_tokens(&drawn, class).expect("within bounds");
    }
    let names = (0..classes).map(|class| format!("class {class}")).collect();
    let shard = CountsShard::new([7; 32], names, counts).expect("a name for each class");
    shard.to_bytes()
}
