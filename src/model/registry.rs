//! The registered cipher suites, and codes that nobody registered: what a server may be asked for beyond the nine that we speak.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::suite::{KeyType, Suite, nearest};

/// The IANA registry "TLS Cipher Suites", a line for each: code in hex, IANA name, OpenSSL's name where it has one.
const REGISTERED: &str = include_str!("registry/suites.tsv");

/// Values that are offered but can never be chosen: they signal (RFC 5746, RFC 7507).
const SIGNALS: [u16; 2] = [0x00ff, 0x5600];

/// A line of the registry.
struct Entry {
    code: u16,
    iana: &'static str,
    openssl: Option<&'static str>,
}

/// The registry, in the order of the codes.
static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let entry = |line: &'static str| {
        let mut fields = line.split('\t');
        let code = fields.next().and_then(|code| u16::from_str_radix(code, 16).ok());
        let (code, iana) =
            code.zip(fields.next()).expect("the registry's lines have a code and a name; a test reads them all");
        Entry { code, iana, openssl: fields.next().filter(|name| !name.is_empty()) }
    };
    REGISTERED.lines().map(entry).collect()
});

/// A cipher suite by its code, registered or not. In documents: its IANA name, or `0xABCD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SuiteCode(pub u16);

impl SuiteCode {
    /// Every registered suite that a server can choose: signalling values are left out.
    pub fn registered() -> impl Iterator<Item = Self> {
        ENTRIES.iter().map(|entry| entry.code).filter(|code| !SIGNALS.contains(code)).map(Self)
    }

    fn entry(self) -> Option<&'static Entry> {
        ENTRIES.binary_search_by_key(&self.0, |entry| entry.code).ok().map(|at| &ENTRIES[at])
    }

    /// The name in the IANA registry; `None` for a code that is not registered.
    pub fn iana(self) -> Option<&'static str> {
        self.entry().map(|entry| entry.iana)
    }

    /// OpenSSL's name, where it has one.
    pub fn openssl(self) -> Option<&'static str> {
        self.entry().and_then(|entry| entry.openssl)
    }

    /// Whether the suite exists in TLS 1.3 only: its name says neither how keys are exchanged nor who signs.
    pub fn tls13_only(self) -> bool {
        self.iana().is_some_and(|name| !name.contains("_WITH_")) && !SIGNALS.contains(&self.0)
    }

    /// The suite, where it is one of the nine that the engine speaks.
    pub fn spoken(self) -> Option<Suite> {
        Suite::from_code(self.0)
    }

    /// The kind of certificate that the suite demands in TLS 1.2 and before; `None` where it demands none of the two kinds (DSS,
    /// anonymous, PSK), and in TLS 1.3.
    pub fn key_type(self) -> Option<KeyType> {
        let (exchange, _) = self.iana()?.split_once("_WITH_")?;
        if exchange.contains("_anon") {
            None
        } else if exchange.contains("_ECDSA") {
            Some(KeyType::Ecdsa)
        } else if exchange.contains("_RSA") {
            Some(KeyType::Rsa)
        } else {
            None
        }
    }
}

impl From<Suite> for SuiteCode {
    fn from(suite: Suite) -> Self {
        Self(suite.code())
    }
}

impl fmt::Display for SuiteCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.iana() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:04X}", self.0),
        }
    }
}

/// A name that no registered suite has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{name}' is not a registered cipher suite, by IANA's name or OpenSSL's; nearest: {nearest}")]
pub struct UnregisteredSuite {
    name: String,
    nearest: String,
}

impl FromStr for SuiteCode {
    type Err = UnregisteredSuite;

    /// Reads IANA's name, OpenSSL's, or a code such as `0xC02F`.
    fn from_str(text: &str) -> Result<Self, UnregisteredSuite> {
        let text = text.trim();
        if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).filter(|hex| hex.len() == 4)
            && let Ok(code) = u16::from_str_radix(hex, 16)
        {
            return Ok(Self(code));
        }
        let selectable = || ENTRIES.iter().filter(|entry| !SIGNALS.contains(&entry.code));
        let same = |name: &str| name.eq_ignore_ascii_case(text);
        if let Some(entry) = selectable().find(|entry| same(entry.iana) || entry.openssl.is_some_and(same)) {
            return Ok(Self(entry.code));
        }
        let known = selectable().flat_map(|entry| [Some(entry.iana), entry.openssl]).flatten();
        Err(UnregisteredSuite { name: text.to_owned(), nearest: nearest(&text.to_ascii_uppercase(), known) })
    }
}

impl JsonSchema for SuiteCode {
    fn schema_name() -> Cow<'static, str> {
        "SuiteCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "A cipher suite: IANA's name, or its code as 0x1A2B where that has none."})
    }
}

impl Serialize for SuiteCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SuiteCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_sorted_and_agrees_with_the_nine() {
        assert!(ENTRIES.windows(2).all(|pair| pair[0].code < pair[1].code));
        for suite in Suite::all() {
            let code = SuiteCode::from(suite);
            assert_eq!(code.iana(), Some(suite.iana()));
            assert_eq!(code.openssl(), Some(suite.openssl()));
            assert_eq!(code.spoken(), Some(suite));
            assert_eq!(code.key_type(), suite.key_type());
            assert_eq!(code.tls13_only(), suite.key_type().is_none());
        }
        assert!(SuiteCode::registered().count() > 350);
        assert!(!SuiteCode::registered().any(|suite| SIGNALS.contains(&suite.0)));
    }

    #[test]
    fn names_and_codes_are_read_and_written() {
        for suite in SuiteCode::registered() {
            assert_eq!(suite.to_string().parse(), Ok(suite));
            if let Some(name) = suite.openssl() {
                assert_eq!(name.to_lowercase().parse(), Ok(suite));
            }
        }
        assert_eq!("0x0a0A".parse(), Ok(SuiteCode(0x0a0a)));
        assert_eq!(SuiteCode(0x0a0a).to_string(), "0x0A0A");
        assert_eq!("ECDHE-RSA-AES256-GCM-SHA384".parse(), Ok(SuiteCode(0xc030)));
        let error = "ECDHE-RSA-AES512-GCM-SHA384".parse::<SuiteCode>().unwrap_err().to_string();
        assert!(error.contains("ECDHE-RSA-AES256-GCM-SHA384"), "{error}");
        assert!("TLS_FALLBACK_SCSV".parse::<SuiteCode>().is_err());
    }

    #[test]
    fn the_key_that_a_suite_demands_is_read_from_its_name() {
        let key = |name: &str| name.parse::<SuiteCode>().unwrap().key_type();
        assert_eq!(key("AES128-SHA"), Some(KeyType::Rsa));
        assert_eq!(key("DHE-RSA-AES128-SHA"), Some(KeyType::Rsa));
        assert_eq!(key("TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA"), Some(KeyType::Ecdsa));
        assert_eq!(key("TLS_DH_anon_WITH_AES_128_CBC_SHA"), None);
        assert_eq!(key("TLS_PSK_WITH_AES_128_CBC_SHA"), None);
        assert_eq!(key("TLS_DHE_DSS_WITH_AES_128_CBC_SHA"), None);
        assert_eq!(key("TLS_AES_128_GCM_SHA256"), None);
    }
}
