//! The figures of a comparison of suites that can be set beside those of another.

use super::{Condition, Measured};
use crate::record::compare::{self, Compared, Subject};
use crate::record::suites::{ArmRecord, Figure, SuitesDocument, TrustVerdict};

pub(super) fn compared((path, document): &(String, SuitesDocument)) -> Compared {
    let mut compared = Compared {
        warnings: document.warnings.clone(),
        ..Compared::new(path, &document.started_at, &document.tool, &document.host)
            .of_endpoint(&document.target.url, document.plan.insecure)
    };
    let trust = &document.trustworthy;
    if trust.verdict != TrustVerdict::Trusted {
        compared = compared.doubted(trust.verdict.name(), &trust.text);
    }
    if document.interrupted {
        compared = compared.doubted("interrupted", "ended early");
    }
    compared
}

/// What an arm is, but for its document.
pub(super) fn subject(arm: &ArmRecord) -> Subject {
    Subject {
        workload: Some(arm.workload.clone()),
        suite: Some(arm.suite),
        certificate: Some(arm.certificate),
        direction: arm.direction.map(|direction| direction.name().to_owned()),
        object_bytes: arm.object_bytes,
        ..Subject::default()
    }
}

/// The arms that say something of a suite: not those that are the baseline again.
pub(super) fn arms(document: &SuitesDocument) -> impl Iterator<Item = &ArmRecord> {
    document.arms.iter().filter(|arm| !arm.control)
}

/// Each measure, over all workloads, is a family of its own.
pub(super) fn measured(document: &SuitesDocument) -> Vec<Measured> {
    arms(document).flat_map(of_arm).collect()
}

fn of_arm(arm: &ArmRecord) -> Vec<Measured> {
    let (subject, estimate) = (subject(arm), &arm.estimate);
    let measured = |measure: &'static str, family, found: Option<Figure>| {
        found.map(|found| Measured::new(&subject, measure, figure(found), family))
    };
    let rate = match arm.object_bytes {
        Some(_) => measured("bytes_per_s", "rate", estimate.bytes_per_s),
        None => measured("rate_per_s", "rate", estimate.rate_per_s),
    };
    let rate = rate.map(|rate| Measured {
        higher_is_better: true,
        leading: true,
        figure: compare::Figure { at_least: arm.limited_by.is_some(), ..rate.figure },
        condition: Condition::Limit(arm.rate_of.clone()),
        rate_of: Some(arm.rate_of.clone()),
        versus_baseline: Some(arm.versus_baseline.clone()),
        ..rate
    });
    let at = Condition::Rate(estimate.common_rate_per_s);
    let response = |measure, family, found| {
        measured(measure, family, found).map(|response| Measured { condition: at.clone(), ..response })
    };
    let all = [
        rate,
        response("response_p50_ns", "response_p50", estimate.response_p50_ns),
        response("response_p99_ns", "response_p99", estimate.response_p99_ns),
        measured("client_cpu_ns", "client_cpu", estimate.client_cpu_ns),
        measured("server_cpu_ns", "server_cpu", estimate.server_cpu_ns),
    ];
    all.into_iter().flatten().collect()
}

fn figure(found: Figure) -> compare::Figure {
    compare::Figure { value: found.value, low: found.low, high: found.high, at_least: false }
}
