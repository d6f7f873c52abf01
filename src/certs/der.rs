//! DER (X.690, 10) as lists of revoked certificates and OCSP responses are written in it: definite lengths, one-byte tags, no
//! trailing bytes. What is read keeps its place in the input, as signatures are made over bytes.

use time::{Date, Month, OffsetDateTime, Time};

/// Universal tags (X.680, 8.4), and the bits that make the others.
pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The tag of `[number]`, with a primitive value.
pub(super) const fn implicit(number: u8) -> u8 {
    0x80 | number
}

/// The tag of `[number]`, with other values inside.
pub(super) const fn explicit(number: u8) -> u8 {
    0xa0 | number
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Tag and length included.
    pub(super) whole: &'a [u8],
}

/// Values, one after the other. `None` from its methods: the bytes are not what was asked for.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// That nothing is left.
    pub(super) fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }

    /// The next value, whatever it is.
    pub(super) fn any(&mut self) -> Option<Value<'a>> {
        let (&tag, after) = self.rest.split_first()?;
        let (&first, mut after) = after.split_first()?;
        if tag & 0x1f == 0x1f {
            return None;
        }
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let (bytes, more) = after.split_at_checked(usize::from(first & 0x7f))?;
            after = more;
            let length =
                bytes.iter().try_fold(0_u32, |sum, byte| sum.checked_mul(256).map(|sum| sum + u32::from(*byte)))?;
            // The shortest form only; this refuses the indefinite one as well.
            let shortest = if bytes.len() == 1 { length >= 0x80 } else { bytes.first().is_some_and(|byte| *byte != 0) };
            usize::try_from(length).ok().filter(|_| shortest)?
        };
        let (content, rest) = after.split_at_checked(length)?;
        let whole = &self.rest[..self.rest.len() - rest.len()];
        self.rest = rest;
        Some(Value { tag, content, whole })
    }

    /// The next value, which has this tag.
    pub(super) fn value(&mut self, tag: u8) -> Option<Value<'a>> {
        self.any().filter(|value| value.tag == tag)
    }

    /// The content of the next value, which has this tag.
    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.value(tag).map(|value| value.content)
    }

    /// The content of the next value if it has this tag; otherwise nothing is read.
    pub(super) fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.rest.first() == Some(&tag) { self.take(tag).map(Some) } else { Some(None) }
    }

    /// What is inside the next value, which has this tag.
    pub(super) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.take(tag).map(Self::new)
    }

    /// The next value, a moment.
    pub(super) fn time(&mut self) -> Option<OffsetDateTime> {
        let value = self.any()?;
        moment(value.tag, value.content)
    }

    /// The next value if it is a moment.
    pub(super) fn optional_time(&mut self) -> Option<Option<OffsetDateTime>> {
        match self.rest.first() {
            Some(&(UTC_TIME | GENERALIZED_TIME)) => self.time().map(Some),
            _ => Some(None),
        }
    }

    /// The whole bits of the next value, a bit string of whole bytes.
    pub(super) fn bits(&mut self) -> Option<&'a [u8]> {
        self.take(BIT_STRING)?.split_first().and_then(|(unused, bits)| (*unused == 0).then_some(bits))
    }
}

/// The content of `bytes`, which are one value with this tag and nothing more.
pub(super) fn only(tag: u8, bytes: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(bytes);
    let content = reader.take(tag)?;
    reader.end()?;
    Some(content)
}

/// A sequence of this content.
pub(super) fn sequence(content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len())..];
    let mut whole = Vec::with_capacity(content.len() + 2 + length.len());
    whole.push(SEQUENCE);
    match length {
        [] => whole.push(0),
        [short @ ..0x80] => whole.push(*short),
        long => {
            // The count of a length's bytes is at most 8.
            whole.push(0x80 | long.len() as u8);
            whole.extend_from_slice(long);
        }
    }
    whole.extend_from_slice(content);
    whole
}

/// A moment as RFC 5280, 4.1.2.5 has it: UTCTime or GeneralizedTime, with seconds and without fractions, in UTC.
fn moment(tag: u8, content: &[u8]) -> Option<OffsetDateTime> {
    let digits = content.strip_suffix(b"Z")?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut pairs = digits.chunks(2).map(|pair| pair.iter().fold(0_u8, |sum, digit| sum * 10 + (digit - b'0')));
    let year = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year = i32::from(pairs.next()?);
            if year < 50 { 2000 + year } else { 1900 + year }
        }
        (GENERALIZED_TIME, 14) => i32::from(pairs.next()?) * 100 + i32::from(pairs.next()?),
        _ => return None,
    };
    let date = Date::from_calendar_date(year, Month::try_from(pairs.next()?).ok()?, pairs.next()?).ok()?;
    let time = Time::from_hms(pairs.next()?, pairs.next()?, pairs.next()?).ok()?;
    Some(date.with_time(time).assume_utc())
}

/// A parsed extension (RFC 5280, 4.2): identifier, whether it is critical, value.
pub(super) type Extension<'a> = (&'a [u8], bool, &'a [u8]);

/// The content of a sequence of extensions.
pub(super) fn extensions(content: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut reader = Reader::new(content);
    let mut found: Vec<Extension<'_>> = Vec::new();
    while !reader.is_empty() {
        let mut one = reader.inside(SEQUENCE)?;
        let id = one.take(OID)?;
        let critical = one.optional(BOOLEAN)?.is_some_and(|value| value != [0]);
        let value = one.take(OCTET_STRING)?;
        one.end()?;
        // RFC 5280, 4.2: no extension twice.
        if found.iter().any(|(known, ..)| *known == id) {
            return None;
        }
        found.push((id, critical, value));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn only_the_shortest_definite_length_is_read() {
        let read = |bytes: &[u8]| Reader::new(bytes).any().map(|value| value.content.to_vec());
        assert_eq!(read(&[4, 1, 7, 9]), Some(vec![7]));
        assert_eq!(read(&[4, 0]), Some(vec![]));
        let long = [&[4, 0x81, 0x80][..], &[1; 128]].concat();
        assert_eq!(read(&long), Some(vec![1; 128]));
        for bad in [&[4, 2, 7][..], &[4], &[], &[4, 0x81, 1, 7], &[4, 0x80, 0, 0], &[0x1f, 1, 7], &[4, 0x82, 0, 1, 7]] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(read(&[4, 0x85, 1, 0, 0, 0, 0]), None);
    }

    #[test]
    fn moments_are_read_as_rfc_5280_writes_them() {
        let utc = |text: &str| moment(UTC_TIME, text.as_bytes());
        let generalized = |text: &str| moment(GENERALIZED_TIME, text.as_bytes());
        assert_eq!(utc("491231235959Z"), Some(datetime!(2049-12-31 23:59:59 UTC)));
        assert_eq!(utc("500101000000Z"), Some(datetime!(1950-01-01 00:00:00 UTC)));
        assert_eq!(generalized("20500229000000Z"), None);
        assert_eq!(generalized("20520229010203Z"), Some(datetime!(2052-02-29 01:02:03 UTC)));
        for bad in ["4912312359Z", "491231235959", "491231235959+0000", "499931235959Z", "", "Z", "4912312359é9Z"] {
            assert_eq!(utc(bad), None, "{bad}");
        }
        assert_eq!(generalized("20520229010203.5Z"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut reader = Reader::new(&bytes);
            let mut total = 0;
            while let Some(value) = reader.any() {
                total += value.whole.len();
            }
            prop_assert!(total <= bytes.len());
            extensions(&bytes);
            moment(UTC_TIME, &bytes);
            moment(GENERALIZED_TIME, &bytes);
        }
    }
}
