//! What is offered: suites in the order in which they are asked, unregistered codes, signature schemes, groups.

use crate::model::registry::SuiteCode;
use crate::model::suite::KeyType;
use crate::model::survey::Version;

/// The most suites in one hello. Old servers stop reading after some number; 64 with our extensions stay within 512 bytes or nearly so.
pub(super) const CHUNK: usize = 64;

/// The suites in a hello that must be short.
pub(super) const SMALL: usize = 8;

/// Suites that most servers have one of, so that the first hello is likely to be accepted: one for each kind of server comes first.
const POPULAR: [u16; 36] = [
    0x1301, 0x1302, 0xc02f, 0xc02b, 0xc013, 0x002f, 0x0035, 0x1303, // these alone are in a short hello
    0x000a, 0xcca8, 0xcca9, 0xc027, 0xc023, 0xc030, 0xc02c, 0xc014, 0xc009, 0xc00a, 0xc028, 0xc024, 0x009c, 0x009d,
    0x003c, 0x003d, 0x009e, 0x009f, 0x0033, 0x0039, 0x0067, 0x006b, 0xccaa, 0x0005, 0x0004, 0x1304, 0x1305, 0x0096,
];

/// What a client with a strict list offers, in the order of a usual one: the policy's own suites are among them.
const MODERN: [u16; 11] = [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xcca9, 0xcca8, 0xc023, 0xc027, 0xc02c, 0xc030];

/// Codes without a registration that servers are known to have had: GOST of old drafts, EXPORT1024, Netscape's FIPS suites, CECPQ1, the
/// drafts of ChaCha20-Poly1305.
const KNOWN_UNREGISTERED: [u16; 35] = [
    0x001c, 0x001d, 0x0060, 0x0061, 0x0062, 0x0063, 0x0064, 0x0065, 0x0066, 0x0080, 0x0081, 0x0082, 0x0083, 0x16b7,
    0x16b8, 0x16b9, 0x16ba, 0xcc12, 0xcc13, 0xcc14, 0xcc15, 0xcc16, 0xfefe, 0xfeff, 0xff00, 0xff01, 0xff02, 0xff03,
    0xff80, 0xff81, 0xff82, 0xff83, 0xff85, 0xffe0, 0xffe1,
];

/// Where the codes begin that nobody has registered and nobody should know: they fill a hello up, or are all that it offers.
const NOBODYS: u16 = 0xe0e0;

/// The GREASE values (RFC 8701, 2), which a server must ignore.
fn grease() -> impl Iterator<Item = u16> {
    (0..16).map(|n| 0x0a0a + n * 0x1010)
}

/// How a suite may be looked at by what filters hellos: a class is never offered together with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// What a usual client may offer.
    Usual,
    /// Blocks of 64 bits, and SEED.
    TripleDes,
    /// RC4, RC2, DES, IDEA.
    Broken,
    /// Without authentication.
    Anonymous,
    /// Without encryption.
    Null,
    /// With keys that were cut for export.
    Export,
    /// Not registered.
    Unregistered,
}

/// The class of `suite`, by its registered name.
pub(super) fn class(suite: SuiteCode) -> Class {
    let Some(name) = suite.iana() else { return Class::Unregistered };
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if has(&["EXPORT"]) {
        Class::Export
    } else if has(&["WITH_NULL", "SHA256_SHA256", "SHA384_SHA384"]) {
        Class::Null
    } else if has(&["_anon_"]) {
        Class::Anonymous
    } else if has(&["RC4", "RC2", "_DES_", "DES40", "IDEA"]) {
        Class::Broken
    } else if has(&["3DES", "SEED", "GOST", "MAGMA", "28147"]) {
        Class::TripleDes
    } else {
        Class::Usual
    }
}

