//! The rules about certificates, held against the chains that were sent under the endpoint's own name.

use std::collections::BTreeSet;
use std::path::{Path as FilePath, PathBuf};

use time::OffsetDateTime;

use super::words::{list, place};
use super::{remedy, revocation};
use crate::certs::{Broken, Context, Crl, Inspected, Inspection, Path, Roots, Unreadable, Validity, inspect};
use crate::experiment::run::stamp;
use crate::model::audit::AuditPlan;
use crate::model::policy::{KeyDemand, Rule};
use crate::model::suite::KeyType;
use crate::model::survey::{Place, SentChain};
use crate::record::audit::{CertificateRecord, Finding, FindingOutcome, Remedy};

/// Names that a finding spells out.
const MOST_NAMED: usize = 8;

/// A file that the audit cannot use.
#[derive(Debug, thiserror::Error)]
#[error("{option} {}: {cause}", path.display())]
pub struct EvidenceError {
    option: &'static str,
    path: PathBuf,
    cause: String,
}

/// What certificates are held against: roots, and lists of those that were revoked.
#[derive(Debug)]
pub(super) struct Evidence {
    roots: Roots,
    pub(super) crls: Vec<Crl>,
}

impl Evidence {
    /// Reads the files that the plan names.
    pub(super) fn load(plan: &AuditPlan) -> Result<Self, EvidenceError> {
        let roots = match &plan.ca {
            Some(path) => read("--ca", path, Roots::from_bytes)?,
            None => Roots::mozilla(),
        };
        let mut crls = Vec::new();
        for path in &plan.crls {
            crls.extend(read("--crl", path, Crl::from_bytes)?);
        }
        Ok(Self { roots, crls })
    }
}

fn read<T>(
    option: &'static str,
    path: &FilePath,
    parse: impl FnOnce(&[u8]) -> Result<T, Unreadable>,
) -> Result<T, EvidenceError> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string());
    let parsed = bytes.and_then(|bytes| parse(&bytes).map_err(|error| error.to_string()));
    parsed.map_err(|cause| EvidenceError { option, path: path.to_owned(), cause })
}

/// A chain, where it was sent, and what there is to say of it.
pub(super) struct Seen {
    chain: SentChain,
    places: BTreeSet<String>,
    /// Whether it was sent under the endpoint's own name.
    own: bool,
    inspection: Result<Inspection, String>,
}

/// Each different chain of `places`.
pub(super) fn inspect_all(plan: &AuditPlan, evidence: &Evidence, places: &[Place], now: OffsetDateTime) -> Vec<Seen> {
    let context = Context { host: &plan.target.server_name, trust: &evidence.roots, crls: &evidence.crls, now };
    // What is known of a certificate is known of it wherever it is sent: a response that calls it revoked may have come under another name.
    let stapled = |leaf: Option<&Vec<u8>>| {
        let same = places.iter().flat_map(|at| &at.chains).filter(|chain| chain.certificates.first() == leaf);
        let mut staples: Vec<Vec<u8>> = Vec::new();
        for staple in same.flat_map(|chain| &chain.staples) {
            if !staples.contains(staple) {
                staples.push(staple.clone());
            }
        }
        staples
    };
    let mut all: Vec<Seen> = Vec::new();
    for at in places {
        let own = at.sni.as_deref() == plan.host();
        for chain in &at.chains {
            let known = all.iter().position(|seen| seen.chain.certificates == chain.certificates);
            let index = known.unwrap_or_else(|| {
                let chain = SentChain { staples: stapled(chain.certificates.first()), ..chain.clone() };
                let inspection = inspect(&chain, &context).map_err(|nothing| nothing.to_string());
                all.push(Seen { chain, places: BTreeSet::new(), own: false, inspection });
                all.len() - 1
            });
            all[index].places.insert(place(at));
            all[index].own |= own;
        }
    }
    all
}

