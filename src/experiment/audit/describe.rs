//! From observations to the plain data of an audit's document.

use super::suites::answer_words;
use super::words::trouble;
use crate::model::audit::AuditPlan;
use crate::model::policy::Policy;
use crate::model::survey::{Answer, Confirmed, Place, Preference};
use crate::probe::group_name;
use crate::record::audit::{AcceptedRecord, AuditPlanRecord, FactRecord, OpenRecord, PolicyRecord, VersionRecord};

pub(super) fn policy(plan: &AuditPlan) -> PolicyRecord {
    let Policy { name, version, source, one_of, .. } = &plan.policy;
    PolicyRecord {
        name: name.clone(),
        version: version.clone(),
        source: source.clone(),
        decided_by: plan.decided_by,
        suites: one_of.demand.allowed().to_vec(),
        tls13: one_of.demand.tls13().map(|mode| mode.name().to_owned()),
    }
}

pub(super) fn plan(plan: &AuditPlan, names: &[Option<String>]) -> AuditPlanRecord {
    AuditPlanRecord {
        max_connections_per_second: plan.limits.connections_per_second,
        budget_s: plan.limits.budget.as_secs_f64(),
        timeout_s: plan.limits.timeout.as_secs_f64(),
        server_names: names.to_vec(),
        trust: if plan.ca.is_some() { "ca" } else { "mozilla" }.to_owned(),
        ca_file: plan.ca.as_ref().map(|path| path.display().to_string()),
        crl_files: plan.crls.iter().map(|path| path.display().to_string()).collect(),
        fetch_crls: plan.fetch_crls,
    }
}

pub(super) fn accepted(policy: &Policy, places: &[Place]) -> Vec<AcceptedRecord> {
    let mut rows = Vec::new();
    for at in places {
        for accepted in &at.accepted {
            let (confirmed, detail) = match &accepted.confirmed {
                Confirmed::Yes => (Some(true), None),
                Confirmed::NotSpoken => (None, None),
                Confirmed::Failed(why) => (Some(false), Some(why.clone())),
                Confirmed::Unknown(why) => (None, Some(trouble(why))),
            };
            rows.push(AcceptedRecord {
                version: accepted.version,
                suite: accepted.suite,
                openssl: accepted.suite.openssl().map(str::to_owned),
                certificate: accepted.certificate,
                address: at.address.to_string(),
                server_name: at.sni.clone(),
                standing: policy.standing(accepted.suite),
                confirmed,
                detail,
            });
        }
    }
    rows
}

pub(super) fn versions(places: &[Place]) -> Vec<VersionRecord> {
    let mut rows = Vec::new();
    for at in places {
        for (version, answer) in &at.versions {
            let (outcome, detail) = answer_words(answer);
            rows.push(VersionRecord {
                version: *version,
                address: at.address.to_string(),
                server_name: at.sni.clone(),
                outcome: outcome.to_owned(),
                detail,
            });
        }
    }
    rows
}

pub(super) fn open(places: &[Place]) -> Vec<OpenRecord> {
    let mut rows = Vec::new();
    for at in places {
        for open in &at.open {
            rows.push(OpenRecord {
                version: open.version,
                address: at.address.to_string(),
                server_name: at.sni.clone(),
                question: open.question.clone(),
                why: trouble(&open.trouble),
                suites: open.suites.clone(),
            });
        }
    }
    rows
}

/// Preference, groups and extensions.
pub(super) fn facts(places: &[Place]) -> Vec<FactRecord> {
    let mut rows = Vec::new();
    for at in places {
        let mut add = |name: String, outcome: &str, value: String| {
            rows.push(FactRecord {
                address: at.address.to_string(),
                server_name: at.sni.clone(),
                name,
                outcome: outcome.to_owned(),
                value,
            });
        };
        for (version, answer) in &at.preference {
            let (outcome, detail) = answer_words(answer);
            let value = match answer {
                Answer::Accepted(Preference::Server) => "the server's order decides".to_owned(),
                Answer::Accepted(Preference::Client) => "the client's order decides".to_owned(),
                _ => detail.unwrap_or_default(),
            };
            add(format!("preference {version}"), outcome, value);
        }
        for (name, wanted) in [("groups accepted", "accepted"), ("groups inconclusive", "inconclusive")] {
            let of = at.groups.iter().filter(|(_, answer)| answer_words(answer).0 == wanted);
            let names: Vec<_> = of.map(|(code, _)| group(*code)).collect();
            if !names.is_empty() {
                add(name.to_owned(), wanted, names.join(", "));
            }
        }
        for seen in &at.traits {
            let (outcome, detail) = answer_words(&seen.answer);
            let value = match &seen.answer {
                Answer::Accepted(words) => words.clone(),
                _ => detail.unwrap_or_default(),
            };
            add(seen.name.to_owned(), outcome, value);
        }
    }
    rows
}

fn group(code: u16) -> String {
    group_name(code).map_or_else(|| format!("0x{code:04X}"), str::to_owned)
}
