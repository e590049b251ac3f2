//! Data sets listed in an order that does not depend on the machine.

use std::fs;
use std::path::Path;

use mimlet_image::{FileProblem, Folder, ImageError, images_in};

/// Empty files under a fresh folder; a name that ends in `/` is a folder.
fn tree(names: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for name in names {
        let path = root.path().join(name);
        fs::create_dir_all(if name.ends_with('/') {
            &path
        } else {
            path.parent().unwrap()
        })
        .unwrap();
        if !name.ends_with('/') {
            fs::write(path, b"").unwrap();
        }
    }
    root
}

fn problem<T: std::fmt::Debug>(result: Result<T, ImageError>, named: &Path) -> FileProblem {
    match result.unwrap_err() {
        ImageError::File { path, problem } => {
            assert_eq!(path, named);
            problem
        }
        other => panic!("{other}"),
    }
}

#[test]
fn classes_and_images_come_in_the_order_of_their_names() {
    let root = tree(&[
        "dog/2.png",
        "dog/10.JPG",
        "cat/b.webp",
        "cat/a.jpeg",
        "cat/a.npy",
        // Skipped: hidden, no image, nested, beside the classes.
        "cat/.a.png",
        "cat/notes.txt",
        "cat/nested/c.png",
        ".git/x.png",
        "stray.png",
    ]);
    let folder = Folder::open(root.path()).unwrap();
    assert_eq!(folder.classes, ["cat", "dog"]);
    let images: Vec<(String, u32)> = folder
        .images
        .iter()
        .map(|(path, label)| {
            (
                path.strip_prefix(root.path())
                    .unwrap()
                    .display()
                    .to_string(),
                *label,
            )
        })
        .collect();
    let expected = [
        ("cat/a.jpeg", 0),
        ("cat/a.npy", 0),
        ("cat/b.webp", 0),
        ("dog/10.JPG", 1),
        ("dog/2.png", 1),
    ];
    assert_eq!(
        images,
        expected.map(|(name, label)| (name.to_string(), label))
    );
    assert_eq!(images_in(root.path().join("dog")).unwrap().len(), 2);
}

#[test]
fn what_is_no_data_set_says_what_to_do() {
    let root = tree(&["flat/a.png", "holes/cat/a.png", "holes/dog/", "empty/"]);
    let path = |name: &str| root.path().join(name);
    assert!(matches!(
        problem(Folder::open(path("none")), &path("none")),
        FileProblem::Missing
    ));
    assert!(matches!(
        problem(Folder::open(path("flat")), &path("flat")),
        FileProblem::NoClasses
    ));
    assert!(matches!(
        problem(Folder::open(path("empty")), &path("empty")),
        FileProblem::NoClasses
    ));
    assert!(matches!(
        problem(images_in(path("empty")), &path("empty")),
        FileProblem::NoImages
    ));
    // The class without images is named, not the data set.
    assert!(matches!(
        problem(Folder::open(path("holes")), &path("holes/dog")),
        FileProblem::NoImages
    ));
    let file = path("flat/a.png");
    assert!(matches!(
        problem(Folder::open(&file), &file),
        FileProblem::IsFile
    ));
    assert!(matches!(
        problem(images_in(&file), &file),
        FileProblem::IsFile
    ));
}
