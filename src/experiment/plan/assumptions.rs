//! All that a plan takes for granted, each in a sentence with a code.

use super::capacities::{INTERPOLATED, NEAREST};
use super::{Ask, Source, remark};
use crate::record::capacity::CapacityDocument;
use crate::record::plan::{PlanRow, Use};
use crate::record::run::Remark;
use crate::units;

pub(super) fn of(sources: &[(String, Source)], ask: &Ask, rows: &[PlanRow]) -> Vec<Remark> {
    let mut all = vec![
        remark(
            "same_servers",
            "every server is like the one that was measured (processor, software, settings, certificate), has its machine to itself \
             as that had, and gets its even share of the load",
        ),
        remark("lower_end", "of every capacity the lower end of its interval is taken"),
        remark(
            "headroom",
            &format!(
                "the demand takes {} at most of each server that is needed",
                units::share(1.0 - ask.headroom.as_fraction())
            ),
        ),
    ];
    if ask.spare > 0 {
        let text = match ask.spare {
            1 => "that still holds when one of the number with spare is lost".to_owned(),
            n => format!("that still holds when {n} of the number with spare are lost"),
        };
        all.push(remark("spare", &text));
    }
    let uses = || rows.iter().filter_map(|row| row.answer.as_ref()).flat_map(|answer| &answer.uses);
    all.extend(of_sources(sources));
    all.extend(of_work(ask, rows));
    if uses().any(|part| part.lower_bound.is_some()) {
        all.push(remark(
            "lower_bound",
            "a capacity whose limit was not the server's own (≤ before the number of servers) is a lower bound: there may be fewer servers, \
             not more",
        ));
    }
    if ask.sessions.is_some() {
        all.push(remark(
            "storm",
            "after a restart every session comes back by a full handshake, on the servers that are needed without those to spare; clients \
             come no faster than they are served, none gives up, and no handshake is made twice",
        ));
    }
    all
}

fn of_sources(sources: &[(String, Source)]) -> Vec<Remark> {
    let mut all: Vec<Remark> = different_servers(sources).into_iter().collect();
    for (path, source) in sources {
        match source {
            Source::Capacity(document) => {
                let slo: Vec<&str> = document.slo.iter().map(|objective| objective.text.as_str()).collect();
                all.push(remark("objectives", &format!("the capacity of {path} is within {}", slo.join(" and "))));
            }
            Source::Suites(_) => all.push(remark(
                "full_load",
                &format!(
                    "the rates of {path} are those at full load, where no objective of latency was asked for: what headroom such an \
                     objective needs, only `shakedown capacity` finds"
                ),
            )),
        }
    }
    all
}

/// That the searches, which make one row together, were of different endpoints, from different machines or with other TLS: what a document can tell.
fn different_servers(sources: &[(String, Source)]) -> Option<Remark> {
    let searched = || {
        sources.iter().filter_map(|(_, source)| match source {
            Source::Capacity(document) => Some(document.as_ref()),
            Source::Suites(_) => None,
        })
    };
    let first = searched().next()?;
    let differs = |of: &dyn Fn(&CapacityDocument) -> String| searched().any(|other| of(other) != of(first));
    let server = |document: &CapacityDocument| document.target.url.split('/').take(3).collect::<Vec<_>>().join("/");
    let tls = |document: &CapacityDocument| {
        let plan = &document.plan;
        format!("{:?} {:?} {:?}", plan.tls_versions, plan.suites, plan.groups)
    };
    let cpu = |document: &CapacityDocument| document.host.cpu.model.clone().unwrap_or_default();
    let named: [(&str, bool); 3] = [
        ("endpoints", differs(&server)),
        ("machines that made the load", differs(&cpu)),
        ("versions, suites or groups of TLS", differs(&tls)),
    ];
    let what: Vec<&str> = named.into_iter().filter(|(_, differs)| *differs).map(|(what, _)| what).collect();
    (!what.is_empty()).then(|| {
        remark(
            "different_searches",
            &format!(
                "the searches are of one kind of server all the same, though they differ in their {}",
                what.join(", in their ")
            ),
        )
    })
}

/// What is taken for granted of the work that is demanded.
fn of_work(ask: &Ask, rows: &[PlanRow]) -> Vec<Remark> {
    let mut all = Vec::new();
    let (sessions, requests) = (ask.demand.sessions(), ask.demand.requests());
    let answers = || rows.iter().filter_map(|row| row.answer.as_ref());
    if answers().any(|answer| answer.uses.len() > 1) {
        all.push(remark(
            "additive",
            "one resource, the processor, does all the work, and an operation costs beside others what it costs alone: the shares of a server that \
             they take add up (utilisation law)",
        ));
    }
    match (sessions, requests) {
        (None, Some(_)) => {
            all.push(remark("kept", "requests go over connections that are kept: no handshake is counted"));
        }
        (Some(_), None) => all.push(remark("handshakes_only", "sessions are handshakes only: no request is counted")),
        _ => {}
    }
    let uses = || answers().flat_map(|answer| &answer.uses);
    let is_handshake = |part: &Use| part.operation.ends_with("handshake");
    let searched = rows.iter().find(|row| row.suite.is_none()).and_then(|row| row.answer.as_ref());
    let by_search = searched.is_some_and(|answer| !answer.uses.iter().all(is_handshake));
    match requests.map(|requests| requests.size) {
        Some(Some(size)) if by_search => all.push(remark(
            "answers",
            &format!(
                "an answer of {size} costs what the answer costs for which the capacity was searched: its document does not know their size"
            ),
        )),
        Some(None) => all.push(remark("requests_alike", "each request costs what the one costs that was measured")),
        _ => {}
    }
    let sized = |how: &str| uses().any(|part| part.sized.as_deref() == Some(how));
    if sized(INTERPOLATED) {
        all.push(remark("sizes", "between two measured sizes of objects the time for one grows in a straight line"));
    }
    if sized(NEAREST) {
        all.push(remark(
            "nearest_size",
            "an object smaller than any that was measured takes no longer than the smallest, a larger one no longer for each byte than the largest",
        ));
    }
    all
}
