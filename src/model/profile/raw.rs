//! A profile as its TOML stands, before it is judged.

use serde::Deserialize;
use toml::Spanned;

use super::sections::{RawComparison, RawLoad, RawObjectives};
use crate::model::policy::{Level, Tls13Suites};
use crate::model::scenario::RawScenario;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProfile {
    pub(super) profile: RawHead,
    pub(super) policy: Option<RawPolicy>,
    pub(super) load: Option<RawLoad>,
    pub(super) scenario: Option<Spanned<RawScenario>>,
    pub(super) slo: Option<RawObjectives>,
    pub(super) suites: Option<RawComparison>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHead {
    pub(super) name: Spanned<String>,
    pub(super) description: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPolicy {
    pub(super) version: String,
    pub(super) source: String,
    pub(super) versions: RawVersions,
    pub(super) suites: RawSuites,
    pub(super) name: RawName,
    pub(super) roots: RawRoots,
    pub(super) validity: Plain,
    pub(super) chain: Plain,
    pub(super) revocation: Plain,
    pub(super) key: Option<RawKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plain {
    pub(super) level: Level,
    pub(super) quote: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawVersions {
    pub(super) level: Level,
    pub(super) quote: Option<String>,
    pub(super) lowest: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSuites {
    pub(super) allowed: Spanned<Vec<Spanned<String>>>,
    pub(super) tls13: Option<Spanned<Tls13Suites>>,
    pub(super) one_of: Plain,
    pub(super) none_outside: Plain,
}

impl RawSuites {
    /// The stronger of the two rules about suites.
    pub(super) fn suites_level(&self) -> Level {
        self.one_of.level.max(self.none_outside.level)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawName {
    pub(super) san: Plain,
    pub(super) cn: Option<Plain>,
}

/// The one programme whose roots are bundled.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Programme {
    Mozilla,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Agreed {
    Allowed,
    Refused,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoots {
    pub(super) level: Level,
    pub(super) quote: Option<String>,
    /// It has one value so far; a profile says it all the same, so that it reads complete.
    #[serde(rename = "recommended")]
    pub(super) _recommended: Programme,
    pub(super) agreed: Agreed,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKey {
    pub(super) level: Level,
    pub(super) quote: Option<String>,
    pub(super) rsa_bits: Option<u32>,
    pub(super) curve_bits: u32,
}
