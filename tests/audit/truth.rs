//! What a configuration means: the suites that OpenSSL's own command says a cipher string stands for.

use std::collections::BTreeSet;
use std::process::Command;

use shakedown::model::registry::SuiteCode;
use shakedown::model::suite::KeyType;
use shakedown::model::survey::Version;

/// The policy's six suites, as cipher strings have them.
pub(crate) const SIX: [&str; 6] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
];

/// A suite in a version, with the certificate that comes with it.
pub(crate) type Spoken = (Version, SuiteCode, Option<KeyType>);

/// The six and `more`, as a cipher string.
pub(crate) fn six_and(more: &str) -> String {
    format!("{}:{more}", SIX.join(":"))
}

/// Who vouches for the server in a suite, as `openssl ciphers -v` calls it.
const BOTH: [&str; 2] = ["RSA", "ECDSA"];

/// What a server with an RSA and an ECDSA certificate accepts of `ciphers` in `versions`, up to TLS 1.2.
pub(crate) fn of(ciphers: &str, versions: &[Version]) -> BTreeSet<Spoken> {
    vouched_for(ciphers, versions, &BOTH)
}

/// The same of a server that has what the suites of `by` need.
pub(crate) fn vouched_for(ciphers: &str, versions: &[Version], by: &[&str]) -> BTreeSet<Spoken> {
    let output = Command::new("openssl").args(["ciphers", "-v", "-stdname", ciphers]).output().unwrap();
    assert!(output.status.success(), "{ciphers}: {}", String::from_utf8_lossy(&output.stderr));
    let mut found = BTreeSet::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        // IANA's name, a dash, OpenSSL's, the oldest version, Kx=, Au=, Enc=, Mac=.
        let fields: Vec<&str> = line.split_whitespace().collect();
        let since = match fields[3] {
            "TLSv1.3" => continue,
            "TLSv1.2" => Version::Tls12,
            "TLSv1" | "SSLv3" => Version::Tls10,
            other => panic!("{other} in {line}"),
        };
        let who = fields[5].strip_prefix("Au=").unwrap();
        if by.contains(&who) {
            let key = match who {
                "RSA" => Some(KeyType::Rsa),
                "ECDSA" => Some(KeyType::Ecdsa),
                _ => None,
            };
            let suite = fields[0].parse().unwrap();
            found.extend(versions.iter().filter(|version| **version >= since).map(|version| (*version, suite, key)));
        }
    }
    assert!(!found.is_empty(), "{ciphers} stands for nothing");
    found
}

/// What a server with both certificates accepts of these suites of TLS 1.3.
pub(crate) fn of_tls13(suites: &[&str]) -> BTreeSet<Spoken> {
    let both = |suite: &&str| {
        let suite = suite.parse().unwrap();
        [KeyType::Rsa, KeyType::Ecdsa].map(|key| (Version::Tls13, suite, Some(key)))
    };
    suites.iter().flat_map(both).collect()
}