impl Seen {
    /// The names in the server's certificate: DNS names of subjectAltName, and common names where there is none.
    pub(super) fn names(&self) -> Vec<String> {
        let Ok(inspection) = &self.inspection else { return Vec::new() };
        let facts = &inspection.leaf().facts;
        let names = if facts.dns_names.is_empty() { &facts.common_names } else { &facts.dns_names };
        names.iter().map(|name| name.to_ascii_lowercase()).collect()
    }

    /// Where authorities publish the lists that these certificates would be on.
    pub(super) fn crl_urls(&self) -> impl Iterator<Item = &str> {
        let certificates = self.inspection.iter().flat_map(|inspection| &inspection.certificates);
        certificates.flat_map(|certificate| &certificate.facts.crl_urls).map(String::as_str)
    }

    /// Whether it is judged: it was sent under the endpoint's own name.
    pub(super) fn is_own(&self) -> bool {
        self.own
    }
}

/// How one chain fares by one rule.
pub(super) struct Fared {
    pub(super) outcome: FindingOutcome,
    pub(super) observed: String,
    pub(super) remedies: Vec<Remedy>,
}

pub(super) fn fared(outcome: FindingOutcome, observed: impl Into<String>) -> Fared {
    Fared { outcome, observed: observed.into(), remedies: Vec::new() }
}

pub(super) fn fails(observed: impl Into<String>, remedies: Vec<Remedy>) -> Fared {
    Fared { outcome: FindingOutcome::Fail, observed: observed.into(), remedies }
}

/// The findings about certificates, in the order of the rules.
pub(super) fn findings(plan: &AuditPlan, places: &[Place], all: &[Seen]) -> Vec<Finding> {
    let policy = &plan.policy;
    let host = &plan.target.server_name;
    let unseen = unseen(plan, places);
    let judge = |name: &str, rule: &Rule, expected: String, of: &dyn Fn(&Inspection) -> Fared| {
        let mut each: Vec<(String, Fared)> = Vec::new();
        for seen in all.iter().filter(|seen| seen.own) {
            let fared = match &seen.inspection {
                Ok(inspection) => of(inspection),
                Err(why) => fared(FindingOutcome::Inconclusive, why.clone()),
            };
            each.push((kind(seen.chain.key).to_owned(), fared));
        }
        each.extend(unseen.iter().map(|why| ("unseen".to_owned(), fared(FindingOutcome::Inconclusive, why.clone()))));
        merged(name, rule, expected, each)
    };
    let mut findings =
        vec![judge("name.san", &policy.name_by_san, format!("{host} in subjectAltName"), &|inspection| {
            by_san(inspection, &host.to_string())
        })];
    if let Some(rule) = &policy.name_by_cn {
        let expected = format!("{host} as the subject's common name, or subjectAltName where there is none");
        findings.push(judge("name.cn", rule, expected, &by_cn));
    }
    let agreed = policy.roots.demand.agreed_allowed;
    let roots = Rule { level: policy.roots.level, quote: policy.roots.quote.clone(), demand: () };
    let expected = if agreed {
        "a root of Mozilla's programme, or what both sides agreed on (--ca)"
    } else {
        "a root of Mozilla's programme"
    };
    findings.push(judge("roots", &roots, expected.to_owned(), &|inspection| root(&inspection.path, agreed)));
    findings.push(judge("validity", &policy.validity, "every certificate is valid today".to_owned(), &validity));
    findings.push(judge("chain", &policy.chain, "the intermediates are sent, in order".to_owned(), &chain));
    let own = || all.iter().filter(|seen| seen.own).filter_map(|seen| seen.inspection.as_ref().ok());
    let lists = revocation::Lists::of(!plan.crls.is_empty(), own());
    let expected = "no certificate is revoked".to_owned();
    findings.push(judge("revocation", &policy.revocation, expected, &|inspection| {
        revocation::revocation(inspection, lists)
    }));
    if let Some(Rule { level, quote, demand }) = &policy.key {
        let rule = Rule { level: *level, quote: quote.clone(), demand: () };
        findings.push(judge("key", &rule, expected_key(demand), &|inspection| key(inspection, demand)));
    }
    findings
}

