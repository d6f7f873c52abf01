//! A ClientHello of ours, byte by byte: it can offer what no TLS library would.

use crate::model::registry::SuiteCode;
use crate::model::survey::Version;

use super::lists::{Groups, Schemes};

/// How much beside versions and suites is in a hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// All extensions that tell something.
    Full,
    /// Only those without which a server cannot answer.
    Lean,
    /// None at all, as SSL 3.0 has it.
    Bare,
}

/// What a hello of TLS 1.3 has in key_share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    /// An empty list: the server answers with HelloRetryRequest, which names suite and group, and costs it nothing (RFC 8446, 4.2.8).
    Empty,
    /// A share of X25519 and one of P-256, for a server that does not take the empty list.
    Real,
}

/// What one hello offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) version: Version,
    pub(super) suites: Vec<SuiteCode>,
    pub(super) sni: Option<String>,
    pub(super) shape: Shape,
    pub(super) schemes: Schemes,
    pub(super) groups: Groups,
    pub(super) share: Share,
    /// Whether DEFLATE is offered beside no compression.
    pub(super) deflate: bool,
    /// Protocols for ALPN; none: the extension is left out.
    pub(super) alpn: &'static [&'static str],
}

/// The groups of which a hello may have a share.
const X25519: u16 = 0x001d;
const SECP256R1: u16 = 0x0017;

/// The base point of P-256, uncompressed: a share that belongs to the group (SEC 2, 2.4.2). What it would agree on is never used.
const P256_POINT: [u8; 65] = [
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03,
    0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe,
    0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce,
    0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];

impl Hello {
    /// The record, ready to be sent. `random` fills 32 bytes as often as it is asked.
    pub(super) fn encode(&self, mut random: impl FnMut() -> [u8; 32]) -> Vec<u8> {
        let version = self.version.code().min(Version::Tls12.code());
        let mut out = vec![22];
        // Servers are strictest about the version of the first record where they are oldest: TLS 1.0 is what RFC 5246, E.1, advises.
        put(&mut out, version.min(Version::Tls10.code()));
        prefixed::<2>(&mut out, |out| {
            out.push(1);
            prefixed::<3>(out, |out| self.body(out, version, &mut random));
        });
        out
    }

    fn body(&self, out: &mut Vec<u8>, version: u16, random: &mut impl FnMut() -> [u8; 32]) {
        put(out, version);
        out.extend(random());
        prefixed::<1>(out, |out| {
            // Middleboxes expect a session from TLS 1.3 (RFC 8446, D.4); everywhere else it would ask for resumption.
            if self.version == Version::Tls13 {
                out.extend(random());
            }
        });
        prefixed::<2>(out, |out| self.suites.iter().for_each(|suite| put(out, suite.0)));
        prefixed::<1>(out, |out| out.extend(if self.deflate { &[1, 0][..] } else { &[0] }));
        if self.shape != Shape::Bare {
            prefixed::<2>(out, |out| self.extensions(out, random));
        }
    }

    fn extensions(&self, out: &mut Vec<u8>, random: &mut impl FnMut() -> [u8; 32]) {
        let full = self.shape == Shape::Full;
        if let Some(name) = &self.sni {
            extension(out, 0, |out| {
                prefixed::<2>(out, |out| {
                    out.push(0);
                    prefixed::<2>(out, |out| out.extend(name.as_bytes()));
                });
            });
        }
        if full {
            // status_request, extended_master_secret, session_ticket.
            extension(out, 5, |out| out.extend([1, 0, 0, 0, 0]));
            extension(out, 23, |_| {});
            extension(out, 35, |_| {});
        }
        // renegotiation_info: some servers refuse whom they take for unpatched.
        extension(out, 0xff01, |out| out.push(0));
        if self.version == Version::Tls13 {
            self.of_tls13(out, random);
        } else {
            extension(out, 11, |out| prefixed::<1>(out, |out| out.extend(if full { &[0, 1, 2][..] } else { &[0] })));
        }
        extension(out, 10, |out| list(out, &self.groups.codes(self.version)));
        if self.version >= Version::Tls12 {
            extension(out, 13, |out| list(out, &self.schemes.codes()));
            if full {
                // Who signed the certificate is not the question: only the server's own key is.
                extension(out, 50, |out| list(out, &Schemes::All.codes()));
            }
        }
        if !self.alpn.is_empty() {
            extension(out, 16, |out| {
                prefixed::<2>(out, |out| {
                    self.alpn.iter().for_each(|name| prefixed::<1>(out, |out| out.extend(name.as_bytes())));
                });
            });
        }
    }

    fn of_tls13(&self, out: &mut Vec<u8>, random: &mut impl FnMut() -> [u8; 32]) {
        extension(out, 43, |out| prefixed::<1>(out, |out| put(out, self.version.code())));
        // psk_dhe_ke, without which some servers do not answer.
        extension(out, 45, |out| out.extend([1, 1]));
        extension(out, 51, |out| {
            prefixed::<2>(out, |out| {
                // Any 32 bytes are a key of X25519 (RFC 7748, 5). A share of a group that is not offered would be an error.
                let groups = self.groups.codes(self.version);
                let mut share = |group: u16, key: &[u8]| {
                    if self.share == Share::Real && groups.contains(&group) {
                        put(out, group);
                        prefixed::<2>(out, |out| out.extend(key));
                    }
                };
                share(X25519, &random());
                share(SECP256R1, &P256_POINT);
            });
        });
    }
}

fn put(out: &mut Vec<u8>, number: u16) {
    out.extend(number.to_be_bytes());
}

fn extension(out: &mut Vec<u8>, code: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    put(out, code);
    prefixed::<2>(out, fill);
}

fn list(out: &mut Vec<u8>, codes: &[u16]) {
    prefixed::<2>(out, |out| codes.iter().for_each(|code| put(out, *code)));
}

/// What `fill` appends, after its length in `N` bytes.
fn prefixed<const N: usize>(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.resize(start + N, 0);
    fill(out);
    let length = (out.len() - start - N).to_be_bytes();
    out[start..start + N].copy_from_slice(&length[length.len() - N..]);
}

#[cfg(test)]
mod tests;
