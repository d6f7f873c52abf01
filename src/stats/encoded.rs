//! HDR histograms as text, as that project's logs hold them: version 2 of its encoding, deflated, in base64
//! (<https://github.com/HdrHistogram/HdrHistogram>, `encodeIntoCompressedByteBuffer`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use hdrhistogram::{Counter, Histogram};

use super::recorder::{MAX_NS, MIN_NS};

/// The longest text that is decoded: far beyond what a histogram of this tool's needs, every bucket in use.
const MAX_TEXT: usize = 1 << 20;

/// Why a text is none of this tool's histograms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no HDR histogram from {MIN_NS} ns to 1 h (V2, deflated, base64)")]
pub struct Undecodable;

/// The text of `histogram`.
pub fn encode<C: Counter>(histogram: &Histogram<C>) -> String {
    let mut bytes = Vec::new();
    V2DeflateSerializer::new()
        .serialize(histogram, &mut bytes)
        .expect("memory takes it, and counts of nanoseconds up to one hour fit the encoding");
    STANDARD.encode(bytes)
}

/// The histogram of `text`.
///
/// # Errors
/// [`Undecodable`], for a text that [`encode`] does not make of a recorder's histogram.
pub fn decode(text: &str) -> Result<Histogram<u64>, Undecodable> {
    if text.len() > MAX_TEXT {
        return Err(Undecodable);
    }
    let bytes = STANDARD.decode(text).map_err(|_| Undecodable)?;
    let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|_| Undecodable)?;
    let ours = histogram.low() == MIN_NS && histogram.high() == MAX_NS && matches!(histogram.sigfig(), 2 | 3);
    if ours { Ok(histogram) } else { Err(Undecodable) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::recorder::{CoarseRecorder, Recorder};

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(times in prop::collection::vec(0..2 * MAX_NS, 0..80), censored in prop::collection::vec(0..MAX_NS, 0..5)) {
            let (mut fine, mut coarse) = (Recorder::new(), CoarseRecorder::new());
            for ns in &times {
                fine.record(*ns);
                coarse.record(*ns);
            }
            for ns in &censored {
                fine.record_censored(*ns);
            }
            prop_assert_eq!(&decode(&encode(&fine.combined())).unwrap(), &*fine.combined());
            let read = decode(&coarse.encoded()).unwrap();
            prop_assert_eq!(read.len(), times.len() as u64);
            for q in [0.5, 0.99, 1.0] {
                prop_assert_eq!((!times.is_empty()).then(|| read.value_at_quantile(q).min(MAX_NS)), coarse.quantile(q));
            }
        }

        #[test]
        fn foreign_text_is_refused_or_read(text in "[A-Za-z0-9+/=]{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (decode(&text), decode(&STANDARD.encode(bytes)));
        }
    }

    #[test]
    fn other_bounds_and_damaged_text_are_refused() {
        let mut other: Histogram<u64> = Histogram::new_with_bounds(1, 1_000_000, 3).unwrap();
        other.record(5).unwrap();
        assert_eq!(decode(&encode(&other)), Err(Undecodable));
        let whole = encode(Recorder::new().histogram());
        assert!(decode(&whole).is_ok());
        assert_eq!(decode(&whole[..whole.len() - 8]), Err(Undecodable));
        assert_eq!(decode(&"A".repeat(MAX_TEXT + 4)), Err(Undecodable));
    }
}