fn kind(key: Option<KeyType>) -> &'static str {
    match key {
        Some(KeyType::Rsa) => "RSA",
        Some(KeyType::Ecdsa) => "ECDSA",
        None => "other",
    }
}

/// One finding of all chains: the worst outcome, and what was seen of each.
fn merged(name: &str, rule: &Rule, expected: String, each: Vec<(String, Fared)>) -> Finding {
    let outcome = each.iter().map(|(_, fared)| fared.outcome).max().unwrap_or(FindingOutcome::Inconclusive);
    // Each text once, with all the certificates of which it is true.
    let mut observed: Vec<(String, Vec<String>)> = Vec::new();
    let mut remedies: Vec<Remedy> = Vec::new();
    for (of, fared) in each {
        match observed.iter_mut().find(|(text, _)| *text == fared.observed) {
            Some((_, certificates)) => certificates.push(of),
            None => observed.push((fared.observed, vec![of])),
        }
        for remedy in fared.remedies {
            if !remedies.contains(&remedy) {
                remedies.push(remedy);
            }
        }
    }
    let observed = match &observed[..] {
        [] => "no certificate was seen".to_owned(),
        [(text, _)] => text.clone(),
        several => several.iter().map(|(text, of)| format!("{}: {text}", of.join(", "))).collect::<Vec<_>>().join("; "),
    };
    Finding {
        rule: name.to_owned(),
        level: rule.level,
        outcome,
        expected,
        observed,
        quote: rule.quote.clone(),
        remedies,
    }
}

/// Certificates that were used under the endpoint's own name, and could not be looked at.
fn unseen(plan: &AuditPlan, places: &[Place]) -> Vec<String> {
    let mut unseen = BTreeSet::new();
    for at in places.iter().filter(|at| at.sni.as_deref() == plan.host()) {
        let used: BTreeSet<_> = at.accepted.iter().filter_map(|accepted| accepted.certificate).collect();
        for kind in used.iter().filter(|kind| !at.chains.iter().any(|chain| chain.key == Some(**kind))) {
            unseen.insert(format!("the {kind} certificate of {} could not be looked at", place(at)));
        }
        if at.chains.is_empty() && used.is_empty() {
            unseen.insert(format!("no certificate was seen at {}", place(at)));
        }
    }
    unseen.into_iter().collect()
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { list(names.iter(), MOST_NAMED) }
}

fn by_san(inspection: &Inspection, host: &str) -> Fared {
    let facts = &inspection.leaf().facts;
    let addresses = facts.ip_addresses.iter().map(ToString::to_string);
    let names: Vec<_> = facts.dns_names.iter().cloned().chain(addresses).collect();
    if inspection.names.san_match {
        return fared(FindingOutcome::Pass, format!("subjectAltName: {}", or_none(&names)));
    }
    let why = inspection.names.why_not.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
    let remedy = remedy::advice(format!("have a certificate issued that has {host} in subjectAltName"));
    fails(format!("subjectAltName: {}{why}", or_none(&names)), vec![remedy])
}

fn by_cn(inspection: &Inspection) -> Fared {
    let names = &inspection.leaf().facts.common_names;
    if inspection.names.cn_match {
        return fared(FindingOutcome::Pass, format!("common name: {}", or_none(names)));
    }
    if names.is_empty() && inspection.names.san_match {
        return fared(
            FindingOutcome::Pass,
            "no common name; subjectAltName matches, which stands in its place (RFC 9525)",
        );
    }
    let remedy = "have a certificate issued whose common name is the host, or that has none; clients of today match subjectAltName only";
    fails(format!("common name: {}", or_none(names)), vec![remedy::advice(remedy)])
}

