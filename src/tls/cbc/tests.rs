//! The CBC records: every length, every padding, every tampering, and an answer that another implementation gave.

use proptest::prelude::*;
use rustls::crypto::cipher::OutboundChunks;
use rustls::{ContentType, ProtocolVersion};

use super::*;

const LIBRARIES: [Provider; 2] = [Provider::AwsLc, Provider::Ring];
const SEQ: u64 = 5;

fn mac_key() -> [u8; TAG] {
    std::array::from_fn(|i| i as u8)
}

fn aes_key() -> [u8; KEY] {
    std::array::from_fn(|i| 0x20 + i as u8)
}

fn iv() -> [u8; BLOCK] {
    std::array::from_fn(|i| 0x30 + i as u8)
}

fn algorithm(provider: Provider) -> &'static Aes128CbcSha256 {
    match provider {
        Provider::AwsLc => &AWS_LC,
        Provider::Ring => &RING,
    }
}

fn seal(provider: Provider, plain: OutboundChunks<'_>) -> Vec<u8> {
    let mut sealer = algorithm(provider).encrypter(mac_key().into(), &aes_key(), &[]);
    let expected = sealer.encrypted_payload_len(plain.len());
    let message =
        OutboundPlainMessage { typ: ContentType::ApplicationData, version: ProtocolVersion::TLSv1_2, payload: plain };
    let record = sealer.encrypt(message, SEQ).unwrap().payload.as_ref().to_vec();
    assert_eq!(record.len(), expected);
    record
}

fn open_as(provider: Provider, typ: ContentType, seq: u64, mut record: Vec<u8>) -> Result<Vec<u8>, Error> {
    let mut opener = algorithm(provider).decrypter(mac_key().into(), &aes_key());
    let message = InboundOpaqueMessage::new(typ, ProtocolVersion::TLSv1_2, &mut record);
    opener.decrypt(message, seq).map(|plain| plain.payload.to_vec())
}

fn open(provider: Provider, record: &[u8]) -> Result<Vec<u8>, Error> {
    open_as(provider, ContentType::ApplicationData, SEQ, record.to_vec())
}

/// `plain` and its tag, without padding.
fn tagged(plain: &[u8]) -> Vec<u8> {
    let header = make_tls12_aad(SEQ, ContentType::ApplicationData, ProtocolVersion::TLSv1_2, plain.len());
    let tag = Mac::new(Provider::AwsLc, &mac_key()).tag(&header, plain);
    [plain, &tag].concat()
}

/// A record whose decrypted body is `body`, right or wrong.
fn encrypted(mut body: Vec<u8>) -> Vec<u8> {
    Encryptor::new(Provider::AwsLc, &aes_key()).encrypt(&iv(), &mut body).unwrap();
    [iv().to_vec(), body].concat()
}

fn padded(mut body: Vec<u8>, padding: u8) -> Vec<u8> {
    body.resize(body.len() + usize::from(padding) + 1, padding);
    body
}

/// A plaintext of `blocks` blocks or a little more, so that exactly `padding` bytes of padding fill the record.
fn plain_for(padding: u8, blocks: usize) -> Vec<u8> {
    let filled = TAG + usize::from(padding) + 1;
    vec![b'p'; blocks * BLOCK + filled.next_multiple_of(BLOCK) - filled]
}

#[test]
fn every_length_survives_the_way_between_the_libraries() {
    let lengths = (0..=300).chain(MAX_PLAINTEXT - 40..=MAX_PLAINTEXT);
    let source: Vec<u8> = (0..MAX_PLAINTEXT).map(|i| (i * 7) as u8).collect();
    for len in lengths {
        for (from, to) in LIBRARIES.iter().flat_map(|from| LIBRARIES.iter().map(move |to| (*from, *to))) {
            let record = seal(from, source[..len].into());
            assert_eq!(open(to, &record).unwrap(), source[..len], "{len} bytes, {from:?} to {to:?}");
        }
    }
}

#[test]
fn chunks_are_joined_and_ivs_differ() {
    let chunks: [&[u8]; 3] = [b"one ", b"", b"two"];
    let (first, second) =
        (seal(Provider::Ring, OutboundChunks::new(&chunks)), seal(Provider::Ring, OutboundChunks::new(&chunks)));
    assert_eq!(open(Provider::AwsLc, &first).unwrap(), b"one two");
    assert_ne!(first[..BLOCK], second[..BLOCK]);
    let mut ivs: Vec<_> = LIBRARIES.iter().flat_map(|p| (0..200).map(|_| draw_iv(*p).unwrap())).collect();
    ivs.sort_unstable();
    ivs.dedup();
    assert_eq!(ivs.len(), 400, "an IV came twice");
}

