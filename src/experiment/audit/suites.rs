//! The rules about versions and suites, held against what an endpoint answered.

use std::collections::{BTreeMap, BTreeSet};

use super::remedy;
use super::words::{list, place, trouble};
use crate::model::policy::{Level, Policy, Standing, Tls13Suites};
use crate::model::registry::SuiteCode;
use crate::model::survey::{Answer, Confirmed, OpenQuestion, Place, Version};
use crate::record::audit::{Finding, FindingOutcome};
use crate::tls::failure::alert_name;

/// Why a suite that was not offered can be none of the policy's.
const MOST_NAMED: usize = 12;

/// The findings about versions and suites, in the order of the rules. `host` is the name under which clients will come.
pub(super) fn findings(policy: &Policy, places: &[Place], host: Option<&str>) -> Vec<Finding> {
    let mut findings = vec![lowest(policy, places), one_of(policy, places, host), none_outside(policy, places)];
    findings.extend(not_named(policy, places));
    findings
}

/// That no version below the lowest is accepted.
fn lowest(policy: &Policy, places: &[Place]) -> Finding {
    let lowest = policy.lowest.demand;
    let mut accepted: BTreeMap<Version, BTreeSet<String>> = BTreeMap::new();
    let mut open = BTreeSet::new();
    let mut served = BTreeSet::new();
    for at in places {
        for (version, answer) in &at.versions {
            match answer {
                Answer::Accepted(()) if *version < lowest => {
                    accepted.entry(*version).or_default().insert(place(at));
                }
                Answer::Accepted(()) => {
                    served.insert(version.name());
                }
                Answer::Inconclusive(why) if *version < lowest => {
                    open.insert(format!("{version} at {}: {}", place(at), trouble(why)));
                }
                Answer::NotAsked(why) if *version < lowest => {
                    open.insert(format!("{version} at {}: not asked ({why})", place(at)));
                }
                _ => {}
            }
        }
        for version in Version::ALL.into_iter().filter(|version| *version < lowest) {
            if !at.versions.iter().any(|(asked, _)| *asked == version) {
                open.insert(format!("{version} at {}: not asked", place(at)));
            }
        }
    }
    let (outcome, observed) = if !accepted.is_empty() {
        let each = accepted.iter().map(|(version, places)| format!("{version} at {}", list(places.iter(), MOST_NAMED)));
        (FindingOutcome::Fail, format!("accepted: {}", each.collect::<Vec<_>>().join("; ")))
    } else if !open.is_empty() {
        (FindingOutcome::Inconclusive, format!("it cannot be told: {}", list(open.iter(), MOST_NAMED)))
    } else if served.is_empty() {
        (FindingOutcome::Fail, format!("no version from {lowest} on is accepted"))
    } else {
        (FindingOutcome::Pass, format!("accepted: {}; all older ones refused", list(served.iter(), MOST_NAMED)))
    };
    let remedies = if accepted.is_empty() { Vec::new() } else { remedy::versions(lowest) };
    Finding {
        rule: "versions.lowest".to_owned(),
        level: policy.lowest.level,
        outcome,
        expected: format!("{lowest} or higher, and no older version"),
        observed,
        quote: policy.lowest.quote.clone(),
        remedies,
    }
}

/// That at least one of the policy's suites is accepted, wherever clients come.
fn one_of(policy: &Policy, places: &[Place], host: Option<&str>) -> Finding {
    let mut seen = BTreeSet::new();
    let mut without = BTreeSet::new();
    let mut unsure = BTreeSet::new();
    for at in places.iter().filter(|at| at.sni.as_deref() == host) {
        let allowed = |suite: SuiteCode| matches!(policy.standing(suite), Standing::Named | Standing::Mapped);
        let chosen = || {
            at.accepted.iter().filter(|accepted| allowed(accepted.suite) && accepted.version >= policy.lowest.demand)
        };
        // A choice in a hello is not yet a handshake: it is with a group that no usual client may have, or is never finished.
        let usable: Vec<_> =
            chosen().filter(|accepted| accepted.confirmed == Confirmed::Yes).map(|accepted| accepted.suite).collect();
        if !usable.is_empty() {
            seen.extend(usable);
        } else if let Some(chosen) = chosen().next() {
            let why = match &chosen.confirmed {
                Confirmed::Yes => continue,
                Confirmed::Failed(why) => format!("but its handshake fails ({why})"),
                Confirmed::Unknown(why) => format!("but its handshake was not completed ({})", trouble(why)),
                Confirmed::NotSpoken => {
                    "but with no group that the handshake could be completed with (X25519, P-256, P-384)".to_owned()
                }
            };
            unsure.insert(format!("{}: {} is chosen, {why}", place(at), chosen.suite));
        } else if at.open.iter().any(|open| open.suites.is_empty() || open.suites.iter().any(|suite| allowed(*suite))) {
            unsure.insert(format!("{}: {}", place(at), reasons(&at.open)));
        } else {
            without.insert(place(at));
        }
    }
    let (outcome, observed) = if !without.is_empty() {
        (FindingOutcome::Fail, format!("none of them at {}", list(without.iter(), MOST_NAMED)))
    } else if !unsure.is_empty() || seen.is_empty() {
        let why = if unsure.is_empty() {
            "nothing was asked under this name".to_owned()
        } else {
            list(unsure.iter(), MOST_NAMED)
        };
        (FindingOutcome::Inconclusive, format!("it cannot be told: {why}"))
    } else {
        // Named ones in the source's order; those that are mapped come after.
        let named = policy.one_of.demand.allowed().iter().copied().filter(|suite| seen.contains(suite));
        let mapped = seen.iter().copied().filter(|suite| policy.standing(*suite) == Standing::Mapped);
        (FindingOutcome::Pass, format!("accepted: {}", suite_list(named.chain(mapped))))
    };
    let names = suite_list(policy.one_of.demand.allowed().iter().copied());
    Finding {
        rule: "suites.one_of".to_owned(),
        level: policy.one_of.level,
        outcome,
        expected: format!("at least one of {names}"),
        observed,
        quote: policy.one_of.quote.clone(),
        remedies: if outcome == FindingOutcome::Fail { remedy::suites(policy) } else { Vec::new() },
    }
}

