//! What a machine says about the check images, and how two machines' answers differ.

use std::path::Path;

/// A machine's answers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Answers {
    pub(super) images: Vec<Image>,
    tcas: Option<f64>,
}

/// About one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Image {
    /// From the repository's root.
    pub(super) path: String,
    /// FNV-1a of the patch features' bytes.
    features: u64,
    tokens: Vec<u32>,
}

impl Answers {
    /// Reads a line of the firmware's; whether it was about one image.
    ///
    /// # Errors
    /// A line that is garbled.
    pub(super) fn line(&mut self, line: &str) -> Result<bool, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [
                "image",
                path,
                "features",
                features,
                "tokens",
                ref tokens @ ..,
            ] => {
                let tokens = tokens
                    .iter()
                    .map(|token| token.parse().ok())
                    .collect::<Option<_>>();
                let image = u64::from_str_radix(features, 16).ok().zip(tokens);
                let (features, tokens) = image.ok_or_else(|| format!("cannot read `{line}`"))?;
                let path = path.to_owned();
                self.images.push(Image {
                    path,
                    features,
                    tokens,
                });
                Ok(true)
            }
            ["TCAS", tcas, ..] => {
                self.tcas = Some(tcas.parse().map_err(|_| format!("cannot read `{line}`"))?);
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// From tokens and features of all images, words of four bytes, and what `mimlet --json tcas`
    /// prints.
    pub(super) fn of_host(paths: &[String], tokens: &[u8], features: &[u8], tcas: &str) -> Self {
        let part = |bytes: &[u8], index: usize| {
            let length = bytes.len() / paths.len().max(1);
            bytes[index * length..][..length].to_vec()
        };
        let image = |(index, path): (usize, &String)| Image {
            path: path.clone(),
            features: fnv1a(&part(features, index)),
            tokens: part(tokens, index)
                .as_chunks()
                .0
                .iter()
                .map(|token| u32::from_le_bytes(*token))
                .collect(),
        };
        let number = tcas
            .split("\"tcas\":")
            .nth(1)
            .and_then(|rest| rest.split([',', '}']).next());
        Self {
            images: paths.iter().enumerate().map(image).collect(),
            tcas: number.and_then(|number| number.parse().ok()),
        }
    }

    /// What differs from the answers of `host`, a sentence each.
    pub(super) fn differences(&self, host: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        if self.images.is_empty() || self.images.len() != host.images.len() {
            let (device, host) = (self.images.len(), host.images.len());
            differences.push(format!(
                "answered about {device} images, this machine about {host}"
            ));
        }
        for (device, host) in self.images.iter().zip(&host.images) {
            let path = &device.path;
            if device.tokens != host.tokens {
                let pairs = device.tokens.iter().zip(&host.tokens);
                let flips = pairs.filter(|(device, host)| device != host).count();
                differences.push(format!("{path}: {flips} tokens differ"));
            } else if device.features != host.features {
                differences.push(format!("{path}: features differ, though no token does"));
            }
        }
        if self.tcas.is_none() || self.tcas != host.tcas {
            let (device, host) = (self.tcas, host.tcas);
            differences.push(format!("TCAS is {device:?}, here {host:?}"));
        }
        differences
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// The data of a .npy file: what follows the header, whose length is at byte 8.
///
/// # Errors
/// When the file cannot be read or ends early.
pub(super) fn read_npy(path: &Path) -> Result<Vec<u8>, String> {
    let name = path.display();
    let bytes = std::fs::read(path).map_err(|error| format!("{name}: {error}"))?;
    let header = bytes
        .get(8..10)
        .map(|length| 10 + usize::from(length[0]) + 256 * usize::from(length[1]));
    let data = header.and_then(|start| bytes.get(start..));
    data.map(<[u8]>::to_vec)
        .ok_or_else(|| format!("{name}: ends in its header"))
}

#[cfg(test)]
mod tests {
    use super::{Answers, fnv1a};

    fn device() -> Answers {
        let mut answers = Answers::default();
        let lines = [
            "model x",
            "image a.png features 1f tokens 1 2",
            "TCAS 0.5 on 1 images",
        ];
        let of_images = lines.map(|line| answers.line(line).unwrap());
        assert_eq!(of_images, [false, true, false]);
        answers
    }

    #[test]
    fn equal_answers_do_not_differ() {
        assert!(device().differences(&device()).is_empty());
    }

    #[test]
    fn the_host_is_read_from_arrays() {
        let tokens = [7u32, 9].map(u32::to_le_bytes).concat();
        let paths = ["a.png".to_owned(), "b.png".to_owned()];
        let host = Answers::of_host(&paths, &tokens, &[1, 2, 3, 4], "{\"tcas\":0.25,\"nmi\":1}");
        assert_eq!(host.tcas, Some(0.25));
        assert_eq!(host.images[1].tokens, [9]);
        assert_eq!(host.images[1].features, fnv1a(&[3, 4]));
    }

    #[test]
    fn every_planted_difference_is_found() {
        let plant: [fn(&mut Answers); 6] = [
            |answers| answers.images[0].tokens[1] = 3,
            |answers| answers.images[0].features ^= 1,
            |answers| answers.images.clear(),
            |answers| answers.images.extend(answers.images.clone()),
            |answers| answers.tcas = Some(0.500_000_000_000_001),
            |answers| answers.tcas = None,
        ];
        for (index, plant) in plant.iter().enumerate() {
            let mut planted = device();
            plant(&mut planted);
            assert_eq!(planted.differences(&device()).len(), 1, "fault {index}");
            assert_eq!(device().differences(&planted).len(), 1, "fault {index}");
        }
    }

    #[test]
    fn a_machine_that_says_nothing_is_not_right() {
        assert!(
            !Answers::default()
                .differences(&Answers::default())
                .is_empty()
        );
    }

    #[test]
    fn a_garbled_line_is_an_error() {
        let mut answers = Answers::default();
        assert!(answers.line("image a.png features 1f tokens 1 x2").is_err());
        assert!(answers.line("image a.png features zz tokens 1").is_err());
    }
}
