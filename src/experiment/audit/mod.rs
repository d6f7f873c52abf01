//! An endpoint held against a policy: every address is asked under every name, the answers are held against the rules, and each
//! finding says what was seen and what to change.

mod certificates;
mod describe;
pub mod label;
mod remedy;
mod revocation;
mod suites;
#[cfg(test)]
mod tests;
mod words;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use time::OffsetDateTime;

use super::run;
use crate::certs::Crl;
use crate::host;
use crate::model::audit::AuditPlan;
use crate::model::policy::Level;
use crate::model::survey::{Answer, Depth, Place, Trouble};
use crate::model::target::Host;
use crate::probe::{Limits, Prober, fetch};
use crate::record::audit::{AuditDocument, AuditOutcome, Finding, FindingOutcome, SCHEMA};
use crate::record::run::{Remark, TargetRecord};

use certificates::{Evidence, EvidenceError};

/// Names of certificates that are asked for, at most: an endpoint of a large host has hundreds.
const MOST_NAMES: usize = 16;

/// The longest name that DNS knows, in its written form.
const LONGEST_NAME: usize = 253;

/// Names that a warning spells out.
const MOST_LISTED: usize = 8;

/// Revocation lists that are fetched, at most.
const MOST_LISTS: usize = 16;

/// Connections in all, at most: an endpoint that always has one more suite must not keep the audit for ever.
const MOST_CONNECTIONS: u64 = 50_000;

/// How long a server that throttles is waited for, in waits for an answer.
const BACK_OFF: u32 = 6;

/// What an audit needs beyond its plan.
pub struct Surroundings<'a> {
    /// Every address of the endpoint.
    pub addresses: &'a [SocketAddr],
    /// Whether the user wants an early end.
    pub stopped: &'a dyn Fn() -> bool,
}

/// How far an audit is.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where it asks.
    pub doing: String,
    /// Places that are done.
    pub done: usize,
    /// Places that are known so far; certificates may add to them.
    pub total: usize,
    /// The connections made.
    pub connections: u64,
}

/// Why there is nothing to judge.
#[derive(Debug, thiserror::Error)]
pub enum CannotAudit {
    /// A file of certificates or revocation lists.
    #[error("{0}")]
    Evidence(#[from] EvidenceError),
    /// Not one connection could be opened.
    #[error("no connection could be opened ({0}); is the endpoint running, and the address right?")]
    Unreachable(String),
}

/// Asks the endpoint and judges its answers.
///
/// # Errors
/// [`CannotAudit`] when there is nothing to judge.
pub fn run(
    plan: &AuditPlan,
    around: &Surroundings<'_>,
    observe: &mut dyn FnMut(&Step),
) -> Result<AuditDocument, CannotAudit> {
    let started_at = OffsetDateTime::now_utc();
    let began = Instant::now();
    let mut evidence = Evidence::load(plan)?;
    let Asked { places, names, connections } = ask(plan, around, &evidence, started_at, observe);
    if let Some(why) = unreachable(&places) {
        return Err(CannotAudit::Unreachable(why));
    }
    let mut warnings = warnings(plan, &names);
    let mut inspected = certificates::inspect_all(plan, &evidence, &places, started_at);
    if plan.fetch_crls {
        warnings.extend(fetch_lists(plan, &mut evidence, &inspected));
        inspected = certificates::inspect_all(plan, &evidence, &places, started_at);
    }
    let mut findings = suites::findings(&plan.policy, &places, plan.host());
    findings.extend(certificates::findings(plan, &places, &inspected));
    let interrupted = (around.stopped)();
    if interrupted {
        let text = "the audit was ended early: what was not asked by then cannot be told";
        warnings.push(remark("interrupted", text.to_owned()));
    }
    let (outcome, verdict) = judge(&findings, plan.decided_by);
    Ok(AuditDocument {
        label: Default::default(),
        schema: SCHEMA.to_owned(),
        tool: run::tool_with("aws-lc"),
        host: host::facts::read(),
        target: TargetRecord {
            url: plan.target.url.text.clone(),
            addresses: around.addresses.iter().map(ToString::to_string).collect(),
            dropped_addresses: Vec::new(),
            server_name: plan.target.server_name.to_string(),
        },
        policy: describe::policy(plan),
        plan: describe::plan(plan, &names.asked),
        started_at: run::stamp(started_at),
        elapsed_s: began.elapsed().as_secs_f64(),
        connections,
        interrupted,
        outcome,
        verdict,
        warnings,
        findings,
        accepted: describe::accepted(&plan.policy, &places),
        versions: describe::versions(&places),
        open: describe::open(&places),
        facts: describe::facts(&places),
        certificates: certificates::records(&inspected, started_at),
    })
}

/// The server names of an audit.
#[derive(Default)]
struct Names {
    /// Those that were sent; `None`: without SNI.
    asked: Vec<Option<String>>,
    /// Those of certificates beyond [`MOST_NAMES`].
    left_out: BTreeSet<String>,
    /// Wildcards in certificates: they stand for names that nobody knows here.
    wildcards: BTreeSet<String>,
}

impl Names {
    /// Those that are asked for whatever the certificates say: the target's own first.
    fn of(plan: &AuditPlan) -> Self {
        let mut names = Self { asked: vec![plan.host().map(str::to_owned)], ..Self::default() };
        for name in [None].into_iter().chain(plan.also_sni.iter().cloned().map(Some)) {
            if !names.asked.contains(&name) {
                names.asked.push(name);
            }
        }
        names
    }

