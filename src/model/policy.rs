//! A transport policy as data: what an endpoint must and should do, and the words of the source that say so.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registry::SuiteCode;
use super::survey::Version;

/// How much a rule weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Reported, and decides nothing.
    Info,
    /// Broken, it fails the audit, unless only musts are to decide.
    Should,
    /// Broken, it fails the audit.
    Must,
}

impl Level {
    /// The word in profiles and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Should => "should",
            Self::Must => "must",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A demand with its weight, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule<T = ()> {
    /// How much it weighs.
    pub level: Level,
    /// The source's words; `None` where the rule is the profile's own.
    pub quote: Option<String>,
    /// What is demanded.
    pub demand: T,
}

/// How suites of TLS 1.3 count where the policy's list names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tls13Suites {
    /// They are permitted by the version, and reported as not named.
    #[default]
    Permit,
    /// Those that protect records as a named suite does are allowed and count as named; all others are outside.
    Map,
    /// Every one of them is outside.
    Strict,
}

impl Tls13Suites {
    /// The word in profiles and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Map => "map",
            Self::Strict => "strict",
        }
    }
}

/// What a policy says of one suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is in the policy's list.
    Named,
    /// It protects records as a named suite of TLS 1.2 does.
    Mapped,
    /// A suite of TLS 1.3, permitted by its version but not named.
    PermittedByVersion,
    /// It is outside.
    Outside,
}

impl Standing {
    /// The word in documents and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Mapped => "mapped",
            Self::PermittedByVersion => "permitted_by_version",
            Self::Outside => "outside",
        }
    }
}

/// Which suites a policy allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteList {
    allowed: Vec<SuiteCode>,
    tls13: Tls13Suites,
}

impl SuiteList {
    /// The list; `tls13` matters only where it names no suite of TLS 1.3.
    pub fn new(allowed: Vec<SuiteCode>, tls13: Tls13Suites) -> Self {
        Self { allowed, tls13 }
    }

    /// The suites that are named, in the source's order.
    pub fn allowed(&self) -> &[SuiteCode] {
        &self.allowed
    }

    /// Whether a suite of TLS 1.3 is among those named.
    pub fn names_tls13(&self) -> bool {
        self.allowed.iter().any(|suite| suite.tls13_only())
    }

    /// How suites of TLS 1.3 count; `None` where the list names them itself.
    pub fn tls13(&self) -> Option<Tls13Suites> {
        (!self.names_tls13()).then_some(self.tls13)
    }

    /// What the list says of `suite`.
    pub fn standing(&self, suite: SuiteCode) -> Standing {
        if self.allowed.contains(&suite) {
            return Standing::Named;
        }
        match self.tls13() {
            Some(Tls13Suites::Permit) if suite.tls13_only() => Standing::PermittedByVersion,
            Some(Tls13Suites::Map) if suite.tls13_only() && self.maps(suite) => Standing::Mapped,
            _ => Standing::Outside,
        }
    }

    /// Whether a named suite protects records as `suite`, one of TLS 1.3, does.
    fn maps(&self, suite: SuiteCode) -> bool {
        let cipher = |suite: SuiteCode| suite.iana().map(record_cipher);
        cipher(suite).is_some_and(|wanted| self.allowed.iter().any(|named| cipher(*named) == Some(wanted)))
    }
}

/// The part of an IANA name that says how records are protected, such as `AES_128_GCM`: between `WITH_` (in TLS 1.3, `TLS_`) and the hash.
fn record_cipher(name: &str) -> &str {
    let cipher = name.split_once("_WITH_").map_or_else(|| name.trim_start_matches("TLS_"), |(_, cipher)| cipher);
    cipher.trim_end_matches("_SHA256").trim_end_matches("_SHA384").trim_end_matches("_SHA512")
}

/// The least that a server's key may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyDemand {
    /// The shortest RSA modulus, in bits; `None`: no RSA key is accepted.
    pub rsa_bits: Option<u32>,
    /// The shortest elliptic-curve key, in bits.
    pub curve_bits: u32,
}

/// Whether a certificate without a path to an authority of the Mozilla programme is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootsDemand {
    /// A certificate or an authority that both sides agreed to trust will do.
    pub agreed_allowed: bool,
}

/// A transport policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The profile's name.
    pub name: String,
    /// Which issue of the policy this is, such as the date of its source.
    pub version: String,
    /// Where the policy is written.
    pub source: String,
    /// The lowest version that may be accepted.
    pub lowest: Rule<Version>,
    /// Which suites are allowed: at least one of them must be accepted.
    pub one_of: Rule<SuiteList>,
    /// That none outside the list is accepted.
    pub none_outside: Rule,
    /// That the host's name is a subjectAltName of the certificate.
    pub name_by_san: Rule,
    /// That the host's name is the subject's common name, where the policy says so.
    pub name_by_cn: Option<Rule>,
    /// To which roots certificates lead.
    pub roots: Rule<RootsDemand>,
    /// That certificates are valid today.
    pub validity: Rule,
    /// That the chain is sent whole and in order.
    pub chain: Rule,
    /// That no certificate is revoked.
    pub revocation: Rule,
    /// How strong keys and signatures are, where the policy says so.
    pub key: Option<Rule<KeyDemand>>,
}

impl Policy {
    /// What the policy says of `suite`.
    pub fn standing(&self, suite: SuiteCode) -> Standing {
        self.one_of.demand.standing(suite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str], tls13: Tls13Suites) -> SuiteList {
        SuiteList::new(names.iter().map(|name| name.parse().unwrap()).collect(), tls13)
    }

    fn standing(list: &SuiteList, name: &str) -> Standing {
        list.standing(name.parse().unwrap())
    }

    const SIX: [&str; 6] = [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA256",
        "ECDHE-RSA-AES128-SHA256",
    ];

    #[test]
    fn the_three_ways_to_count_suites_of_tls13() {
        let all = [
            "TLS_AES_128_GCM_SHA256",
            "TLS_CHACHA20_POLY1305_SHA256",
            "TLS_AES_256_GCM_SHA384",
            "TLS_AES_128_CCM_SHA256",
        ];
        let standings = |tls13| {
            let list = list(&SIX, tls13);
            all.map(|name| standing(&list, name))
        };
        assert_eq!(standings(Tls13Suites::Permit), [Standing::PermittedByVersion; 4]);
        assert_eq!(standings(Tls13Suites::Strict), [Standing::Outside; 4]);
        assert_eq!(
            standings(Tls13Suites::Map),
            [Standing::Mapped, Standing::Mapped, Standing::Outside, Standing::Outside]
        );
    }

    #[test]
    fn a_list_that_names_suites_of_tls13_is_taken_at_its_word() {
        let list = list(&["TLS_AES_128_GCM_SHA256"], Tls13Suites::Permit);
        assert_eq!(standing(&list, "TLS_AES_128_GCM_SHA256"), Standing::Named);
        assert_eq!(standing(&list, "TLS_AES_256_GCM_SHA384"), Standing::Outside);
        assert_eq!(list.tls13(), None);
    }

    #[test]
    fn what_is_not_named_in_tls12_is_outside() {
        let list = list(&SIX, Tls13Suites::Permit);
        for name in SIX {
            assert_eq!(standing(&list, name), Standing::Named);
        }
        for name in ["ECDHE-RSA-AES256-GCM-SHA384", "AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "0x0A0A", "0xFEFE"] {
            assert_eq!(standing(&list, name), Standing::Outside, "{name}");
        }
    }
}
