//! Numbers with units, for people.

/// Bytes with a binary unit: `512 B`, `1.4 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number of bytes as people write it: `1500000`, `12MB` (of 1000 x 1000), `1.5MiB` (of 1024 x
/// 1024).
///
/// # Errors
/// What to write instead.
#[cfg(feature = "export")]
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let letters = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(letters);
    let size = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => Some(1.0),
        "k" | "kb" => Some(1e3),
        "m" | "mb" => Some(1e6),
        "g" | "gb" => Some(1e9),
        "kib" => Some(1024.0),
        "mib" => Some(1024.0 * 1024.0),
        "gib" => Some(1024.0 * 1024.0 * 1024.0),
        _ => None,
    };
    let number = number
        .trim()
        .parse()
        .ok()
        .filter(|number: &f64| *number > 0.0 && number.is_finite());
    match (number, size) {
        // Beyond what u64 holds it saturates: no bound at all.
        (Some(number), Some(size)) => Ok((number * size) as u64),
        _ => Err("give bytes, such as 1500000, 12MB or 1.5MiB".to_string()),
    }
}

/// Milliseconds with three significant digits, or seconds from ten of them on.
pub(crate) fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms >= 10_000.0 => format!("{:.1} s", ms / 1000.0),
        ms if ms >= 100.0 => format!("{ms:.0} ms"),
        ms if ms >= 10.0 => format!("{ms:.1} ms"),
        ms if ms >= 1.0 => format!("{ms:.2} ms"),
        ms => format!("{ms:.3} ms"),
    }
}

/// A share in per cent: `99.87 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// `1 image`, `2 images`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A value, or a dash when there is none.
pub(crate) fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "-".to_string(), show)
}

/// Bytes of a hash in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_the_unit_that_fits() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_468_006, "1.4 MiB"),
            (u64::MAX, "16777216.0 TiB"),
        ];
        for (value, expected) in cases {
            assert_eq!(bytes(value), expected);
        }
    }

    #[cfg(feature = "export")]
    #[test]
    fn bytes_are_read_with_units_of_both_kinds() {
        let cases = [
            ("1500000", 1_500_000),
            ("12MB", 12_000_000),
            ("1.5MiB", 1_572_864),
            ("2 k", 2000),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "MB", "-1", "0", "12 parsecs", "NaN", "infMB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_keep_three_digits() {
        let cases = [
            (0.0421, "0.042 ms"),
            (1.234, "1.23 ms"),
            (12.34, "12.3 ms"),
            (123.4, "123 ms"),
            (12_340.0, "12.3 s"),
        ];
        for (value, expected) in cases {
            assert_eq!(milliseconds(value), expected);
        }
    }
}
