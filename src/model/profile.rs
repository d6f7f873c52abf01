//! Profiles: TOML files with a policy, those that are bundled and a user's own. What is wrong in one is told with line and column.

mod raw;
mod sections;

use super::load::LoadChoice;
use super::policy::{KeyDemand, Level, Policy, RootsDemand, Rule, SuiteList};
use super::registry::SuiteCode;
use super::scenario::{RawScenario, Scenario};
use super::slo::Slo;
use super::survey::Version;
use super::toml_error::{self, Fault, TomlError};
use toml::Spanned;

use raw::{Agreed, Plain, RawPolicy, RawProfile};
pub use sections::SuitesDefaults;

/// The bundled profiles by name, in the order in which they are listed.
const BUNDLED: [(&str, &str); 4] = [
    ("push-provisioning", include_str!("../../profiles/push-provisioning.toml")),
    ("mozilla-intermediate", include_str!("../../profiles/mozilla-intermediate.toml")),
    ("mozilla-modern", include_str!("../../profiles/mozilla-modern.toml")),
    ("template", include_str!("../../profiles/template.toml")),
];

/// A profile, parsed completely.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What it is for, in a line.
    pub description: String,
    /// What an endpoint must and should do.
    pub policy: Option<Policy>,
    /// The load, where the command line says nothing.
    pub load: LoadChoice,
    /// The objectives of a search for capacity, where the command line has none.
    pub slo: Vec<Slo>,
    /// The comparison of suites, where the command line says nothing.
    pub suites: SuitesDefaults,
}

/// The names of the bundled profiles.
pub fn bundled() -> impl Iterator<Item = &'static str> {
    BUNDLED.iter().map(|(name, _)| *name)
}

/// The text of a bundled profile.
pub fn bundled_text(name: &str) -> Option<&'static str> {
    BUNDLED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

impl Profile {
    /// Parses the text of a profile that is known as `file`.
    ///
    /// # Errors
    /// [`TomlError`], for what is not TOML, an unknown key or suite, a missing key, or a contradiction.
    pub fn parse(file: &str, text: &str) -> Result<Self, TomlError> {
        let fault = |fault: Fault| fault.locate(file, text);
        let raw: RawProfile = toml_error::read(file, text)?;
        let name = raw.profile.name;
        if name.get_ref().is_empty() || !name.get_ref().chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        {
            let message = format!("'{}' is not a name of letters, digits, '-', '_' and '.'", name.get_ref());
            return Err(fault(Fault::at(&name, message)));
        }
        let name = name.into_inner();
        let policy = raw.policy.map(|policy| policy_of(&name, policy)).transpose().map_err(fault)?;
        let mut load = raw.load.unwrap_or_default().read().map_err(fault)?;
        load.scenario = raw.scenario.map(|scenario| scenario_of(scenario, &load)).transpose().map_err(fault)?;
        let slo = raw.slo.unwrap_or_default().read().map_err(fault)?;
        let suites = raw.suites.unwrap_or_default().read().map_err(fault)?;
        Ok(Self { name, description: raw.profile.description, policy, load, slo, suites })
    }
}

/// A scenario says how much arrives and for how long, so that the load beside it must not.
fn scenario_of(raw: Spanned<RawScenario>, load: &LoadChoice) -> Result<Scenario, Fault> {
    let said = [
        ("rate", load.rate.is_some()),
        ("duration", load.duration.is_some()),
        ("requests", load.max_requests.is_some()),
    ];
    if let Some((key, _)) = said.iter().find(|(_, said)| *said) {
        let message = format!("[scenario] contradicts '{key}' of [load]: both say how much arrives; leave one out");
        return Err(Fault::at(&raw, message));
    }
    raw.into_inner().parse()
}

fn policy_of(name: &str, raw: RawPolicy) -> Result<Policy, Fault> {
    let lowest = version(&raw.versions.lowest)?;
    let list = suites(&raw.suites, lowest)?;
    let roots = raw.roots;
    Ok(Policy {
        name: name.to_owned(),
        version: raw.version,
        source: raw.source,
        lowest: Rule { level: raw.versions.level, quote: raw.versions.quote, demand: lowest },
        one_of: Rule { level: raw.suites.one_of.level, quote: raw.suites.one_of.quote, demand: list },
        none_outside: plain(raw.suites.none_outside),
        name_by_san: plain(raw.name.san),
        name_by_cn: raw.name.cn.map(plain),
        roots: Rule {
            level: roots.level,
            quote: roots.quote,
            demand: RootsDemand { agreed_allowed: roots.agreed == Agreed::Allowed },
        },
        validity: plain(raw.validity),
        chain: plain(raw.chain),
        revocation: plain(raw.revocation),
        key: raw.key.map(|key| Rule {
            level: key.level,
            quote: key.quote,
            demand: KeyDemand { rsa_bits: key.rsa_bits, curve_bits: key.curve_bits },
        }),
    })
}

fn plain(rule: Plain) -> Rule {
    Rule { level: rule.level, quote: rule.quote, demand: () }
}

fn version(text: &Spanned<String>) -> Result<Version, Fault> {
    Version::ALL.into_iter().find(|version| version.name() == text.get_ref()).ok_or_else(|| {
        let known = Version::ALL.map(Version::name).join(", ");
        Fault::at(text, format!("'{}' is not a version; these are: {known}", text.get_ref()))
    })
}

/// The list of suites, and the contradictions that it can be part of.
fn suites(raw: &raw::RawSuites, lowest: Version) -> Result<SuiteList, Fault> {
    if raw.allowed.get_ref().is_empty() {
        return Err(Fault::at(&raw.allowed, "allowed is empty: name at least one suite"));
    }
    let mut allowed: Vec<SuiteCode> = Vec::new();
    for name in raw.allowed.get_ref() {
        let suite: SuiteCode = name.get_ref().parse().map_err(|error| Fault::at(name, error))?;
        if allowed.contains(&suite) {
            return Err(Fault::at(name, format!("'{}' is named twice", name.get_ref())));
        }
        allowed.push(suite);
    }
    let none_of_13 = !allowed.iter().any(|suite| suite.tls13_only());
    if lowest == Version::Tls13 && none_of_13 {
        let message = "no suite of TLS 1.3 is named, but TLS 1.3 is the lowest version: nothing could be accepted";
        return Err(Fault::at(&raw.allowed, message));
    }
    if let Some(mode) = raw.tls13.as_ref().filter(|_| !none_of_13) {
        let message = "tls13 says how suites of TLS 1.3 count where the list names none, but it names some: leave one of them out";
        return Err(Fault::at(mode, message));
    }
    if lowest == Version::Tls13
        && let Some(name) =
            raw.allowed.get_ref().iter().zip(&allowed).find(|(_, suite)| !suite.tls13_only()).map(|(name, _)| name)
    {
        let message = format!("'{}' cannot be used in TLS 1.3, which is the lowest version", name.get_ref());
        return Err(Fault::at(name, message));
    }
    let strongest = raw.suites_level();
    if strongest == Level::Info {
        return Err(Fault::at(
            &raw.allowed,
            "both one_of and none_outside are of level info: no suite would ever decide",
        ));
    }
    Ok(SuiteList::new(allowed, raw.tls13.as_ref().map(|mode| *mode.get_ref()).unwrap_or_default()))
}

#[cfg(test)]
mod tests;
