//! The variants found fastest, kept between runs.

use crate::adapters::AdapterDescription;
use crate::kept::KeptFile;
use mimlet_kernels::Variant;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

/// The fastest variant of each op and shape on one adapter, by what was offered.
#[derive(Debug)]
pub(crate) struct Choices {
    file: Option<KeptFile>,
    by_offer: BTreeMap<String, String>,
}

impl Choices {
    /// Those kept in a folder for an adapter; none when the file is absent, damaged or another's.
    pub(crate) fn load(adapter: &AdapterDescription, folder: Option<&Path>) -> Self {
        let file = folder.map(|folder| KeptFile::of(adapter, folder, "txt"));
        let text = file.as_ref().and_then(KeptFile::read);
        let by_offer = text.and_then(|text| parse(str::from_utf8(&text).ok()?));
        Self {
            file,
            by_offer: by_offer.unwrap_or_default(),
        }
    }

    /// Whether one of these variants was found fastest.
    pub(crate) fn know(&self, offered: &[Variant]) -> bool {
        self.of(offered).is_some()
    }

    /// The position of the variant that was found fastest.
    pub(crate) fn of(&self, offered: &[Variant]) -> Option<usize> {
        let name = self.by_offer.get(&key(offered))?;
        offered.iter().position(|variant| variant.name() == *name)
    }

    /// Keeps the name of the variant that was found fastest.
    pub(crate) fn add(&mut self, offered: &[Variant], name: &str) {
        self.by_offer.insert(key(offered), name.to_string());
    }

    /// Writes them to their file, if they have one.
    pub(crate) fn save(&self) {
        let lines = self.by_offer.iter();
        let text: String = lines
            .map(|(offer, name)| format!("{offer}\t{name}\n"))
            .collect();
        if let Some(file) = &self.file {
            file.write(text.as_bytes());
        }
    }
}

fn parse(text: &str) -> Option<BTreeMap<String, String>> {
    let choice = |line: &str| {
        let (offer, name) = line.split_once('\t')?;
        Some((offer.to_string(), name.to_string()))
    };
    text.lines().map(choice).collect()
}

/// What was offered: the first variant's kernel and constants, and a hash of every kernel's source.
fn key(offered: &[Variant]) -> String {
    let dispatches = || offered.iter().flat_map(|variant| &variant.dispatches);
    let mut hasher = DefaultHasher::new();
    for dispatch in dispatches() {
        (dispatch.kernel.name, dispatch.kernel.source).hash(&mut hasher);
        dispatch.call.workgroups.hash(&mut hasher);
        for (name, value) in &dispatch.call.constants {
            (name, value.to_bits()).hash(&mut hasher);
        }
    }
    // Whatever their order.
    let mut names: Vec<&str> = dispatches().map(|dispatch| dispatch.kernel.name).collect();
    names.sort_unstable();
    format!("{} {:016x}", names.join(" "), hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::Choices;
    use crate::adapters::AdapterDescription;
    use mimlet_kernels::{Variant, gelu, residual};
    use mimlet_runtime::DeviceLimits;

    fn offered(len: usize) -> [Variant; 2] {
        [
            Variant::single(&residual::KERNEL, residual::call(len)),
            Variant::single(&gelu::KERNEL, gelu::call(len)),
        ]
    }

    #[test]
    fn a_choice_is_found_again_for_the_same_offer_only() {
        let adapter = AdapterDescription {
            name: "card".into(),
            backend: "vulkan",
            kind: "discrete",
            driver: "driver".into(),
            driver_info: "1.0".into(),
            limits: DeviceLimits::DOWNLEVEL,
            features: Vec::new(),
        };
        let folder = tempfile::tempdir().unwrap();
        let mut choices = Choices::load(&adapter, Some(folder.path()));
        assert!(!choices.know(&offered(7)));
        choices.add(&offered(7), "gelu");
        choices.save();
        let choices = Choices::load(&adapter, Some(folder.path()));
        assert_eq!(choices.of(&offered(7)), Some(1));
        assert_eq!(choices.of(&offered(8)), None);
        assert_eq!(choices.of(&offered(7)[..1]), None);
    }
}
