//! Opening records of the CBC suites: whatever the bytes, both libraries say what a textbook says, which takes its time.
//!
//! The input's first byte chooses. Even: the rest is a record as it came. Odd: a record is made of the rest, and then damaged; the next
//! four bytes are the padding's length, a mask, and where it falls on the padded text.

use aes::Aes128;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use ring::hmac;
use rustls::crypto::cipher::{AeadKey, InboundOpaqueMessage};
use rustls::{ContentType, Error, ProtocolVersion, SupportedCipherSuite};
use shakedown::model::suite::KeyType;
use shakedown::model::tls::Provider;
use shakedown::tls::cbc::suite;

const MAC_KEY: [u8; 32] = *b"thirty-two bytes to authenticate";
const AES_KEY: [u8; 16] = *b"sixteen to hide.";
const IV: [u8; 16] = *b"an explicit IV..";
const SEQUENCE: u64 = 0x0102_0304_0506_0708;
const LONGEST: usize = 1 << 14;

/// The tag of `plain` (RFC 5246, 6.2.3.1).
fn tag(plain: &[u8]) -> hmac::Tag {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &MAC_KEY));
    mac.update(&SEQUENCE.to_be_bytes());
    // Application data of TLS 1.2, and its length.
    mac.update(&[23, 3, 3]);
    mac.update(&(plain.len() as u16).to_be_bytes());
    mac.update(plain);
    mac.sign()
}

/// What RFC 5246, 6.2.3.2, makes of `record`: the plaintext, or nothing.
fn by_the_book(record: &[u8]) -> Option<Vec<u8>> {
    let (iv, sealed) = record.split_first_chunk::<16>()?;
    let mut body = sealed.to_vec();
    let decryptor = cbc::Decryptor::<Aes128>::new(&AES_KEY.into(), iv.into());
    decryptor.decrypt_padded::<NoPadding>(&mut body).ok()?;
    let padding = usize::from(*body.last()?);
    let text = body.len().checked_sub(padding + 1)?;
    if body[text..].iter().any(|byte| usize::from(*byte) != padding) {
        return None;
    }
    let plain = text.checked_sub(32)?;
    (tag(&body[..plain]).as_ref() == &body[plain..text]).then(|| body[..plain].to_vec())
}

/// What the suite makes of it, computed by `library`.
fn by_the_suite(library: Provider, record: &[u8]) -> Result<Vec<u8>, Error> {
    let SupportedCipherSuite::Tls12(suite) = suite(library, KeyType::Ecdsa) else { unreachable!("a suite of TLS 1.2") };
    let mut opener = suite.aead_alg.decrypter(AeadKey::from(MAC_KEY), &AES_KEY);
    let mut bytes = record.to_vec();
    let message = InboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, &mut bytes);
    opener.decrypt(message, SEQUENCE).map(|plain| plain.payload.to_vec())
}

/// A record of `plain` with at least `padding` bytes of padding, in which the byte at `place` has `mask` upon it; and whether it is whole.
fn record(plain: &[u8], padding: u8, mask: u8, place: usize) -> (Vec<u8>, bool) {
    let mut body = [plain, tag(plain).as_ref()].concat();
    // The shortest padding of at least so much that fills a block; where that is too much, the longest.
    let mut padding = usize::from(padding);
    while (body.len() + padding + 1) % 16 != 0 {
        padding += 1;
    }
    if padding > 255 {
        padding -= 16;
    }
    body.resize(body.len() + padding + 1, padding as u8);
    let place = place % body.len();
    body[place] ^= mask;
    let length = body.len();
    let encryptor = cbc::Encryptor::<Aes128>::new(&AES_KEY.into(), &IV.into());
    encryptor.encrypt_padded::<NoPadding>(&mut body, length).expect("whole blocks");
    ([&IV[..], &body].concat(), mask == 0)
}

/// The property.
pub(crate) fn check(input: &[u8]) {
    let Some((choice, rest)) = input.split_first() else { return };
    let (bytes, whole) = match rest.split_first_chunk::<4>() {
        Some(([padding, mask, high, low], plain)) if choice & 1 == 1 => {
            // Longer by a little than a record may be.
            let plain = &plain[..plain.len().min(LONGEST + 32)];
            let (bytes, whole) = record(plain, *padding, *mask, usize::from(u16::from_be_bytes([*high, *low])));
            (bytes, whole.then_some(plain))
        }
        // No record is longer than its length can say.
        _ => (rest[..rest.len().min(usize::from(u16::MAX))].to_vec(), None),
    };
    let expected = match by_the_book(&bytes) {
        Some(plain) if plain.len() > LONGEST => Err(Error::PeerSentOversizedRecord),
        Some(plain) => Ok(plain),
        None => Err(Error::DecryptError),
    };
    if let (Some(plain), Ok(opened)) = (whole, &expected) {
        assert_eq!(plain, opened, "the book reads what was written");
    }
    for library in [Provider::AwsLc, Provider::Ring] {
        assert_eq!(by_the_suite(library, &bytes), expected, "{library:?}");
    }
}
