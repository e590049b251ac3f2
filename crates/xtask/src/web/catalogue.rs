//! What the page finds out about itself: the bundled models with their check images, and every file
//! that it needs offline.

use super::folder;
use crate::root;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// The models of the page, the first of which it opens by itself.
const MODELS: [(&str, &str); 2] = [("shapes-tiny", "int8"), ("digits-tiny", "int8")];

/// Copies models and check images to the page, and writes `catalogue.json`.
pub(super) fn add_models(demo: &Path) -> Result<(), String> {
    let mut models = Vec::new();
    for (name, scheme) in MODELS {
        let from = root().join("models").join(name);
        let to = demo.join("models").join(name);
        let file = format!("{name}.{scheme}.mim");
        folder::copy_file(&from.join(&file), &to.join(&file))?;
        folder::copy(&from.join("check"), &to.join("check"))?;
        models.push(model(name, scheme, &folder::files(&from.join("check"))?)?);
    }
    let text = format!("{{\"models\":[{}]}}\n", models.join(","));
    folder::write(&demo.join("catalogue.json"), &text)
}

/// A model's entry; its classes are the folders of its check images.
fn model(name: &str, scheme: &str, images: &[impl AsRef<Path>]) -> Result<String, String> {
    let mut classes: Vec<&str> = Vec::new();
    let mut check = Vec::new();
    for path in images {
        let path = path.as_ref();
        let mut parts = path.iter().map(|part| part.to_str());
        let (Some(Some(class)), Some(Some(file))) = (parts.next(), parts.next()) else {
            return Err(format!("{}: lies in no folder of a class", path.display()));
        };
        if !classes.contains(&class) {
            classes.push(class);
        }
        let label = classes.len() - 1;
        check.push(format!(
            "{{\"file\":\"models/{name}/check/{class}/{file}\",\"label\":{label}}}"
        ));
    }
    Ok(format!(
        "{{\"label\":\"{name}, {scheme}\",\"file\":\"models/{name}/{name}.{scheme}.mim\",\
         \"classes\":{classes:?},\"check\":[{}]}}",
        check.join(",")
    ))
}

/// Writes `files.json`, the list of all files, and their hash into the service worker.
pub(super) fn keep_offline(demo: &Path) -> Result<(), String> {
    const WORKER: &str = "service-worker.js";
    let mut hasher = DefaultHasher::new();
    let mut list = Vec::new();
    for file in folder::files(demo)? {
        let name: Vec<_> = file.iter().map(|part| part.to_string_lossy()).collect();
        let name = name.join("/");
        (&name, folder::read(&demo.join(&file))?).hash(&mut hasher);
        if name != WORKER {
            list.push(format!("{name:?}"));
        }
    }
    let text = format!("{{\"files\":[{}]}}\n", list.join(","));
    folder::write(&demo.join("files.json"), &text)?;
    let worker = demo.join(WORKER);
    let script = String::from_utf8(folder::read(&worker)?).map_err(|error| error.to_string())?;
    let script = script.replace("__VERSION__", &format!("{:016x}", hasher.finish()));
    folder::write(&worker, &script)
}

#[cfg(test)]
mod tests {
    use super::model;

    #[test]
    fn classes_are_the_folders_in_order() {
        let entry = model("m", "int8", &["a/0.png", "a/1.png", "b/0.png"]);
        assert_eq!(
            entry.as_deref(),
            Ok(
                "{\"label\":\"m, int8\",\"file\":\"models/m/m.int8.mim\",\"classes\":[\"a\", \
                 \"b\"],\"check\":[{\"file\":\"models/m/check/a/0.png\",\"label\":0},{\"file\":\
                 \"models/m/check/a/1.png\",\"label\":0},{\"file\":\"models/m/check/b/0.png\",\
                 \"label\":1}]}"
            )
        );
        assert!(model("m", "int8", &["0.png"]).is_err());
    }
}
