//! AES-128-CBC without padding, HMAC-SHA256 and unpredictable IVs, from the library that the plan names.

use std::cell::RefCell;
use std::hint::black_box;

use aws_lc_rs::cipher::{
    AES_128, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{digest as aws_digest, hmac as aws_hmac, rand as aws_rand};
use cbc::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit, SetIvState, consts::U16};
use ring::rand::SecureRandom as _;
use ring::{digest as ring_digest, hmac as ring_hmac, rand as ring_rand};
use rustls::Error;

use super::{BLOCK, KEY, TAG};
use crate::model::tls::Provider;

/// An HMAC-SHA256 key.
pub(super) enum Mac {
    AwsLc(Box<aws_hmac::Key>),
    Ring(Box<ring_hmac::Key>),
}

impl Mac {
    pub(super) fn new(provider: Provider, key: &[u8]) -> Self {
        match provider {
            Provider::AwsLc => Self::AwsLc(Box::new(aws_hmac::Key::new(aws_hmac::HMAC_SHA256, key))),
            Provider::Ring => Self::Ring(Box::new(ring_hmac::Key::new(ring_hmac::HMAC_SHA256, key))),
        }
    }

    /// The tag of `header` followed by `content`.
    pub(super) fn tag(&self, header: &[u8], content: &[u8]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        match self {
            Self::AwsLc(key) => {
                let mut context = aws_hmac::Context::with_key(key);
                context.update(header);
                context.update(content);
                tag.copy_from_slice(context.sign().as_ref());
            }
            Self::Ring(key) => {
                let mut context = ring_hmac::Context::with_key(key);
                context.update(header);
                context.update(content);
                tag.copy_from_slice(context.sign().as_ref());
            }
        }
        tag
    }

    /// Spends `count` compressions of SHA-256 (at most 4: padding differs by at most 255 bytes).
    pub(super) fn burn(&self, count: usize) {
        const ZEROS: [u8; 4 * 64] = [0; 4 * 64];
        let input = &ZEROS[..count * 64];
        match self {
            Self::AwsLc(_) => {
                let mut context = aws_digest::Context::new(&aws_digest::SHA256);
                context.update(input);
                black_box(&context);
            }
            Self::Ring(_) => {
                let mut context = ring_digest::Context::new(&ring_digest::SHA256);
                context.update(input);
                black_box(&context);
            }
        }
    }
}

/// Encrypts whole blocks.
pub(super) enum Encryptor {
    AwsLc(Box<EncryptingKey>),
    RustCrypto(Box<cbc::Encryptor<aes::Aes128>>),
}

impl Encryptor {
    pub(super) fn new(provider: Provider, key: &[u8; KEY]) -> Self {
        match provider {
            Provider::AwsLc => Self::AwsLc(Box::new(EncryptingKey::cbc(unbound(key)).expect("AES-128 has a CBC mode"))),
            Provider::Ring => Self::RustCrypto(Box::new(cbc::Encryptor::new(key.into(), &Array([0; BLOCK])))),
        }
    }

    /// Encrypts `blocks` in place; their length is a multiple of [`BLOCK`].
    pub(super) fn encrypt(&mut self, iv: &[u8; BLOCK], blocks: &mut [u8]) -> Result<(), Error> {
        match self {
            Self::AwsLc(key) => key
                .less_safe_encrypt(blocks, EncryptionContext::Iv128(FixedLength::from(iv)))
                .map(drop)
                .map_err(|_| Error::EncryptError),
            Self::RustCrypto(cipher) => {
                cipher.set_iv(iv.into());
                cipher.encrypt_blocks(Array::<u8, U16>::slice_as_chunks_mut(blocks).0);
                Ok(())
            }
        }
    }
}

/// Decrypts whole blocks.
pub(super) enum Decryptor {
    AwsLc(Box<DecryptingKey>),
    RustCrypto(Box<cbc::Decryptor<aes::Aes128>>),
}

impl Decryptor {
    pub(super) fn new(provider: Provider, key: &[u8; KEY]) -> Self {
        match provider {
            Provider::AwsLc => Self::AwsLc(Box::new(DecryptingKey::cbc(unbound(key)).expect("AES-128 has a CBC mode"))),
            Provider::Ring => Self::RustCrypto(Box::new(cbc::Decryptor::new(key.into(), &Array([0; BLOCK])))),
        }
    }

    /// Decrypts `blocks` in place; their length is a multiple of [`BLOCK`].
    pub(super) fn decrypt(&mut self, iv: &[u8; BLOCK], blocks: &mut [u8]) -> Result<(), Error> {
        match self {
            Self::AwsLc(key) => key
                .decrypt(blocks, DecryptionContext::Iv128(FixedLength::from(iv)))
                .map(drop)
                .map_err(|_| Error::DecryptError),
            Self::RustCrypto(cipher) => {
                cipher.set_iv(iv.into());
                cipher.decrypt_blocks(Array::<u8, U16>::slice_as_chunks_mut(blocks).0);
                Ok(())
            }
        }
    }
}

fn unbound(key: &[u8; KEY]) -> UnboundCipherKey {
    UnboundCipherKey::new(&AES_128, key).expect("a key of 16 bytes fits AES-128")
}

/// IVs drawn from the random source and not used yet. Per thread, so that thousands of connections need not hold one each.
struct IvPool {
    bytes: [u8; IvPool::SIZE],
    used: usize,
}

impl IvPool {
    /// 64 IVs: *ring* draws from the kernel, and a system call a record would be measured as the suite's cost.
    const SIZE: usize = 64 * BLOCK;

    const EMPTY: Self = Self { bytes: [0; Self::SIZE], used: Self::SIZE };

    fn next(&mut self, fill: impl FnOnce(&mut [u8]) -> Result<(), Error>) -> Result<[u8; BLOCK], Error> {
        if self.used == Self::SIZE {
            fill(&mut self.bytes)?;
            self.used = 0;
        }
        let mut iv = [0; BLOCK];
        iv.copy_from_slice(&self.bytes[self.used..self.used + BLOCK]);
        self.used += BLOCK;
        Ok(iv)
    }
}

/// An IV that nobody can predict (RFC 5246, 6.2.3.2), used once.
///
/// # Errors
/// Only if the operating system's random source fails.
pub(super) fn draw_iv(provider: Provider) -> Result<[u8; BLOCK], Error> {
    thread_local! {
        static AWS_LC: RefCell<IvPool> = const { RefCell::new(IvPool::EMPTY) };
        static RING: RefCell<IvPool> = const { RefCell::new(IvPool::EMPTY) };
    }
    match provider {
        Provider::AwsLc => AWS_LC.with_borrow_mut(|pool| {
            pool.next(|bytes| aws_rand::fill(bytes).map_err(|_| Error::FailedToGetRandomBytes))
        }),
        Provider::Ring => RING.with_borrow_mut(|pool| {
            pool.next(|bytes| ring_rand::SystemRandom::new().fill(bytes).map_err(|_| Error::FailedToGetRandomBytes))
        }),
    }
}