/// That no suite outside the list is accepted, anywhere and in any version.
fn none_outside(policy: &Policy, places: &[Place]) -> Finding {
    let mut outside: BTreeMap<(Version, SuiteCode), BTreeSet<String>> = BTreeMap::new();
    let mut open = BTreeSet::new();
    let mut inside = BTreeSet::new();
    for at in places {
        for accepted in &at.accepted {
            if policy.standing(accepted.suite) == Standing::Outside {
                let kind = accepted.certificate.map_or(String::new(), |kind| format!(", {kind} certificate"));
                outside.entry((accepted.version, accepted.suite)).or_default().insert(format!("{}{kind}", place(at)));
            } else {
                inside.insert(accepted.suite);
            }
        }
        let matters = |open: &&OpenQuestion| {
            open.suites.is_empty() || open.suites.iter().any(|s| policy.standing(*s) == Standing::Outside)
        };
        let left: Vec<_> = at.open.iter().filter(matters).cloned().collect();
        if !left.is_empty() {
            open.insert(format!("{}: {}", place(at), reasons(&left)));
        }
    }
    let (outcome, observed) = if !outside.is_empty() {
        let each = outside.iter().map(|((version, suite), at)| {
            format!("{} in {version} ({})", both_names(*suite), list(at.iter(), MOST_NAMED))
        });
        (FindingOutcome::Fail, format!("accepted: {}", each.collect::<Vec<_>>().join("; ")))
    } else if !open.is_empty() {
        (FindingOutcome::Inconclusive, format!("it cannot be told: {}", list(open.iter(), MOST_NAMED)))
    } else if inside.is_empty() {
        (FindingOutcome::Inconclusive, "no suite at all was accepted".to_owned())
    } else {
        (FindingOutcome::Pass, "every other suite was refused".to_owned())
    };
    let expected = match policy.one_of.demand.tls13() {
        None => "no suite outside the list",
        Some(Tls13Suites::Permit) => "no suite outside the list; those of TLS 1.3 are permitted by their version",
        Some(Tls13Suites::Map) => "no suite outside the list; of TLS 1.3, only those with the same record protection",
        Some(Tls13Suites::Strict) => "no suite outside the list, and none of TLS 1.3",
    };
    Finding {
        rule: "suites.none_outside".to_owned(),
        level: policy.none_outside.level,
        outcome,
        expected: expected.to_owned(),
        observed,
        quote: policy.none_outside.quote.clone(),
        remedies: if outcome == FindingOutcome::Fail { remedy::suites(policy) } else { Vec::new() },
    }
}

/// The suites that are permitted without being named, as information.
fn not_named(policy: &Policy, places: &[Place]) -> Option<Finding> {
    let permitted = |suite: &SuiteCode| policy.standing(*suite) == Standing::PermittedByVersion;
    let seen: BTreeSet<_> =
        places.iter().flat_map(|at| at.accepted.iter().map(|accepted| accepted.suite)).filter(permitted).collect();
    (!seen.is_empty()).then(|| Finding {
        rule: "suites.tls13".to_owned(),
        level: Level::Info,
        outcome: FindingOutcome::Warn,
        expected: "the policy allows the version TLS 1.3 and names none of its suites".to_owned(),
        observed: format!("permitted by version, not named: {}", suite_list(seen.iter().copied())),
        quote: None,
        remedies: Vec::new(),
    })
}

/// OpenSSL's name where it has one, as configurations have it; else IANA's.
fn short(suite: SuiteCode) -> String {
    suite.openssl().map_or_else(|| suite.to_string(), ToOwned::to_owned)
}

/// IANA's name, with OpenSSL's where it is another.
fn both_names(suite: SuiteCode) -> String {
    match (suite.iana(), suite.openssl()) {
        (Some(iana), Some(openssl)) if iana != openssl => format!("{openssl} ({iana})"),
        (Some(iana), _) => iana.to_owned(),
        (None, _) => format!("{suite}, which is not registered,"),
    }
}

fn suite_list(suites: impl Iterator<Item = SuiteCode>) -> String {
    suites.map(short).collect::<Vec<_>>().join(", ")
}

/// Why questions are open, each reason once.
fn reasons(open: &[OpenQuestion]) -> String {
    let each: BTreeSet<_> =
        open.iter().map(|open| format!("{} in {} ({})", open.question, open.version, trouble(&open.trouble))).collect();
    list(each.iter(), MOST_NAMED)
}

/// How a version was answered, as a word and a detail.
pub(super) fn answer_words<T>(answer: &Answer<T>) -> (&'static str, Option<String>) {
    use crate::model::survey::Refusal;
    match answer {
        Answer::Accepted(_) => ("accepted", None),
        Answer::Refused(Refusal::Alert(code)) => ("refused", Some(format!("alert {}", alert_name(*code)))),
        Answer::Refused(Refusal::Close) => ("refused", Some("the connection was closed".to_owned())),
        Answer::Refused(Refusal::OtherVersion(code)) => {
            ("refused", Some(format!("the server chose version 0x{code:04x}")))
        }
        Answer::Inconclusive(why) => ("inconclusive", Some(trouble(why))),
        Answer::NotAsked(why) => ("not_asked", Some((*why).to_owned())),
    }
}
