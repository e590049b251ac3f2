//! What `encode` writes.

use std::fs;
use std::path::Path;

use mimlet_image::{NpyArray, NpyData};
use safetensors::SafeTensors;
use serde_json::Value;

use crate::fixture::{DIM, PATCHES, SIDE, folder, json, mimlet, refused};

const PHOTOS: [&str; 3] = [
    "photos/dark/0.png",
    "photos/light/1.png",
    "photos/light/2.png",
];

fn encode(folder: &Path, images: &[&str], flags: &[&str]) -> Value {
    json(
        folder,
        &[&["encode", "tiny.mim", "--backend", "cpu"], images, flags].concat(),
    )
}

fn npy(folder: &Path, name: &str) -> NpyArray {
    NpyArray::parse(&fs::read(folder.join(name)).unwrap()).unwrap()
}

#[test]
fn arrays_have_the_contract_shapes() {
    let folder = folder();
    let folder = folder.path();
    for (what, shape) in [
        ("cls", vec![3, DIM]),
        ("patches", vec![3, PATCHES, DIM]),
        ("tokens", vec![3, PATCHES]),
    ] {
        let file = format!("{what}.npy");
        encode(folder, &PHOTOS, &["--what", what, "-o", &file]);
        let array = npy(folder, &file);
        assert_eq!(array.shape, shape);
        assert_eq!(matches!(array.data, NpyData::U32(_)), what == "tokens");
    }
}

#[test]
fn every_file_kind_holds_the_same_numbers() {
    let folder = folder();
    let folder = folder.path();
    for what in ["cls", "tokens"] {
        for file in ["a.npy", "a.safetensors", "a.json"] {
            encode(folder, &PHOTOS, &["--what", what, "-o", file]);
        }
        let expected: Vec<u8> = match npy(folder, "a.npy").data {
            NpyData::F32(values) => values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            NpyData::U32(values) => values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect(),
            NpyData::U8(values) => values,
        };
        let bytes = fs::read(folder.join("a.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.tensor(what).unwrap().data(), expected);
        let object: Value =
            serde_json::from_slice(&fs::read(folder.join("a.json")).unwrap()).unwrap();
        let found: Vec<u8> = PHOTOS
            .iter()
            .zip(object["images"].as_array().unwrap())
            .flat_map(|(photo, image)| {
                assert_eq!(image["file"], *photo);
                image[what].as_array().unwrap().clone()
            })
            .flat_map(|number| match what {
                "cls" => (number.as_f64().unwrap() as f32).to_le_bytes(),
                _ => (number.as_u64().unwrap() as u32).to_le_bytes(),
            })
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn same_input_gives_the_same_bytes() {
    let folder = folder();
    let folder = folder.path();
    for extension in ["npy", "safetensors", "json"] {
        let names = [format!("a.{extension}"), format!("b.{extension}")];
        // Neither another run nor another number of threads changes a bit.
        encode(
            folder,
            &PHOTOS,
            &["--what", "patches", "--threads", "1", "-o", &names[0]],
        );
        encode(
            folder,
            &PHOTOS,
            &["--what", "patches", "--threads", "2", "-o", &names[1]],
        );
        let [a, b] = names.map(|name| fs::read(folder.join(name)).unwrap());
        assert!(a == b, "{extension} files differ");
    }
}

#[test]
fn an_image_does_not_depend_on_its_neighbours() {
    let folder = folder();
    let together = encode(folder.path(), &PHOTOS, &[]);
    for (index, photo) in PHOTOS.iter().enumerate() {
        let alone = encode(folder.path(), &[photo], &[]);
        assert_eq!(alone["images"][0], together["images"][index]);
    }
}

#[test]
fn pixel_and_normalised_arrays_take_the_place_of_a_photo() {
    let folder = folder();
    let side = SIDE as usize;
    let pixels: Vec<u8> = (0..side * side * 3).map(|i| (i * 7 % 256) as u8).collect();
    mimlet_image::write_npy(folder.path().join("u8.npy"), &[side, side, 3], &pixels).unwrap();
    let mean = [0.485f32, 0.456, 0.406];
    let std = [0.229f32, 0.224, 0.225];
    let normal: Vec<f32> = (0..3)
        .flat_map(|c| {
            pixels
                .chunks(3)
                .map(move |p| (f32::from(p[c]) / 255.0 - mean[c]) / std[c])
        })
        .collect();
    mimlet_image::write_npy(folder.path().join("f32.npy"), &[3, side, side], &normal).unwrap();
    let report = encode(folder.path(), &["u8.npy", "f32.npy"], &["--what", "cls"]);
    let images = [&report["images"][0]["cls"], &report["images"][1]["cls"]];
    let [a, b] = images.map(|image| image.as_array().unwrap());
    for (a, b) in a.iter().zip(b) {
        assert!(
            (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-2,
            "{a} {b}"
        );
    }
}

#[test]
fn a_file_is_replaced_whole() {
    let folder = folder();
    fs::write(folder.path().join("out.json"), "old").unwrap();
    encode(folder.path(), &PHOTOS, &["-o", "out.json"]);
    let text = fs::read_to_string(folder.path().join("out.json")).unwrap();
    assert!(serde_json::from_str::<Value>(&text).is_ok());
}

#[test]
fn people_see_the_token_map() {
    let folder = folder();
    let run = mimlet(
        folder.path(),
        &["encode", "tiny.mim", PHOTOS[0], "--backend", "cpu"],
    );
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let rows: Vec<Vec<u32>> = run
        .stdout
        .lines()
        .filter_map(|line| {
            line.split_whitespace()
                .map(|token| token.parse().ok())
                .collect()
        })
        .filter(|row: &Vec<u32>| !row.is_empty())
        .collect();
    assert_eq!(rows.len(), 2, "{}", run.stdout);
    assert!(rows.iter().flatten().all(|&token| token < 5));
}

/// One after the other, shared out among threads, or prepared ahead of one device: in the order given.
#[test]
fn many_images_keep_their_order_however_they_are_shared_out() {
    let folder = folder();
    let folder = folder.path();
    let images: Vec<&str> = PHOTOS.into_iter().cycle().take(20).collect();
    for (file, threads) in [("1.npy", "1"), ("2.npy", "2"), ("7.npy", "7")] {
        encode(folder, &images, &["--threads", threads, "-o", file]);
    }
    let alone = npy(folder, "1.npy");
    assert_eq!(alone.shape[0], 20);
    let NpyData::U32(tokens) = &alone.data else {
        panic!("tokens are u32")
    };
    assert_ne!(tokens[..PATCHES], tokens[PATCHES..2 * PATCHES]);
    assert_eq!(npy(folder, "2.npy"), alone);
    assert_eq!(npy(folder, "7.npy"), alone);
}

#[test]
fn of_many_images_the_first_bad_one_is_named() {
    let folder = folder();
    let folder = folder.path();
    for bad in ["bad1.png", "bad2.png"] {
        fs::write(folder.join(bad), "no picture").unwrap();
    }
    let mut images = PHOTOS.to_vec();
    images.extend(["bad1.png", "bad2.png"]);
    images.extend(PHOTOS.into_iter().cycle().take(10));
    for threads in ["1", "4"] {
        let flags = ["--backend", "cpu", "--threads", threads, "-o", "out.npy"];
        let arguments = [&["encode", "tiny.mim"], &images[..], &flags].concat();
        refused(folder, &arguments, &["bad1.png"]);
    }
}