/// Every suite that is asked for, class by class; in each the popular ones come first.
pub(super) fn candidates() -> Vec<SuiteCode> {
    let popular = POPULAR.map(SuiteCode);
    let rest = SuiteCode::registered().filter(|suite| !popular.contains(suite));
    let unregistered =
        KNOWN_UNREGISTERED.into_iter().chain(grease()).map(SuiteCode).filter(|suite| suite.iana().is_none());
    let mut all: Vec<_> = popular.into_iter().chain(rest).chain(unregistered).collect();
    all.sort_by_key(|suite| class(*suite));
    all
}

/// The suites of the hello that looks whether a version is spoken at all: `most` of the usual ones.
pub(super) fn opening(most: usize) -> Vec<SuiteCode> {
    candidates().into_iter().take(most.min(CHUNK)).collect()
}

/// The suites of a client with a strict list.
pub(super) fn modern() -> Vec<SuiteCode> {
    MODERN.map(SuiteCode).to_vec()
}

/// `count` codes that no server can want.
pub(super) fn nobodys(count: usize) -> impl Iterator<Item = SuiteCode> {
    (NOBODYS..).take(count).map(SuiteCode)
}

/// Whether the suite agrees on a key by an elliptic curve, so that the group could decide whether it is chosen.
pub(super) fn needs_curve(suite: SuiteCode) -> bool {
    suite.iana().is_none_or(|name| name.contains("_ECDH") || name.contains("_ECCPWD_") || !name.contains("_WITH_"))
}

/// Signature schemes for RSA keys: PSS, PKCS#1 with SHA-2, then SHA-1 and MD5 (IANA "TLS SignatureScheme", RFC 5246, 7.4.1.4.1).
const RSA_SCHEMES: [u16; 9] = [0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0301, 0x0201, 0x0101];
/// RSASSA-PSS with keys that are for nothing else.
const PSS_SCHEMES: [u16; 3] = [0x0809, 0x080a, 0x080b];
/// Signature schemes for keys on curves: P-256, P-384, P-521, SHA-224 and SHA-1, brainpool of TLS 1.3, EdDSA.
const ECDSA_SCHEMES: [u16; 10] = [0x0403, 0x0503, 0x0603, 0x0303, 0x0203, 0x081a, 0x081b, 0x081c, 0x0807, 0x0808];
/// Ed25519 and Ed448.
const EDDSA_SCHEMES: [u16; 2] = [0x0807, 0x0808];
/// What is neither: DSA, SM2, GOST.
const OTHER_SCHEMES: [u16; 14] =
    [0x0402, 0x0502, 0x0602, 0x0302, 0x0202, 0x0102, 0x0103, 0x0708, 0x0709, 0x070a, 0x070b, 0x0904, 0x0905, 0x0906];
/// What today's certificates are used with, for hellos that must be short.
const MAIN_SCHEMES: [u16; 8] = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0201];

/// Which certificates a hello admits by its signature schemes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schemes {
    /// Any, with everything that was ever registered.
    All,
    /// RSA or on a curve, with today's algorithms.
    Main,
    /// RSA alone, or curves alone.
    Only(KeyType),
    /// Neither RSA nor ECDSA.
    Other,
    /// Keys for EdDSA, which stand beside those for ECDSA.
    EdDsa,
    /// RSA keys for RSASSA-PSS alone, which stand beside usual ones.
    Pss,
}

impl Schemes {
    /// The codes, for the extension signature_algorithms.
    pub(super) fn codes(self) -> Vec<u16> {
        match self {
            Self::All => [&ECDSA_SCHEMES[..], &RSA_SCHEMES, &PSS_SCHEMES, &OTHER_SCHEMES].concat(),
            Self::Main => MAIN_SCHEMES.to_vec(),
            Self::Only(KeyType::Rsa) => [&RSA_SCHEMES[..], &PSS_SCHEMES].concat(),
            Self::Only(KeyType::Ecdsa) => ECDSA_SCHEMES.to_vec(),
            Self::Other => OTHER_SCHEMES.to_vec(),
            Self::EdDsa => EDDSA_SCHEMES.to_vec(),
            Self::Pss => PSS_SCHEMES.to_vec(),
        }
    }

