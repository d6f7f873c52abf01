//! Verifies padding and MAC of a decrypted CBC record without telling by its time where the padding begins.
//!
//! The construction is that of "Lucky Thirteen: Breaking the TLS and DTLS Record Protocols" (AlFardan and Paterson, 2013),
//! section VI, as OpenSSL's `ssl3_cbc_remove_padding` and `ssl3_cbc_copy_mac` have it; here the expected tag is turned to the
//! record's position instead of the record's tag to the start.

use std::hint::black_box;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::TAG;
use super::primitives::Mac;

/// The most bytes that padding takes, with the byte that gives its length.
const MAX_PADDING: usize = 256;
/// Bytes that the MAC covers before the plaintext: sequence number, type, version, length (RFC 5246, 6.2.3.1).
pub(super) const HEADER: usize = 13;
/// Bytes in a block of SHA-256.
const HASH_BLOCK: usize = 64;

/// The length of the plaintext in `body` (plaintext, tag, padding), or `None` if padding or tag is wrong.
///
/// `body` holds at least a tag and a byte; `header` gives the MAC's prefix for a length of plaintext.
pub(super) fn verify(mac: &Mac, header: impl Fn(usize) -> [u8; HEADER], body: &[u8]) -> Option<usize> {
    debug_assert!(body.len() > TAG && body.len() <= usize::from(u16::MAX));
    let (padding, padding_ok) = padding(body);
    let longest = body.len() - TAG - 1;
    let plain_len = longest - padding as usize;
    let expected = mac.tag(&header(plain_len), &body[..plain_len]);
    // What a longer plaintext would have cost is spent on nothing: the compressions do not depend on the padding.
    mac.burn(compressions(longest) - compressions(plain_len));
    let tag_ok = tag_at(body, plain_len as u32, &expected);
    bool::from(padding_ok & tag_ok).then_some(plain_len)
}

/// How many bytes of padding come before the last, and whether they are right; 0 where they are not, so that a tag is computed
/// and compared all the same (RFC 5246, 6.2.3.2, implementation note).
fn padding(body: &[u8]) -> (u32, Choice) {
    // From here on the compiler knows nothing of the value that could become a branch.
    let claimed = black_box(body[body.len() - 1]);
    let mut wrong = below(body.len() as u32, u32::from(claimed) + 1 + TAG as u32);
    // The number of bytes looked at depends on the record's length alone.
    for (distance, byte) in (0u32..).zip(body.iter().rev().take(MAX_PADDING)) {
        wrong |= (byte ^ claimed) & below(distance, u32::from(claimed) + 1);
    }
    let ok = black_box(wrong).ct_eq(&0);
    (u32::conditional_select(&0, &u32::from(claimed), ok), ok)
}

/// All ones where `a` is less than `b`, else 0; both are far below 2^31. A mask and no comparison, so that the loops here become
/// vector instructions: one barrier for each loop, at its end, instead of one for each byte.
fn below(a: u32, b: u32) -> u8 {
    ((a.wrapping_sub(b) >> 31) as u8).wrapping_neg()
}

/// Compressions of SHA-256 that HMAC's inner hash makes for a plaintext of this length, after the one for the key: header,
/// plaintext, and at least nine bytes of SHA-256's own padding.
pub(super) fn compressions(plain_len: usize) -> usize {
    (HEADER + plain_len + 9).div_ceil(HASH_BLOCK)
}

/// Whether `expected` stands at `start` in `body`, reading the same bytes for every `start` that padding allows.
fn tag_at(body: &[u8], start: u32, expected: &[u8; TAG]) -> Choice {
    let window = body.len().saturating_sub(MAX_PADDING + TAG);
    let offset = start - window as u32;
    let turned = rotate_right(*expected, offset);
    let mut difference = 0u8;
    for (position, byte) in (0u32..).zip(&body[window..]) {
        let inside = !below(position, offset) & below(position, offset + TAG as u32);
        difference |= (byte ^ turned[position as usize % TAG]) & inside;
    }
    black_box(difference).ct_eq(&0)
}

/// `tag` turned by `by` places modulo its length, in log2(32) steps that are taken or not without a branch.
fn rotate_right(mut tag: [u8; TAG], by: u32) -> [u8; TAG] {
    for bit in 0..TAG.ilog2() {
        let mut turned = tag;
        turned.rotate_right(1 << bit);
        let mask = black_box((by >> bit & 1) as u8).wrapping_neg();
        for (byte, other) in tag.iter_mut().zip(turned) {
            *byte ^= (*byte ^ other) & mask;
        }
    }
    tag
}