    /// Adds a name that a certificate has.
    fn add(&mut self, name: String) {
        if name.contains('*') {
            self.wildcards.insert(name);
        } else if is_host_name(&name) && !self.asked.iter().flatten().any(|known| *known == name) {
            if self.asked.len() < MOST_NAMES {
                self.asked.push(Some(name));
            } else {
                self.left_out.insert(name);
            }
        }
    }
}

/// Whether SNI can carry `name`: a certificate may have anything.
fn is_host_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME && matches!(name.parse(), Ok(Host::Name(parsed)) if parsed == name)
}

/// What was learnt, under which names, by how many connections.
struct Asked {
    places: Vec<Place>,
    names: Names,
    connections: u64,
}

/// Asks every address under every name: the target's own, none, those that the user gave, and those in the certificates.
fn ask(
    plan: &AuditPlan,
    around: &Surroundings<'_>,
    evidence: &Evidence,
    now: OffsetDateTime,
    observe: &mut dyn FnMut(&Step),
) -> Asked {
    let mut names = Names::of(plan);
    let mut places = Vec::new();
    let limits = Limits {
        per_second: plan.limits.connections_per_second,
        connections: MOST_CONNECTIONS,
        total: plan.limits.budget,
        answer: plan.limits.timeout,
        back_off: plan.limits.timeout * BACK_OFF,
    };
    let step = RefCell::new(Step { doing: String::new(), done: 0, total: 1, connections: 0 });
    let mut prober = Prober::new(limits, around.stopped, |progress| {
        let mut step = step.borrow_mut();
        step.connections = progress.connections;
        observe(&step);
    });
    let mut at = 0;
    while at < names.asked.len() {
        let name = names.asked[at].clone();
        let depth = if at == 0 { plan.depth } else { Depth::Short };
        for address in around.addresses {
            let mut now = step.borrow_mut();
            now.doing = format!("{address} {}", name.as_deref().unwrap_or("without SNI"));
            (now.done, now.total) = (places.len(), names.asked.len() * around.addresses.len());
            drop(now);
            places.push(prober.place(*address, name.as_deref(), depth));
        }
        at += 1;
        if plan.depth == Depth::Full && at == names.asked.len() {
            let seen = certificates::inspect_all(plan, evidence, &places, now);
            seen.iter().flat_map(certificates::Seen::names).for_each(|name| names.add(name));
        }
    }
    let connections = prober.connections();
    drop(prober);
    Asked { places, names, connections }
}