    /// In words, to stand after "suites".
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::All => "with any certificate",
            Self::Main => "with an RSA or ECDSA certificate",
            Self::Only(KeyType::Rsa) => "with an RSA certificate",
            Self::Only(KeyType::Ecdsa) => "with an ECDSA certificate",
            Self::Other => "with a certificate that is neither RSA nor ECDSA",
            Self::EdDsa => "with an EdDSA certificate",
            Self::Pss => "with an RSASSA-PSS certificate",
        }
    }
}

/// Groups of key agreement, with IANA's names ("TLS Supported Groups"); those in use come first.
const GROUPS: [(u16, &str); 47] = [
    (0x001d, "x25519"),
    (0x0017, "secp256r1"),
    (0x0018, "secp384r1"),
    (0x0019, "secp521r1"),
    (0x001e, "x448"),
    (0x0016, "secp256k1"),
    (0x001a, "brainpoolP256r1"),
    (0x001b, "brainpoolP384r1"),
    (0x001c, "brainpoolP512r1"),
    (0x001f, "brainpoolP256r1tls13"),
    (0x0020, "brainpoolP384r1tls13"),
    (0x0021, "brainpoolP512r1tls13"),
    (0x0100, "ffdhe2048"),
    (0x0101, "ffdhe3072"),
    (0x0102, "ffdhe4096"),
    (0x0103, "ffdhe6144"),
    (0x0104, "ffdhe8192"),
    (0x0029, "curveSM2"),
    (0x0001, "sect163k1"),
    (0x0002, "sect163r1"),
    (0x0003, "sect163r2"),
    (0x0004, "sect193r1"),
    (0x0005, "sect193r2"),
    (0x0006, "sect233k1"),
    (0x0007, "sect233r1"),
    (0x0008, "sect239k1"),
    (0x0009, "sect283k1"),
    (0x000a, "sect283r1"),
    (0x000b, "sect409k1"),
    (0x000c, "sect409r1"),
    (0x000d, "sect571k1"),
    (0x000e, "sect571r1"),
    (0x000f, "secp160k1"),
    (0x0010, "secp160r1"),
    (0x0011, "secp160r2"),
    (0x0012, "secp192k1"),
    (0x0013, "secp192r1"),
    (0x0014, "secp224k1"),
    (0x0015, "secp224r1"),
    (0x0022, "GC256A"),
    (0x0023, "GC256B"),
    (0x0024, "GC256C"),
    (0x0025, "GC256D"),
    (0x0026, "GC512A"),
    (0x0027, "GC512B"),
    (0x0028, "GC512C"),
    (0x11ec, HYBRID_NAME),
];

/// ML-KEM with X25519, the post-quantum hybrid that browsers use.
pub(super) const HYBRID: u16 = 0x11ec;
const HYBRID_NAME: &str = "X25519MLKEM768";

/// Hybrids and ML-KEM alone: only TLS 1.3 has them.
const POST_QUANTUM: [u16; 6] = [HYBRID, 0x11eb, 0x11ed, 0x0200, 0x0201, 0x0202];

/// How many of [`GROUPS`] go into a hello that must be short.
const MAIN_GROUPS: usize = 5;

/// How many of the others go into one such hello, and how many hellos there are of them: [`HYBRID`] is not among them.
const RARE_SLICE: usize = 7;
pub(super) const RARE_SLICES: usize = (GROUPS.len() - 1 - MAIN_GROUPS).div_ceil(RARE_SLICE);

/// Which groups a hello offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Groups {
    /// All of them.
    All,
    /// Those that every server of today has one of.
    Main,
    /// Some of the others; the slices count from 0 to [`RARE_SLICES`].
    Rare(usize),
    /// One alone.
    One(u16),
    /// What rustls can compute, in order of its preference.
    Computed,
}