#[test]
fn a_record_of_openssls_primitives_is_opened() {
    // `openssl dgst -sha256 -mac HMAC` over header and plaintext, then `openssl enc -aes-128-cbc -nopad`; keys and IV as above.
    const RECORD: &[&str] = &[
        "303132333435363738393a3b3c3d3e3fef5a5214006e6b637703c6eca117e0aa",
        "f74915d2debb19603c8bdf397bfb711fd03512cef566c43e0d260e5d47249a1e",
        "d75e21d39e689f9ff9007022aabb0df95c7bc172cd544056721b3905c9b86adf",
    ];
    let hex = RECORD.concat();
    let record: Vec<u8> = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect();
    let plain = b"known answer from another implementation";
    for provider in LIBRARIES {
        assert_eq!(open(provider, &record).unwrap(), plain);
        let mut body = padded(tagged(plain), 7);
        Encryptor::new(provider, &aes_key()).encrypt(&iv(), &mut body).unwrap();
        assert_eq!(body, record[BLOCK..]);
    }
}

#[test]
fn every_padding_is_accepted_and_every_wrong_one_refused() {
    for padding in 0..=255u8 {
        for plain in [plain_for(padding, 0), plain_for(padding, 20)] {
            let body = padded(tagged(&plain), padding);
            for provider in LIBRARIES {
                assert_eq!(open(provider, &encrypted(body.clone())).unwrap(), plain, "padding {padding}");
            }
            for distance in 1..=usize::from(padding) + 1 {
                let mut wrong = body.clone();
                let at = wrong.len() - distance;
                wrong[at] ^= 0x80 >> (distance % 8);
                assert_eq!(open(Provider::AwsLc, &encrypted(wrong)), Err(Error::DecryptError), "{padding}/{distance}");
            }
        }
    }
}

#[test]
fn padding_longer_than_the_record_is_refused() {
    for (len, claimed) in [(48, 16), (48, 47), (48, 48), (48, 255), (64, 32), (64, 64), (256, 224), (256, 255)] {
        let result = open(Provider::Ring, &encrypted(vec![claimed; len]));
        assert_eq!(result, Err(Error::DecryptError), "{len} bytes, all {claimed}");
    }
}

#[test]
fn every_tampering_ends_in_the_same_error() {
    for provider in LIBRARIES {
        for len in [0, 1, 15, 16, 31, 47, 200] {
            let record = seal(provider, vec![7; len].as_slice().into());
            let refused = |record: &[u8]| assert_eq!(open(provider, record), Err(Error::DecryptError), "{len}");
            for at in 0..record.len() {
                for bit in [0x01, 0x80] {
                    let mut flipped = record.clone();
                    flipped[at] ^= bit;
                    refused(&flipped);
                }
            }
            for cut in 0..record.len() {
                refused(&record[..cut]);
                refused(&record[record.len() - cut..]);
            }
            for extra in [1, 15, 16, 32, 256] {
                refused(&[record.as_slice(), &vec![0; extra]].concat());
            }
            let as_alert = open_as(provider, ContentType::Alert, SEQ, record.clone());
            assert_eq!(as_alert, Err(Error::DecryptError));
            let replayed = open_as(provider, ContentType::ApplicationData, SEQ + 1, record);
            assert_eq!(replayed, Err(Error::DecryptError));
        }
    }
}

#[test]
fn an_oversized_plaintext_is_told_apart_only_once_it_is_authentic() {
    let plain = vec![1; MAX_PLAINTEXT + 1];
    let body = padded(tagged(&plain), 14);
    assert_eq!(open(Provider::AwsLc, &encrypted(body.clone())), Err(Error::PeerSentOversizedRecord));
    let mut forged = body;
    forged[3] ^= 1;
    assert_eq!(open(Provider::AwsLc, &encrypted(forged)), Err(Error::DecryptError));
}

#[test]
fn one_length_of_record_costs_one_number_of_compressions() {
    for longest in 0..2000usize {
        for padding in 0..=longest.min(255) {
            let spare = open::compressions(longest) - open::compressions(longest - padding);
            assert!(spare <= 4, "burn() has zeros for four compressions");
        }
    }
}

/// RFC 5246, 6.2.3.2, read naively: branches everywhere.
fn reference(body: &[u8]) -> Option<Vec<u8>> {
    let padding = usize::from(*body.last()?);
    let tag_end = body.len().checked_sub(padding + 1)?;
    let plain_len = tag_end.checked_sub(TAG)?;
    let good = body[tag_end..].iter().all(|byte| usize::from(*byte) == padding);
    (good && tagged(&body[..plain_len]) == body[..tag_end]).then(|| body[..plain_len].to_vec())
}

proptest! {
    #[test]
    fn bodies_are_judged_as_the_naive_reading_does(
        plain in proptest::collection::vec(any::<u8>(), 0..600),
        extra in 0usize..16,
        damage in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let short = (TAG + plain.len() + 1).next_multiple_of(BLOCK) - (TAG + plain.len() + 1);
        let padding = u8::try_from(short + extra * BLOCK).unwrap();
        let mut body = padded(tagged(&plain), padding);
        if let Some((at, value)) = damage {
            let at = at.index(body.len());
            body[at] = value;
        }
        let expected = reference(&body).ok_or(Error::DecryptError);
        for provider in LIBRARIES {
            prop_assert_eq!(open(provider, &encrypted(body.clone())), expected.clone());
        }
    }

    #[test]
    fn any_bytes_at_all_are_refused_without_a_panic(record in proptest::collection::vec(any::<u8>(), 0..700)) {
        for provider in LIBRARIES {
            prop_assert_eq!(open(provider, &record), Err(Error::DecryptError));
        }
    }
}
