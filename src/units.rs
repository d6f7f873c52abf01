//! Quantities as people write and read them: rates, byte counts, durations, percentages and quantiles.
//!
//! This is the only place where numbers become words. Parsers accept what a person would type and refuse everything
//! else with a sentence that says what was expected; formatters pick a unit so that three to four digits are shown.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a quantity could not be read: the value as given, and what was expected instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{value}' is not {expected}")]
pub struct UnitError {
    value: String,
    expected: &'static str,
}

impl UnitError {
    fn new(value: &str, expected: &'static str) -> Self {
        Self { value: value.to_owned(), expected }
    }
}

/// Splits `2.5GiB` into the number and the unit that follows it, spaces and `_` digit separators allowed.
fn split_number(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let number: f64 = text[..end].replace('_', "").parse().ok()?;
    Some((number, text[end..].trim()))
}

/// Arrivals per second: finite and greater than zero.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(f64);

impl Rate {
    /// The largest rate that a schedule in whole nanoseconds can hold apart: 1e9 per second.
    pub const MAX_PER_SECOND: f64 = 1e9;

    /// A rate of `per_second` arrivals each second, if it is above 0 and at most [`Rate::MAX_PER_SECOND`].
    pub fn per_second(per_second: f64) -> Option<Self> {
        (per_second > 0.0 && per_second <= Self::MAX_PER_SECOND).then_some(Self(per_second))
    }

    /// Arrivals per second.
    pub fn as_per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        const EXPECTED: &str = "a rate such as 2000/s, 1.5k/s or 600/min";
        let error = || UnitError::new(text, EXPECTED);
        let (number, unit) = split_number(text).ok_or_else(error)?;
        let (prefix, period) = unit.split_once('/').unwrap_or((unit, "s"));
        let factor = match prefix.trim() {
            "" => 1.0,
            "k" | "K" => 1e3,
            "M" => 1e6,
            _ => return Err(error()),
        };
        let seconds = match period.trim() {
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(error()),
        };
        Self::per_second(number * factor / seconds).ok_or_else(error)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", decimal(self.0))
    }
}

/// A number of bytes. Written with binary units (`64KiB`), decimal ones (`1MB`) or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteCount(pub u64);

impl FromStr for ByteCount {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError::new(text, "a size such as 512, 16KiB, 1MiB or 10MB");
        let (number, unit) = split_number(text).ok_or_else(error)?;
        let factor: u64 = match unit {
            "" | "B" => 1,
            "k" | "K" | "KiB" | "Ki" => 1 << 10,
            "M" | "MiB" | "Mi" => 1 << 20,
            "G" | "GiB" | "Gi" => 1 << 30,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return Err(error()),
        };
        let bytes = number * factor as f64;
        if bytes.fract() != 0.0 || bytes >= 9.0e15 {
            return Err(error());
        }
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bytes(self.0 as f64))
    }
}

/// Reads a length of time such as `30s`, `1m30s`, `250ms` or `0`. A bare number other than 0 has no unit and is refused.
///
/// # Errors
/// A [`UnitError`] when the text is not a sequence of numbers with units, or exceeds 1000 hours.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let error = || {
        UnitError::new(
            text,
            "a time with its unit (h, m or min, s, ms, us, ns), such as 30s, 1m30s or 250ms, and at most 1000h",
        )
    };
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, tail) = split_number(rest).ok_or_else(error)?;
        let end = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        seconds += number
            * match tail[..end].trim() {
                "h" => 3600.0,
                "m" | "min" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return Err(error()),
            };
        rest = &tail[end..];
    }
    if text.trim().is_empty() || seconds > 3.6e6 {
        return Err(error());
    }
    Ok(Duration::from_nanos((seconds * 1e9).round() as u64))
}

/// A share between 0 and 1, written as a percentage: `0.1%`, `50%`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(f64);

impl Percent {
    /// Nothing.
    pub const NONE: Self = Self(0.0);

    /// All.
    pub const ALL: Self = Self(1.0);

    /// The share as a fraction, 0 to 1.
    pub fn as_fraction(self) -> f64 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError::new(text, "a percentage between 0% and 100%, such as 0.1%");
        let (number, unit) = split_number(text).ok_or_else(error)?;
        if unit != "%" || !(0.0..=100.0).contains(&number) {
            return Err(error());
        }
        Ok(Self(number / 100.0))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", trimmed(self.0 * 100.0, 4))
    }
}

/// A quantile's name: 0.5 is `p50`, 0.999 is `p99.9`.
pub fn quantile_name(q: f64) -> String {
    format!("p{}", trimmed(q * 100.0, 6))
}

/// A length of time in words: `831 ns`, `12.4 µs`, `3.21 ms`, `1.05 s`, `2 min 05 s`.
pub fn time(ns: f64) -> String {
    match ns {
        n if n < 999.5 => format!("{n:.0} ns"),
        n if n < 999.5e3 => format!("{} µs", three_digits(n / 1e3)),
        n if n < 999.5e6 => format!("{} ms", three_digits(n / 1e6)),
        n if n < 119.5e9 => format!("{} s", three_digits(n / 1e9)),
        n => {
            let seconds = (n / 1e9).round() as u64;
            format!("{} min {:02} s", seconds / 60, seconds % 60)
        }
    }
}

