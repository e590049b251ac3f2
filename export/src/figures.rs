//! Numbers as a page shows them: with their units behind a space that no line breaks at.

/// Between a number and its unit.
const SPACE: char = '\u{a0}';

/// Bytes with a binary unit: `512 B`, `1.4 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let (size, unit) = byte_unit(bytes as f64);
    if size == 1.0 {
        return format!("{bytes}{SPACE}{unit}");
    }
    format!("{:.1}{SPACE}{unit}", bytes as f64 / size)
}

/// The binary unit that suits a number of bytes: its size in bytes and its name.
pub(crate) fn byte_unit(bytes: f64) -> (f64, &'static str) {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut size, mut index) = (1.0, 0);
    // A value that would be shown as 1024.0 takes the next unit.
    while bytes / size >= 1023.95 && index + 1 < UNITS.len() {
        size *= 1024.0;
        index += 1;
    }
    (size, UNITS[index])
}

/// A share in per cent; only a whole is `100 %`: `99.87 %`.
pub(crate) fn percent(share: f64) -> String {
    if share == 1.0 {
        return format!("100{SPACE}%");
    }
    format!("{:.2}{SPACE}%", short_of(share * 100.0, 100.0, 0.01))
}

/// A cosine; only 1 is `1`: `0.999784`.
pub(crate) fn cosine(cosine: f64) -> String {
    if cosine == 1.0 {
        return "1".to_owned();
    }
    format!("{:.6}", short_of(cosine, 1.0, 1e-6))
}

/// A value below a whole, at least a step below it: nothing is rounded up to perfection.
fn short_of(value: f64, whole: f64, step: f64) -> f64 {
    if value < whole {
        value.min(whole - step)
    } else {
        value
    }
}

/// A whole number in groups of three: `12,544`.
pub(crate) fn whole(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 image`, `2,048 images`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{}{SPACE}{noun}{plural}", whole(number))
}

/// Decibels, or `exact` without noise.
pub(crate) fn decibels(snr: Option<f64>) -> String {
    snr.map_or("exact".to_owned(), |snr| format!("{snr:.1}{SPACE}dB"))
}

/// Milliseconds with three significant digits.
pub(crate) fn milliseconds(ms: f64) -> String {
    let digits = match ms {
        ms if ms >= 100.0 => 0,
        ms if ms >= 10.0 => 1,
        ms if ms >= 1.0 => 2,
        _ => 3,
    };
    format!("{ms:.digits$}{SPACE}ms")
}

/// Noise against signal, root mean square, from a ratio in decibels: 40 dB are 0.01.
pub(crate) fn relative_error(snr_db: f64) -> f64 {
    libm::pow(10.0, -snr_db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_rounded_up_to_perfection() {
        assert_eq!(percent(0.999_99), "99.99\u{a0}%");
        assert_eq!(percent(1.0), "100\u{a0}%");
        assert_eq!(percent(0.57), "57.00\u{a0}%");
        assert_eq!(percent(0.993_164), "99.32\u{a0}%");
        assert_eq!(cosine(0.999_999_9), "0.999999");
        assert_eq!(cosine(0.999_784), "0.999784");
        assert_eq!(cosine(f64::NAN), "NaN");
    }

    #[test]
    fn numbers_take_their_units() {
        assert_eq!(bytes(1023), "1023\u{a0}B");
        assert_eq!(bytes(1_048_575), "1.0\u{a0}MiB");
        assert_eq!(whole(1_234_567), "1,234,567");
        assert_eq!(whole(123), "123");
        assert_eq!(milliseconds(12.34), "12.3\u{a0}ms");
        assert!((relative_error(40.0) - 0.01).abs() < 1e-15);
    }
}
