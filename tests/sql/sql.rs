//! The TCAS query on DataFusion, over token tables as `mimlet encode` writes them: the same bits as
//! [`TokenClassCounts::tcas`], however the rows are cut and shuffled.

mod engine;
mod tables;

use datafusion::arrow::datatypes::DataType;
use mimlet_tcas::TokenClassCounts;

use engine::{Engine, Score};
use tables::{Random, Table};

/// Ways to divide the work: alone, in two, in more parts than there are files.
const PARTITIONS: [usize; 3] = [1, 2, 7];

/// That every engine gives what the counts give.
fn holds(table: &Table) {
    let counts = table.counts();
    let expected = Score {
        tcas: counts.tcas().map(f64::to_bits),
        used_tokens: counts.used_tokens() as i64,
        patches: (counts.patches() > 0).then_some(counts.patches() as i64),
    };
    for partitions in PARTITIONS {
        let found = Engine::new(table, partitions).score();
        assert_eq!(found, expected, "{partitions} partitions: {counts:?}");
    }
}

#[test]
fn random_tables_score_the_same_bits() {
    let mut random = Random(7);
    // Tokens and classes: one of each, more tokens, more classes, few, many with gaps.
    for (tokens, classes, images) in [
        (1, 1, 3),
        (3, 1, 20),
        (2, 9, 40),
        (65, 7, 60),
        (197, 31, 90),
    ] {
        for files in [1, 5] {
            holds(&Table::random(&mut random, tokens, classes, images, files));
        }
    }
}

#[test]
fn a_thousand_tokens_in_shuffled_rows_score_the_same_bits() {
    let mut random = Random(11);
    let table = Table::random(&mut random, 1000, 20, 400, 3).with_rows_shuffled(&mut random);
    let used = table.counts().used_tokens();
    assert!((500..1000).contains(&used), "{used} used tokens");
    holds(&table);
}

#[test]
fn pure_tokens_of_distinct_classes_score_zero_and_a_stray_patch_shows() {
    let pure = |token: u32| (vec![token; 5000], Some(token % 50));
    let mut images: Vec<_> = (0..50).map(pure).collect();
    let table = Table::of(50, 50, images.clone(), 2);
    assert_eq!(table.counts().tcas(), Some(0.0));
    holds(&table);
    images.push((vec![3], Some(4)));
    let table = Table::of(50, 50, images, 2);
    assert!(table.counts().tcas().is_some_and(|tcas| tcas > 0.0));
    holds(&table);
}

#[test]
fn without_a_label_there_is_no_score() {
    let images = vec![(vec![1, 2, 3], None), (vec![0; 9], None)];
    holds(&Table::of(4, 2, images, 2));
    holds(&Table::of(4, 2, vec![], 1));
}

#[test]
fn more_tokens_than_the_sums_hold_give_no_score_instead_of_a_wrong_one() {
    let most = 1 << 18;
    let table = |tokens| Table::of(tokens, 1, vec![((0..tokens).collect(), Some(0))], 1);
    holds(&table(most));
    let score = Engine::new(&table(most + 1), 2).score();
    assert_eq!((score.tcas, score.used_tokens), (None, i64::from(most) + 1));
}

#[test]
fn counted_by_the_engine_and_scored_here_is_the_same() {
    let table = Table::random(&mut Random(23), 300, 12, 80, 4);
    let counted = Engine::new(&table, 7).rows(
        "SELECT token, label, COUNT(*) AS n FROM tokens WHERE label IS NOT NULL \
         GROUP BY token, label",
    );
    let mut rows = vec![[0; 12]; 300];
    for [token, label, n] in counted {
        rows[token as usize][label as usize] = n as u64;
    }
    let counts = TokenClassCounts::from_rows(&rows).unwrap();
    assert_eq!(counts, table.counts());
}

#[test]
fn columns_need_no_cast() {
    let table = Table::random(&mut Random(1), 9, 2, 5, 1);
    let columns = Engine::new(&table, 1).columns();
    let names: Vec<_> = columns
        .iter()
        .map(|column| column.name().as_str())
        .collect();
    assert_eq!(names, ["image", "patch", "token", "label"]);
    assert!(matches!(
        columns[0].data_type(),
        DataType::Utf8 | DataType::Utf8View
    ));
    for column in &columns[1..] {
        assert_eq!(column.data_type(), &DataType::Int32);
    }
    let nullable: Vec<_> = columns.iter().map(|column| column.is_nullable()).collect();
    assert_eq!(nullable, [false, false, false, true]);
}
