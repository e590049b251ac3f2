//! What is written is what any reader of Parquet sees; nothing half-written is ever left.

use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::Path;

use mimlet_parquet::{TableError, TableInfo, TokenTable, TokenTableWriter};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};

/// An image's name, tokens and label.
type Image = (String, Vec<u32>, Option<u32>);

fn info() -> TableInfo {
    TableInfo {
        model: [0xAB; 32],
        codebook_size: 1000,
        class_names: vec!["cat".into(), "dog".into(), "hen".into()],
    }
}

/// Images of 0 to 11 patches, some without a label.
fn images(count: usize) -> Vec<Image> {
    let image = |index: usize| {
        let patches = (index * 5) % 12;
        let tokens = (0..patches).map(|patch| (index * 331 + patch * 77) as u32 % 1000);
        let label = (index % 4 != 3).then_some(index as u32 % 3);
        (format!("class/{index} é.png"), tokens.collect(), label)
    };
    (0..count).map(image).collect()
}

fn write(path: &Path, images: &[Image], group_rows: usize) {
    let mut writer = TokenTableWriter::create(path, &info())
        .unwrap()
        .with_group_rows(NonZeroUsize::new(group_rows).unwrap());
    for (name, tokens, label) in images {
        writer.write_image(name, tokens, *label).unwrap();
    }
    let written = writer.finish().unwrap();
    assert_eq!(written.images, images.len() as u64);
    assert_eq!(written.rows, rows(images).len() as u64);
    assert_eq!(written.bytes, fs::metadata(path).unwrap().len());
}

/// The rows an engine should see.
fn rows(images: &[Image]) -> Vec<[Field; 4]> {
    let of_image = |(name, tokens, label): &Image| {
        let (name, label) = (name.clone(), *label);
        let row = move |(patch, &token): (usize, &u32)| {
            [
                Field::Str(name.clone()),
                Field::Int(patch as i32),
                Field::Int(token as i32),
                label.map_or(Field::Null, |label| Field::Int(label as i32)),
            ]
        };
        tokens.iter().enumerate().map(row).collect::<Vec<_>>()
    };
    images.iter().flat_map(of_image).collect()
}

fn fields(row: &Row) -> [Field; 4] {
    let mut columns = row.get_column_iter().map(|(_, field)| field.clone());
    std::array::from_fn(|_| columns.next().unwrap())
}

#[test]
fn every_row_is_there_in_groups_of_bounded_size() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let images = images(97);
    for group_rows in [1, 8, 64, 1 << 20] {
        write(&path, &images, group_rows);
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let found: Vec<_> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| fields(&row.unwrap()))
            .collect();
        assert_eq!(found, rows(&images), "groups of {group_rows}");
        for group in reader.metadata().row_groups() {
            // A group ends with the image that fills it.
            assert!((group.num_rows() as usize) < group_rows + 12);
        }
    }
}

#[test]
fn tokens_and_labels_read_back_over_groups_and_batches() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    // More rows than a batch has, so that batches end inside images and groups.
    let images = images(30_000);
    let expected: (Vec<u32>, Vec<Option<u32>>) = images
        .iter()
        .flat_map(|(_, tokens, label)| tokens.iter().map(|&token| (token, *label)))
        .unzip();
    for group_rows in [70_001, 1 << 20] {
        write(&path, &images, group_rows);
        let table = TokenTable::open(&path).unwrap();
        assert_eq!(table.info(), &info());
        assert_eq!(table.rows(), expected.0.len() as u64);
        let mut found = (Vec::new(), Vec::new());
        let mut batches = 0;
        table
            .read(|batch| {
                batches += 1;
                found.0.extend_from_slice(&batch.tokens);
                found.1.extend_from_slice(&batch.labels);
                Ok::<_, TableError>(())
            })
            .unwrap();
        assert!(batches > 2 && found == expected, "{batches} batches");
    }
}

#[test]
fn a_table_without_rows_or_labels_is_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    write(&path, &[], 8);
    assert_eq!(TokenTable::open(&path).unwrap().rows(), 0);
    write(&path, &[("a".into(), vec![1, 2], None)], 8);
    let mut labels = Vec::new();
    let table = TokenTable::open(&path).unwrap();
    table
        .read(|batch| {
            labels.extend_from_slice(&batch.labels);
            Ok::<_, TableError>(())
        })
        .unwrap();
    assert_eq!(labels, [None, None]);
}

#[test]
fn nothing_shows_before_the_end_and_nothing_stays_after_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    fs::write(&path, "the old file").unwrap();
    let mut writer = TokenTableWriter::create(&path, &info())
        .unwrap()
        .with_group_rows(NonZeroUsize::MIN);
    writer.write_image("a", &[1, 2, 3], Some(0)).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"the old file");
    drop(writer);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(fs::read(&path).unwrap(), b"the old file");

    let nowhere = folder.path().join("nowhere/t.parquet");
    let error = TokenTableWriter::create(&nowhere, &info()).unwrap_err();
    assert!(matches!(error, TableError::Io { .. }), "{error}");
}

#[test]
fn numbers_outside_codebook_and_classes_are_refused_and_leave_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let mut writer = TokenTableWriter::create(&path, &info()).unwrap();
    let error = writer.write_image("far.png", &[0, 1000], None).unwrap_err();
    assert!(matches!(error, TableError::Token { token: 1000, .. }));
    assert!(error.to_string().starts_with("far.png: "));
    let error = writer.write_image("odd.png", &[0], Some(3)).unwrap_err();
    assert!(matches!(error, TableError::Label { label: 3, .. }));
    writer.write_image("fine.png", &[999], Some(2)).unwrap();
    assert_eq!(writer.finish().unwrap().rows, 1);

    let huge = TableInfo {
        codebook_size: 1 << 31,
        ..info()
    };
    let error = TokenTableWriter::create(&path, &huge).unwrap_err();
    assert!(matches!(error, TableError::TooMany(_)));
}

#[test]
fn files_that_are_no_table_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    let refused = |path: &Path| TokenTable::open(path).unwrap_err().to_string();
    assert!(refused(&path).contains("t.parquet: cannot be read"));
    write(&path, &images(40), 64);
    let whole = fs::read(&path).unwrap();
    for length in [0, 3, 11, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(refused(&path).contains("t.parquet: "));
    }
    // The metadata and the columns of another table.
    let (from, to) = ("mimlet.table_version", "mimlet.other_versio");
    let at = whole.windows(from.len()).position(|w| w == from.as_bytes());
    let mut other = whole.clone();
    other[at.unwrap()..][..to.len()].copy_from_slice(to.as_bytes());
    fs::write(&path, other).unwrap();
    assert!(refused(&path).contains("mimlet.table_version"));
    let lie: Vec<u8> = replaced(&whole, b"patch", b"match");
    fs::write(&path, lie).unwrap();
    assert!(refused(&path).contains("columns"));
}

#[test]
fn a_damaged_file_is_an_error_or_numbers_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.parquet");
    write(&path, &images(30), 64);
    let whole = fs::read(&path).unwrap();
    let mut errors = 0;
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(&path, damaged).unwrap();
        let read = |table: TokenTable| table.read(|_| Ok::<_, TableError>(()));
        errors += usize::from(TokenTable::open(&path).and_then(read).is_err());
    }
    assert!(errors > whole.len() / 10, "{errors} of {}", whole.len());
}

/// The bytes with every `from` replaced.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..][..to.len()].copy_from_slice(to);
        }
    }
    bytes
}