/// A [`Duration`] as a person would type it on the command line: `30s`, `1m30s`, `250ms`; [`parse_duration`] reads it back.
pub fn duration(value: Duration) -> String {
    let ns = value.as_nanos();
    match ns {
        0 => "0s".to_owned(),
        n if n % 1_000 != 0 => format!("{n}ns"),
        n if n % 1_000_000 != 0 => format!("{}us", n / 1_000),
        n if n % 1_000_000_000 != 0 => format!("{}ms", n / 1_000_000),
        n => match (n / 60_000_000_000, n / 1_000_000_000 % 60) {
            (0, s) => format!("{s}s"),
            (m, 0) => format!("{m}m"),
            (m, s) => format!("{m}m{s}s"),
        },
    }
}

/// A number of bytes with a binary unit: `64 B`, `1.50 KiB`, `12.3 MiB`.
pub fn bytes(count: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count;
    let mut unit = 0;
    while value >= 1023.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{value:.0} B") } else { format!("{} {}", three_digits(value), UNITS[unit]) }
}

/// A rate in gigabytes (10^9 bytes) a second without its unit, in three digits: `0.153`, `4.27`, `23.1`.
pub fn gigabytes_per_second(bytes_per_s: f64) -> String {
    let gb = bytes_per_s / 1e9;
    if gb < 0.9995 { format!("{gb:.3}") } else { three_digits(gb) }
}

/// The size of a record, exactly: `64 B`, `16 KiB`.
pub fn record_size(bytes: u64) -> String {
    if bytes >= 1024 && bytes.is_multiple_of(1024) { format!("{} KiB", bytes / 1024) } else { format!("{bytes} B") }
}

/// A count with its thousands set apart by spaces: `1 234 567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// A non-negative number with at most three decimals, as many as it needs to show about four digits.
pub fn decimal(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => count(value.round() as u64),
        v if v >= 100.0 => trimmed(value, 1),
        v if v >= 10.0 => trimmed(value, 2),
        _ => trimmed(value, 3),
    }
}

/// A share (0 to 1) as a percentage with at most two decimals: `99.95 %`.
pub fn share(fraction: f64) -> String {
    format!("{} %", trimmed(fraction * 100.0, 2))
}

fn three_digits(value: f64) -> String {
    match value {
        v if v < 9.995 => format!("{v:.2}"),
        v if v < 99.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// `value` with at most `places` decimals, trailing zeros dropped.
fn trimmed(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_with_prefix_and_period() {
        for (text, expected) in
            [("2000/s", 2000.0), ("2000", 2000.0), ("1.5k/s", 1500.0), ("600/min", 10.0), ("1_000/s", 1000.0)]
        {
            assert_eq!(text.parse::<Rate>().unwrap().as_per_second(), expected, "{text}");
        }
        for text in ["", "0", "-5", "5/fortnight", "fast", "1e400", "2000 s", "/s"] {
            let error = text.parse::<Rate>().unwrap_err().to_string();
            assert!(error.contains("2000/s") && error.contains(text), "{error}");
        }
    }

    #[test]
    fn sizes_are_whole_bytes() {
        for (text, expected) in [("512", 512), ("16KiB", 16384), ("1MB", 1_000_000), ("1.5KiB", 1536), ("0", 0)] {
            assert_eq!(text.parse::<ByteCount>().unwrap().0, expected, "{text}");
        }
        for text in ["", "1.5", "12parsecs", "-1", "99999999GiB"] {
            assert!(text.parse::<ByteCount>().is_err(), "{text}");
        }
    }

    #[test]
    fn durations_need_a_unit_and_survive_a_round_trip() {
        for (text, ms) in [
            ("30s", 30_000),
            ("1m30s", 90_000),
            ("250ms", 250),
            ("0", 0),
            ("1.5s", 1500),
            ("1500ms", 1500),
            ("2h", 7_200_000),
            ("120m", 7_200_000),
        ] {
            let parsed = parse_duration(text).unwrap();
            assert_eq!(parsed, Duration::from_millis(ms), "{text}");
            assert_eq!(parse_duration(&duration(parsed)).unwrap(), parsed, "{text}");
        }
        for text in ["", "30", "s", "1 fortnight", "30s5", "-1s", "1001h"] {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains("h, m or min, s, ms, us, ns"), "{error}");
        }
    }

    #[test]
    fn times_pick_their_unit_at_the_rounding_edge() {
        for (ns, text) in [
            (831.0, "831 ns"),
            (999.6, "1.00 µs"),
            (12_400.0, "12.4 µs"),
            (999_600.0, "1.00 ms"),
            (3_214_000.0, "3.21 ms"),
            (1.05e9, "1.05 s"),
            (125.4e9, "2 min 05 s"),
        ] {
            assert_eq!(time(ns), text);
        }
    }

    #[test]
    fn counts_bytes_and_quantiles_read_well() {
        assert_eq!(count(1_234_567), "1 234 567");
        assert_eq!(count(42), "42");
        assert_eq!(bytes(1536.0), "1.50 KiB");
        assert_eq!(bytes(1023.9), "1.00 KiB");
        assert_eq!([0.1526e9, 0.9996e9, 23.06e9].map(gigabytes_per_second), ["0.153", "1.00", "23.1"]);
        assert_eq!(quantile_name(0.999), "p99.9");
        assert_eq!(quantile_name(0.5), "p50");
        assert_eq!("0.1%".parse::<Percent>().unwrap().to_string(), "0.1%");
        assert!("101%".parse::<Percent>().is_err());
        assert_eq!(decimal(0.1234), "0.123");
    }
}
