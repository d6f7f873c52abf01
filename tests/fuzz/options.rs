//! Words of the command line: whatever is taken may not smuggle anything into a request, and what is written is read again as the same.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use shakedown::model::load::{AbortRule, RequestsPerConnection};
use shakedown::model::request::{ExpectStatus, Header, Method};
use shakedown::model::suite::{Group, Suite};
use shakedown::model::target::{Endpoint, Host, HttpsUrl};
use shakedown::model::tls::Resumption;
use shakedown::units::{ByteCount, Percent, Rate, parse_duration};

/// What is written of a value is read as the same value.
fn comes_back<T: FromStr + Display + PartialEq + Debug>(text: &str)
where
    T::Err: Debug,
{
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert_eq!(written.parse::<T>().expect(&written), value, "{text:?} is written as {written:?}");
    }
}

/// Visible ASCII alone: nothing that ends a line, a word or a request.
fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn requests(text: &str) {
    if let Ok(url) = text.parse::<HttpsUrl>() {
        assert!(url.path.starts_with('/') && is_visible(&url.path) && is_visible(&url.authority), "{url:?}");
        assert_eq!(url.text.parse::<HttpsUrl>().as_ref(), Ok(&url), "{text:?}");
        assert!(url.endpoint.port > 0);
    }
    if let Ok(method) = text.parse::<Method>() {
        assert!(is_visible(method.as_str()), "{method:?}");
    }
    if let Ok(header) = text.parse::<Header>() {
        assert!(is_visible(&header.name) && !header.name.contains(':'), "{header:?}");
        assert!(!header.value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f), "{header:?}");
    }
}

fn quantities(text: &str) {
    if let Ok(rate) = text.parse::<Rate>() {
        assert!(rate.as_per_second() > 0.0 && rate.as_per_second() <= Rate::MAX_PER_SECOND, "{rate:?}");
        let written: f64 = rate.to_string().trim_end_matches("/s").replace(' ', "").parse().unwrap_or(f64::NAN);
        assert!(
            rate.as_per_second() < 1.0 || (written / rate.as_per_second() - 1.0).abs() < 0.01,
            "{rate:?} is {rate}"
        );
    }
    if let Ok(size) = text.parse::<ByteCount>() {
        assert!(size.0 < 9_000_000_000_000_000, "{size:?}");
    }
    if let Ok(share) = text.parse::<Percent>() {
        assert!((0.0..=1.0).contains(&share.as_fraction()), "{share:?}");
    }
    if let Ok(time) = parse_duration(text) {
        assert!(time.as_secs() <= 3_600_000, "{time:?}");
    }
    if let Ok(resumption) = text.parse::<Resumption>() {
        assert!((0.0..=1.0).contains(&resumption.share()), "{resumption:?}");
    }
    if let Ok(rule) = text.parse::<AbortRule>() {
        assert!((0.0..=1.0).contains(&rule.errors_above.as_fraction()), "{rule:?}");
    }
    if let Ok(RequestsPerConnection::Exactly(n)) = text.parse() {
        assert_eq!(text.trim().trim_start_matches('+').parse(), Ok(n));
    }
}

/// The property.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    comes_back::<Suite>(text);
    comes_back::<Group>(text);
    comes_back::<Host>(text);
    comes_back::<Endpoint>(text);
    comes_back::<ExpectStatus>(text);
    requests(text);
    quantities(text);
}
