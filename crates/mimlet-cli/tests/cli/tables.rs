//! Token tables: written by `encode`, scored by `tcas`.

use std::fs;
use std::path::Path;

use mimlet_parquet::{TableError, TokenTable};
use serde_json::Value;

use crate::fixture::{PATCHES, folder, json, keys, mimlet, refused};

fn encode(folder: &Path, arguments: &[&str], table: &str) -> Value {
    let common = ["encode", "tiny.mim", "--backend", "cpu", "-o", table];
    json(folder, &[&common[..], arguments].concat())
}

/// Tokens and labels of a table's rows.
fn rows(path: &Path) -> (Vec<u32>, Vec<Option<u32>>) {
    let mut rows = (Vec::new(), Vec::new());
    let table = TokenTable::open(path).unwrap();
    let read = table.read(|batch| {
        rows.0.extend_from_slice(&batch.tokens);
        rows.1.extend_from_slice(&batch.labels);
        Ok::<_, TableError>(())
    });
    read.unwrap();
    rows
}

#[test]
fn a_table_holds_what_an_array_holds() {
    let folder = folder();
    let folder = folder.path();
    let photos = ["photos/light/1.png", "photos/dark/0.png"];
    let report = encode(folder, &photos, "t.parquet");
    let expected = [
        "backend", "bytes", "classes", "file", "hash", "labelled", "output", "rows", "shape",
        "what",
    ];
    assert_eq!(keys(&report), expected);
    assert_eq!(report["shape"], serde_json::json!([2, PATCHES]));
    let shown = json(
        folder,
        &[&["encode", "tiny.mim", "--backend", "cpu"][..], &photos].concat(),
    );
    let tokens: Vec<u32> = shown["images"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|image| image["tokens"].as_array().unwrap())
        .map(|token| token.as_u64().unwrap() as u32)
        .collect();
    let found = rows(&folder.join("t.parquet"));
    assert_eq!(found, (tokens, vec![None; 2 * PATCHES]));

    let table = TokenTable::open(&folder.join("t.parquet")).unwrap();
    let hash: String = table
        .info()
        .model
        .map(|byte| format!("{byte:02x}"))
        .concat();
    assert_eq!(report["hash"], hash);
    assert_eq!(table.info().codebook_size, 5);
}

#[test]
fn labels_come_from_class_folders_and_named_images_have_none() {
    let folder = folder();
    let folder = folder.path();
    let report = encode(
        folder,
        &["photos/light/1.png", "--data", "photos"],
        "t.parquet",
    );
    assert_eq!(
        [&report["shape"][0], &report["labelled"], &report["classes"]],
        [13, 12, 2]
    );
    let (_, labels) = rows(&folder.join("t.parquet"));
    let expected: Vec<_> = [(None, 1), (Some(0), 6), (Some(1), 6)]
        .into_iter()
        .flat_map(|(label, images)| vec![label; images * PATCHES])
        .collect();
    assert_eq!(labels, expected);
    let table = TokenTable::open(&folder.join("t.parquet")).unwrap();
    assert_eq!(table.info().class_names, ["dark", "light"]);
    // The file holds the names as they are below the folder, wherever that is.
    let bytes = fs::read(folder.join("t.parquet")).unwrap();
    let holds = |name: &[u8]| bytes.windows(name.len()).any(|window| window == name);
    assert!(holds(b"dark/0.png") && !holds(b"photos/dark/0.png"));
}

#[test]
fn tables_score_as_the_images_do_in_one_piece_or_in_shards() {
    let folder = folder();
    let folder = folder.path();
    for (shard, names) in [
        ("first", ["0.png", "3.png"]),
        ("second", ["1.png", "2.png"]),
    ] {
        for class in ["dark", "light"] {
            for data in [shard, "both"] {
                let target = folder.join(data).join(class);
                fs::create_dir_all(&target).unwrap();
                for name in names {
                    fs::copy(
                        folder.join("photos").join(class).join(name),
                        target.join(name),
                    )
                    .unwrap();
                }
            }
        }
        encode(folder, &["--data", shard], &format!("{shard}.parquet"));
    }
    let counted = [
        "tcas",
        "tiny.mim",
        "--data",
        "both",
        "--counts-out",
        "images.counts",
    ];
    let expected = json(folder, &counted);
    encode(folder, &["--data", "both"], "both.parquet");
    for tables in [&["both.parquet"][..], &["second.parquet", "first.parquet"]] {
        let arguments = [
            &["tcas", "--counts-out", "tables.counts", "--tokens"],
            tables,
        ]
        .concat();
        let scored = json(folder, &arguments);
        assert_eq!(keys(&scored), keys(&expected));
        for key in [
            "tcas",
            "nmi",
            "used_tokens",
            "patches",
            "classes",
            "codebook_size",
        ] {
            assert_eq!(scored[key], expected[key], "{key}");
        }
        let [images, tables] = ["images.counts", "tables.counts"].map(|name| folder.join(name));
        assert!(fs::read(images).unwrap() == fs::read(tables).unwrap());
    }
    let run = mimlet(folder, &["tcas", "--tokens", "both.parquet", "--max", "0"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
}

#[test]
fn what_makes_no_table_or_no_score_is_refused() {
    let folder = folder();
    let folder = folder.path();
    let photo = "photos/dark/0.png";
    refused(
        folder,
        &[
            "encode",
            "tiny.mim",
            photo,
            "--what",
            "cls",
            "-o",
            "t.parquet",
        ],
        &["t.parquet: ", "tokens"],
    );
    refused(
        folder,
        &["encode", "plain.mim", photo, "-o", "t.parquet"],
        &["t.parquet: ", "codebook"],
    );
    refused(
        folder,
        &["encode", "tiny.mim", "--data", "photos", "-o", "t.npy"],
        &["--data", ".parquet"],
    );
    refused(
        folder,
        &[
            "encode",
            "tiny.mim",
            "--data",
            "photos/dark",
            "-o",
            "t.parquet",
        ],
        &["photos/dark"],
    );
    // After the first image is encoded.
    refused(
        folder,
        &[
            "encode",
            "tiny.mim",
            photo,
            "nowhere.png",
            "-o",
            "t.parquet",
        ],
        &["nowhere.png"],
    );
    encode(folder, &[photo], "plain.parquet");
    refused(
        folder,
        &["tcas", "--tokens", "plain.parquet"],
        &["plain.parquet: has no labels", "--data"],
    );
    refused(folder, &["tcas", "--tokens", "tiny.mim"], &["tiny.mim: "]);
    fs::rename(folder.join("photos/dark"), folder.join("photos/night")).unwrap();
    encode(folder, &["--data", "photos"], "night.parquet");
    fs::rename(folder.join("photos/night"), folder.join("photos/dark")).unwrap();
    encode(folder, &["--data", "photos"], "dark.parquet");
    refused(
        folder,
        &["tcas", "--tokens", "dark.parquet", "night.parquet"],
        &["night.parquet: class 0 is `light`", "`dark`"],
    );
}