impl Groups {
    /// The codes, for the extension supported_groups.
    pub(super) fn codes(self, version: Version) -> Vec<u16> {
        let classical = || GROUPS.iter().map(|(code, _)| *code).filter(|code| *code != HYBRID);
        match self {
            Self::All if version == Version::Tls13 => classical().chain(POST_QUANTUM).collect(),
            Self::All => classical().collect(),
            Self::Main => classical().take(MAIN_GROUPS).collect(),
            Self::Rare(slice) => classical().skip(MAIN_GROUPS + slice * RARE_SLICE).take(RARE_SLICE).collect(),
            Self::One(code) => vec![code],
            Self::Computed => vec![0x001d, 0x0017, 0x0018],
        }
    }
}

/// The groups that are also asked alone: all curves and fields with a name, but for the hybrid, which is a question of its own.
pub(super) fn groups_alone() -> impl Iterator<Item = u16> {
    GROUPS.iter().map(|(code, _)| *code).filter(|code| *code != HYBRID)
}

/// IANA's name of a group.
pub fn group_name(code: u16) -> Option<&'static str> {
    GROUPS.iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_registered_suite_is_asked_once() {
        let asked = candidates();
        let distinct: BTreeSet<_> = asked.iter().collect();
        assert_eq!(asked.len(), distinct.len());
        assert!(SuiteCode::registered().all(|suite| distinct.contains(&suite)));
        assert!(asked.iter().filter(|suite| suite.iana().is_none()).count() > 40);
        assert!(POPULAR.iter().all(|code| SuiteCode(*code).iana().is_some()));
        assert!(nobodys(1000).all(|suite| suite.iana().is_none() && !distinct.contains(&suite)));
    }

    #[test]
    fn classes_stand_apart_and_the_first_is_what_clients_offer() {
        let of = |name: &str| class(name.parse().unwrap());
        assert_eq!(of("ECDHE-RSA-AES128-GCM-SHA256"), Class::Usual);
        assert_eq!(
            [of("DES-CBC3-SHA"), of("RC4-SHA"), of("NULL-SHA256")],
            [Class::TripleDes, Class::Broken, Class::Null]
        );
        assert_eq!(of("TLS_DH_anon_WITH_AES_128_GCM_SHA256"), Class::Anonymous);
        assert_eq!(of("TLS_DH_anon_EXPORT_WITH_RC4_40_MD5"), Class::Export);
        assert_eq!(of("TLS_RSA_WITH_DES_CBC_SHA"), Class::Broken);
        let classes: Vec<_> = candidates().into_iter().map(class).collect();
        assert!(classes.is_sorted());
        assert_eq!(opening(SMALL), POPULAR[..SMALL].iter().map(|code| SuiteCode(*code)).collect::<Vec<_>>());
        assert!(opening(CHUNK).into_iter().chain(modern()).all(|suite| class(suite) == Class::Usual));
    }

    #[test]
    fn groups_have_one_code_and_one_name() {
        assert_eq!(GROUPS.iter().map(|(code, _)| code).collect::<BTreeSet<_>>().len(), GROUPS.len());
        assert_eq!(GROUPS.iter().map(|(_, name)| name).collect::<BTreeSet<_>>().len(), GROUPS.len());
        assert_eq!(group_name(0x0019), Some("secp521r1"));
        let slices = std::iter::once(Groups::Main).chain((0..RARE_SLICES).map(Groups::Rare));
        let slices: Vec<_> = slices.map(|slice| slice.codes(Version::Tls12)).collect();
        assert!(slices.iter().all(|slice| !slice.is_empty()));
        assert_eq!(slices.concat(), Groups::All.codes(Version::Tls12));
        assert!(!Groups::All.codes(Version::Tls12).contains(&HYBRID));
    }

    #[test]
    fn suites_that_a_group_decides_on() {
        let needs = |name: &str| needs_curve(name.parse().unwrap());
        assert!(needs("ECDHE-RSA-AES128-GCM-SHA256") && needs("TLS_AES_128_GCM_SHA256") && needs("0xCC13"));
        assert!(!needs("AES128-SHA") && !needs("DHE-RSA-AES128-SHA"));
    }
}