/// Fetches the lists that the certificates name, for those judged; what could not be had is told.
fn fetch_lists(plan: &AuditPlan, evidence: &mut Evidence, inspected: &[certificates::Seen]) -> Vec<Remark> {
    let own = inspected.iter().filter(|seen| seen.is_own());
    let urls: BTreeSet<String> = own.flat_map(certificates::Seen::crl_urls).map(str::to_owned).collect();
    let mut remarks = Vec::new();
    if urls.is_empty() {
        remarks.push(remark("no_crl_urls", "the certificates name no place of a revocation list to fetch".to_owned()));
    }
    for url in urls.iter().take(MOST_LISTS) {
        let list = fetch(url, plan.limits.timeout)
            .and_then(|bytes| Crl::from_bytes(&bytes).map_err(|error| format!("{url}: {error}")));
        match list {
            Ok(lists) => {
                remarks.push(remark("crl_fetched", format!("a revocation list was fetched from {url}")));
                evidence.crls.extend(lists);
            }
            Err(why) => remarks.push(remark("crl_not_fetched", format!("no revocation list could be fetched: {why}"))),
        }
    }
    remarks
}

fn remark(code: &str, text: String) -> Remark {
    Remark { code: code.to_owned(), text }
}

/// Why not one connection came about, if none did.
fn unreachable(places: &[Place]) -> Option<String> {
    let mut why = None;
    for (_, answer) in places.iter().flat_map(|place| &place.versions) {
        match answer {
            Answer::Inconclusive(Trouble::Connect(error)) => why = Some(error.clone()),
            Answer::NotAsked(_) => {}
            _ => return None,
        }
    }
    why
}

/// The end of an audit, and the sentence that goes with it. Rules below `decided_by` decide nothing.
fn judge(findings: &[Finding], decided_by: Level) -> (AuditOutcome, String) {
    let rules = |outcome: FindingOutcome, deciding: bool| -> Vec<&str> {
        let of = |finding: &&Finding| finding.outcome == outcome && (finding.level >= decided_by) == deciding;
        let mut rules: Vec<_> = findings.iter().filter(of).map(|finding| finding.rule.as_str()).collect();
        rules.dedup();
        rules
    };
    let broken = rules(FindingOutcome::Fail, true);
    let untold = rules(FindingOutcome::Inconclusive, true);
    let (outcome, mut parts) = if !broken.is_empty() {
        (AuditOutcome::Fail, vec![format!("the policy is broken: {}", broken.join(", "))])
    } else if !untold.is_empty() {
        (AuditOutcome::Inconclusive, Vec::new())
    } else {
        (AuditOutcome::Pass, vec!["the policy is met".to_owned()])
    };
    let more = [
        ("it cannot be told", untold),
        ("broken, but below the level that decides", rules(FindingOutcome::Fail, false)),
        ("untold, but below the level that decides", rules(FindingOutcome::Inconclusive, false)),
        ("not asked", [rules(FindingOutcome::NotAsked, true), rules(FindingOutcome::NotAsked, false)].concat()),
        ("to be read", rules(FindingOutcome::Warn, true)),
    ];
    parts.extend(
        more.into_iter()
            .filter(|(_, rules)| !rules.is_empty())
            .map(|(what, rules)| format!("{what}: {}", rules.join(", "))),
    );
    (outcome, parts.join("; "))
}

/// What a reader should know of the names and the depth.
fn warnings(plan: &AuditPlan, names: &Names) -> Vec<Remark> {
    let list = |names: &BTreeSet<String>| words::list(names.iter(), MOST_LISTED);
    let mut warnings = Vec::new();
    if !names.left_out.is_empty() {
        let text = format!(
            "the certificates have more names than are asked for; not asked: {}; the servers behind them may accept other suites: name those \
             that matter with --also-sni",
            list(&names.left_out)
        );
        warnings.push(remark("names_left_out", text));
    }
    if !names.wildcards.is_empty() {
        let text = format!(
            "{} in the certificates stands for names that are not known here: give those that matter with --also-sni",
            list(&names.wildcards)
        );
        warnings.push(remark("wildcards", text));
    }
    if plan.depth == Depth::Short {
        let text =
            "the short form: neither under the names in the certificates nor for groups and extensions was it asked";
        warnings.push(remark("short", text.to_owned()));
    }
    warnings
}