/// Whom a certificate leads to. That it has expired is a matter of `validity`, if it leads to a trusted root otherwise.
fn root(path: &Path, agreed: bool) -> Fared {
    let refused = |what: String| {
        let remedy = remedy::advice("use a certificate of an authority in Mozilla's programme");
        fails(format!("{what}; the policy takes none that is only agreed on"), vec![remedy])
    };
    match path {
        Path::Mozilla { root, .. } => fared(FindingOutcome::Pass, format!("leads to '{root}' of Mozilla's programme")),
        Path::GivenAuthority { root, .. } if agreed => {
            fared(FindingOutcome::Pass, format!("leads to '{root}', which was agreed on by --ca"))
        }
        Path::Pinned { self_signed } if agreed => {
            let what = if *self_signed { "self-signed certificate" } else { "certificate" };
            fared(FindingOutcome::Pass, format!("a {what} that was agreed on by --ca, byte for byte"))
        }
        Path::GivenAuthority { root, .. } => refused(format!("leads to '{root}', given by --ca")),
        Path::Pinned { .. } => refused("the certificate given by --ca".to_owned()),
        Path::None(Broken::OutOfTerm { otherwise: Some(path), .. }) => {
            let judged = root(path, agreed);
            Fared { observed: format!("{}, though not at this time", judged.observed), ..judged }
        }
        Path::None(why) => {
            let mut text = "use a certificate of an authority in Mozilla's programme".to_owned();
            if agreed {
                text += ", or name what both sides agreed on with --ca FILE";
            }
            fails(format!("leads to no trusted root: {why}"), vec![remedy::advice(text)])
        }
    }
}

/// The certificates that count: those of the path, or, where there is none, all that were sent but for roots.
pub(super) fn counting(inspection: &Inspection) -> impl Iterator<Item = &Inspected> {
    let members = inspection.path.members();
    let counts = move |certificate: &&Inspected| {
        if members.is_empty() {
            !inspection.order.roots.contains(&certificate.position)
        } else {
            members.contains(&certificate.position)
        }
    };
    inspection.certificates.iter().filter(counts)
}

/// Which certificate of a chain, in words.
pub(super) fn which(certificate: &Inspected) -> String {
    match certificate.position {
        0 => "the server's certificate".to_owned(),
        _ => format!("the intermediate '{}'", certificate.facts.subject),
    }
}

fn validity(inspection: &Inspection) -> Fared {
    let mut broken = Vec::new();
    let mut first_end = None;
    for certificate in counting(inspection) {
        match certificate.validity {
            Validity::Valid { days_left } => {
                first_end = Some(first_end.map_or(days_left, |end: i64| end.min(days_left)));
            }
            Validity::Expired { since } => broken.push(format!("{} expired at {}", which(certificate), stamp(since))),
            Validity::NotYetValid { until } => {
                broken.push(format!("{} is not valid before {}", which(certificate), stamp(until)));
            }
        }
    }
    if !broken.is_empty() {
        return fails(
            broken.join("; "),
            vec![remedy::advice("install a certificate that is valid today, and check the clocks")],
        );
    }
    // A client may build its path of what it is sent: what no path needs must not be out of its term, but breaks none.
    let beside: Vec<_> = inspection
        .certificates
        .iter()
        .filter(|certificate| !counting(inspection).any(|counts| counts.position == certificate.position))
        .filter(|certificate| !matches!(certificate.validity, Validity::Valid { .. }))
        .map(|certificate| format!("'{}', sent beside the path, is out of its term", certificate.facts.subject))
        .collect();
    match first_end {
        Some(days) if !beside.is_empty() => {
            fared(FindingOutcome::Warn, format!("{days} days left of the path; {}", beside.join("; ")))
        }
        Some(days) => fared(FindingOutcome::Pass, format!("{days} days left, until the first of them expires")),
        None => fared(FindingOutcome::Inconclusive, "no certificate could be read"),
    }
}

fn chain(inspection: &Inspection) -> Fared {
    if let Path::None(why @ Broken::MissingIntermediate { urls, .. }) = &inspection.path {
        let mut remedies = remedy::chain();
        remedies.extend(urls.iter().map(|url| remedy::advice(format!("the intermediate can be had from {url}"))));
        return fails(why.to_string(), remedies);
    }
    if !inspection.unreadable.is_empty() {
        let each = inspection.unreadable.iter().map(|(position, why)| format!("certificate {}: {why}", position + 1));
        return fails(format!("cannot be read: {}", list(each, MOST_NAMED)), remedy::chain());
    }
    if !inspection.order.in_order {
        return fails("the certificates are not in order: each must certify the one before it", remedy::chain());
    }
    let count = inspection.certificates.len();
    let sent = if count == 1 {
        "one certificate, as it should be".to_owned()
    } else {
        format!("{count} certificates, in order")
    };
    let order = &inspection.order;
    let extra = [(&order.duplicates, "sent twice"), (&order.unrelated, "without a part in it")];
    let extra: Vec<_> = extra
        .into_iter()
        .filter(|(positions, _)| !positions.is_empty())
        .map(|(positions, what)| {
            format!("number {} {what}", list(positions.iter().map(|position| position + 1), MOST_NAMED))
        })
        .collect();
    if !extra.is_empty() || inspection.ignored > 0 {
        let ignored = if inspection.ignored > 0 {
            format!("; {} more were not looked at", inspection.ignored)
        } else {
            String::new()
        };
        return fared(FindingOutcome::Warn, format!("{sent}; {}{ignored}", extra.join("; ")));
    }
    fared(FindingOutcome::Pass, sent)
}

fn expected_key(demand: &KeyDemand) -> String {
    let rsa = demand.rsa_bits.map_or("no RSA key".to_owned(), |bits| format!("RSA of {bits} bits or more"));
    format!("a key on a curve of {} bits or more, {rsa}; no signature with MD5 or SHA-1", demand.curve_bits)
}

fn key(inspection: &Inspection, demand: &KeyDemand) -> Fared {
    let key = &inspection.leaf().facts.key;
    let least = if key.algorithm.starts_with("RSA") { demand.rsa_bits } else { Some(demand.curve_bits) };
    let mut broken = Vec::new();
    match (least, key.bits) {
        (None, _) => broken.push(format!("the key is {key}")),
        (Some(least), Some(bits)) if bits < least => broken.push(format!("the key is {key}, of {bits} bits")),
        (Some(_), Some(_)) => {}
        (Some(_), None) => {
            return fared(FindingOutcome::Inconclusive, format!("the length of the key ({key}) is not known"));
        }
    }
    for certificate in counting(inspection).filter(|certificate| certificate.facts.broken_hash) {
        broken.push(format!("{} is signed with {}", which(certificate), certificate.facts.signature_algorithm));
    }
    if broken.is_empty() {
        return fared(
            FindingOutcome::Pass,
            format!("{key}, signed with {}", inspection.leaf().facts.signature_algorithm),
        );
    }
    fails(broken.join("; "), vec![remedy::advice("have a certificate issued for a key that the policy takes")])
}

/// The chains as the document has them.
pub(super) fn records(all: &[Seen], now: OffsetDateTime) -> Vec<CertificateRecord> {
    all.iter()
        .filter_map(|seen| seen.inspection.as_ref().ok().map(|inspection| record(seen, inspection, now)))
        .collect()
}

fn record(seen: &Seen, inspection: &Inspection, now: OffsetDateTime) -> CertificateRecord {
    let facts = &inspection.leaf().facts;
    let addresses = facts.ip_addresses.iter().map(ToString::to_string);
    let of = |certificate: &Inspected| format!("{}: {}", which(certificate), certificate.crl);
    CertificateRecord {
        key_type: seen.chain.key,
        judged: seen.own,
        seen_at: seen.places.iter().cloned().collect(),
        common_names: facts.common_names.clone(),
        names: facts.dns_names.iter().cloned().chain(addresses).collect(),
        issuer: facts.issuer.clone(),
        serial: facts.serial.clone(),
        not_before: stamp(facts.not_before),
        not_after: stamp(facts.not_after),
        days_left: (facts.not_after - now).whole_days(),
        key: facts.key.to_string(),
        signature_algorithm: facts.signature_algorithm.clone(),
        chain: inspection.certificates.iter().map(|certificate| certificate.facts.subject.clone()).collect(),
        path: inspection.path.to_string(),
        staple: inspection.staple.to_string(),
        revocation: inspection.certificates.iter().map(of).collect(),
    }
}
