//! A comparison of suites: a table for each workload, those of CPU times, and a CSV with a row for each suite, workload and size.

mod csv;

use std::collections::BTreeSet;
use std::io;

use super::layout::{FULL, Page, solid};
use super::text::policy;
use crate::model::suite::{KeyType, Suite};
use crate::model::suites::{Direction, Workload};
use crate::record::suites::{
    ArmRecord, Figure, Refused, SuitesDocument, TrustVerdict, Trustworthy, Versus, WorkloadTrust,
};
use crate::units::{self, ByteCount};

pub use csv::csv;
pub(super) use csv::table;

/// What stands where there is no figure.
const NONE: &str = "–";

/// Columns of one table of CPU times, so that it is no wider than a page.
const COST_COLUMNS: usize = 6;

/// Writes the comparison for people: UTF-8, at most 100 columns, without colour.
///
/// # Errors
/// Only those of `out`.
pub fn text(document: &SuitesDocument, out: &mut dyn io::Write) -> io::Result<()> {
    text_in(document, FULL, out)
}

/// Writes it with no table wider than `columns`, at least 80: those that are come in parts.
///
/// # Errors
/// Only those of `out`.
pub fn text_in(document: &SuitesDocument, columns: usize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::within(columns);
    heading(&mut page, document);
    // What was ended before its first round was complete has nothing to show.
    if document.arms.iter().all(|arm| arm.rounds.is_empty() && arm.estimate.rate_per_s.is_none()) {
        return out.write_all(page.finish().as_bytes());
    }
    for cell in cells(document) {
        page.gap();
        workload(&mut page, cell, trust_of(&document.trustworthy, &cell[0]));
    }
    for (side, cpu, per_gb) in [
        ("client", (|arm| arm.estimate.client_cpu_ns) as Cost, (|arm| arm.estimate.client_cpu_s_per_gb) as Cost),
        ("server", |arm| arm.estimate.server_cpu_ns, |arm| arm.estimate.server_cpu_s_per_gb),
    ] {
        let title = format!("CPU time of the {side} for each handshake or request");
        costs(&mut page, document, &title, &|arm| cpu(arm).filter(|_| arm.object_bytes.is_none()), units::time);
        let title = format!("CPU seconds of the {side} for each GB (10⁹ bytes) of objects");
        costs(&mut page, document, &title, &per_gb, units::decimal);
    }
    page.gap();
    legend(&mut page, document);
    out.write_all(page.finish().as_bytes())
}

pub(super) fn heading(page: &mut Page, document: &SuitesDocument) {
    let trust = &document.trustworthy;
    let label = match trust.verdict {
        TrustVerdict::Trusted => "TRUSTED",
        TrustVerdict::Inconclusive => "INCONCLUSIVE",
        TrustVerdict::NotTrusted => "NOT TRUSTED",
    };
    page.line(label, &trust.text);
    if document.interrupted {
        let what = if rounds(document) == 0 { "before a round was complete" } else { "only complete rounds are shown" };
        page.line("INTERRUPTED", &format!("ended by the user: {what}"));
    }
    if document.plan.insecure {
        page.line("NOT VERIFIED", "--insecure: the server's certificate was not checked");
    }
    for warning in document.warnings.iter().filter(|warning| warning.code != "insecure") {
        page.line("WARNING", &format!("{}: {}", warning.code, warning.text));
    }
    page.gap();
    conditions(page, document);
    for (what, why) in refusals(&document.refused) {
        page.line("REFUSED", &format!("{what}: {why}"));
    }
}

/// What was loaded, how, and what was the same for all arms.
fn conditions(page: &mut Page, document: &SuitesDocument) {
    let (plan, target) = (&document.plan, &document.target);
    policy(page, document.policy.as_ref());
    page.line("target", &format!("{} at {}", target.url, target.addresses.join(", ")));
    let measured = rounds(document);
    page.list(
        "load",
        &[
            solid(&if document.interrupted {
                format!("{measured} of {} rounds", plan.rounds)
            } else {
                format!("{measured} rounds")
            }),
            format!(
                "in each {} at full load{} for every suite under every workload",
                seconds(plan.trial_s),
                if plan.load_share.is_some() { " and as long at a common rate" } else { "" }
            ),
            solid(&of_several(plan.connections, "connection")),
            solid(&of_several(plan.threads, "thread")),
            format!("seed {}", plan.seed),
        ],
    );
    let agreed: BTreeSet<_> = document.arms.iter().flat_map(|arm| &arm.groups).map(ToString::to_string).collect();
    let agreed = if agreed.is_empty() {
        String::new()
    } else {
        format!(" ({} agreed on)", agreed.into_iter().collect::<Vec<_>>().join(" and "))
    };
    page.line(
        "the same",
        &format!(
            "groups {} offered{agreed}; handshakes {}; library {}; records of up to {} from this side; certificate chain verified {}",
            plan.groups.join(", "),
            plan.resumption.replace('_', " "),
            plan.crypto,
            solid(&units::bytes(plan.record_bytes as f64)),
            match (plan.insecure, plan.verify.as_str()) {
                (true, _) => "never",
                (false, "once") => "when first seen",
                (false, _) => "each time",
            }
        ),
    );
    let mut baselines: Vec<String> = document.arms.iter().filter(|arm| arm.baseline).map(full_name).collect();
    baselines.sort();
    baselines.dedup();
    if !baselines.is_empty() {
        page.list("baseline", &baselines);
    }
}

/// How many rounds there are.
fn rounds(document: &SuitesDocument) -> u32 {
    document.arms.iter().flat_map(|arm| &arm.rounds).map(|round| round.round).max().unwrap_or(0)
}

/// What the controls of the arm's workload say, where the document has it.
pub(super) fn trust_of<'a>(trustworthy: &'a Trustworthy, arm: &ArmRecord) -> Option<&'a WorkloadTrust> {
    let of = |trust: &&WorkloadTrust| (trust.workload.as_str(), trust.direction, trust.object_bytes) == key(arm);
    trustworthy.workloads.iter().find(of)
}

fn seconds(s: f64) -> String {
    solid(&format!("{} s", units::decimal(s)))
}

fn of_several(n: u64, what: &str) -> String {
    format!("{} {what}{}", units::count(n), if n == 1 { "" } else { "s" })
}

/// What was refused for the same reason, together.
fn refusals(refused: &[Refused]) -> Vec<(String, &str)> {
    let mut found: Vec<(Vec<String>, Option<&str>, &str)> = Vec::new();
    for Refused { suite, certificate, workload, why } in refused {
        let name = match (suite, certificate) {
            (Some(suite), Some(certificate)) => with_certificate(*suite, *certificate),
            (Some(suite), None) => suite.openssl().to_owned(),
            (None, _) => "all suites".to_owned(),
        };
        match found.iter_mut().find(|(_, under, because)| (*under, *because) == (workload.as_deref(), why)) {
            Some((names, ..)) => names.push(name),
            None => found.push((vec![name], workload.as_deref(), why)),
        }
    }
    let sentence = |(names, under, why): (Vec<String>, Option<&str>, _)| {
        let under = under.map(|workload| format!(", under {workload}")).unwrap_or_default();
        (format!("{}{under}", names.join(", ")), why)
    };
    found.into_iter().map(sentence).collect()
}

/// The rows of one workload after the other.
pub(super) fn cells(document: &SuitesDocument) -> Vec<&[ArmRecord]> {
    document.arms.chunk_by(|a, b| key(a) == key(b)).collect()
}

fn key(arm: &ArmRecord) -> (&str, Option<Direction>, Option<u64>) {
    (&arm.workload, arm.direction, arm.object_bytes)
}

/// A workload's name: `full handshakes`, `download of 16.0 KiB`.
pub(super) fn title(arm: &ArmRecord) -> String {
    match (arm.workload.as_str(), arm.direction, arm.object_bytes) {
        (_, Some(direction), Some(bytes)) => format!("{} of {}", direction.name(), ByteCount(bytes)),
        ("request", ..) => "small requests".to_owned(),
        (name, ..) => format!("{}s", name.replace('_', " ")),
    }
}

fn workload(page: &mut Page, rows: &[ArmRecord], trust: Option<&WorkloadTrust>) {
    let first = &rows[0];
    let bulk = first.object_bytes.is_some();
    let what = if bulk || first.workload == "request" { "requests" } else { "handshakes" };
    let rate = if bulk { "bytes/s" } else { "per s" };
    let common = rows.iter().find_map(|row| row.estimate.common_rate_per_s);
    page.heading(&format!("{}; {rate}: {}", title(first), whose(rows)));
    let versions: BTreeSet<_> = rows.iter().map(|row| row.version).collect();
    if first.workload == Workload::ResumedHandshake.name() && versions.len() > 1 {
        page.heading(
            "TLS 1.3 exchanges a key when it resumes a session, TLS 1.2 does not: not the suite makes that difference",
        );
    }
    if let Some(trust) = trust {
        let label = match trust.verdict {
            TrustVerdict::Trusted => "A/A",
            TrustVerdict::Inconclusive => "A/A, INCONCLUSIVE",
            TrustVerdict::NotTrusted => "A/A, NOT TRUSTED",
        };
        page.heading(&format!("{label}: {}", trust.text));
    }
    if let Some(common) = common {
        page.heading(&format!("p50 and p99: response time at {} {what}/s", units::decimal(common)));
    }
    // Without response times their columns are left away.
    let heads = &["", rate, "÷ baseline (95 %)", "verdict", "p50", "p99"][..if common.is_some() { 6 } else { 4 }];
    page.columns(heads, &by_certificate(rows.iter(), heads.len() - 1, |row| workload_row(row, bulk)));
}

/// Whose figures the rates of one table are.
fn whose(rows: &[ArmRecord]) -> &'static str {
    let all = |of: &str| rows.iter().all(|row| row.rate_of == of);
    let limited = rows.iter().any(|row| row.limited_by.is_some());
    match (all("server"), all("client"), rows.iter().any(|row| row.rate_of == "both")) {
        (true, ..) => "at full load, not limited by the client",
        (_, true, _) => "limited by the client; the server could carry more",
        (.., true) if limited => "client and server together, on one machine; ≥: the client was the limit",
        (.., true) => "client and server together, on one machine",
        _ => "at full load; ≥: limited by the client",
    }
}

/// Rows under a line for each type of certificate; `columns` beside the first.
fn by_certificate<'a>(
    arms: impl Iterator<Item = &'a ArmRecord>,
    columns: usize,
    row: impl Fn(&'a ArmRecord) -> Vec<String>,
) -> Vec<Vec<String>> {
    let (mut rows, mut certificate) = (Vec::new(), None);
    for arm in arms {
        if certificate.replace(arm.certificate) != Some(arm.certificate) {
            let name = if arm.certificate == KeyType::Rsa { "RSA" } else { "ECDSA" };
            let blank = std::iter::repeat_n(String::new(), columns);
            rows.push([format!("{name} certificate")].into_iter().chain(blank).collect());
        }
        rows.push(row(arm));
    }
    rows
}

fn workload_row(row: &ArmRecord, bulk: bool) -> Vec<String> {
    let estimate = &row.estimate;
    let bound = if row.limited_by.is_some() { "≥" } else { "" };
    let rate = match (bulk, estimate.bytes_per_s, estimate.rate_per_s) {
        (true, Some(bytes), _) => format!("{bound}{}", units::bytes(bytes.value)),
        (false, _, Some(rate)) => format!("{bound}{}", units::decimal(rate.value)),
        _ => NONE.to_owned(),
    };
    let (ratio, verdict) = match &row.versus_baseline {
        None => ("baseline".to_owned(), String::new()),
        Some(versus) => (ratio(versus), words(versus)),
    };
    let time = |figure: Option<Figure>| figure.map_or_else(|| NONE.to_owned(), |figure| units::time(figure.value));
    let name = if row.control { "baseline again (A/A)" } else { row.suite.openssl() };
    vec![format!(" {name}"), rate, ratio, verdict, time(estimate.response_p50_ns), time(estimate.response_p99_ns)]
}

fn full_name(arm: &ArmRecord) -> String {
    with_certificate(arm.suite, arm.certificate)
}

/// A suite's name, with the type of certificate that it was used with where the name does not tell.
fn with_certificate(suite: Suite, certificate: KeyType) -> String {
    match (suite.key_type(), certificate) {
        (Some(_), _) => suite.openssl().to_owned(),
        (None, KeyType::Rsa) => format!("{} (RSA)", suite.openssl()),
        (None, KeyType::Ecdsa) => format!("{} (ECDSA)", suite.openssl()),
    }
}

/// The same, shorter, for tables with many columns.
pub(super) fn arm_name(suite: Suite, certificate: KeyType) -> String {
    if suite.key_type().is_some() {
        return suite.openssl().to_owned();
    }
    format!("{} {}", suite_name(suite), if certificate == KeyType::Rsa { "RSA" } else { "ECDSA" })
}

/// A suite's name, shorter where it is one of TLS 1.3.
pub(super) fn suite_name(suite: Suite) -> String {
    if suite.key_type().is_some() {
        return suite.openssl().to_owned();
    }
    let short = suite.iana().trim_start_matches("TLS_").trim_end_matches("_SHA256").trim_end_matches("_SHA384");
    format!("1.3 {short}")
}

/// With a digit more where two would hide on which side of 1 the interval lies.
pub(super) fn ratio(versus: &Versus) -> String {
    match (versus.ratio, versus.low, versus.high) {
        (Some(ratio), Some(low), Some(high)) => {
            let hidden = |end: f64| end != 1.0 && format!("{end:.2}") == "1.00";
            let digits = if hidden(low) || hidden(high) { 3 } else { 2 };
            format!("{ratio:.digits$} ({low:.digits$}–{high:.digits$})")
        }
        (Some(ratio), ..) => format!("{ratio:.2}"),
        (None, ..) => NONE.to_owned(),
    }
}

/// The verdict in words; where the client was the limit of both rates, whose verdict it is.
pub(super) fn words(versus: &Versus) -> String {
    let of_client = versus.limited_by.is_some();
    match versus.verdict.as_str() {
        "no_difference" if of_client => "none seen (client)".to_owned(),
        "no_difference" => "no difference seen".to_owned(),
        "too_few" => "too few rounds".to_owned(),
        "bound" => "≥ against no ≥".to_owned(),
        word if of_client => format!("{word} (client)"),
        word => word.to_owned(),
    }
}

type Cost = fn(&ArmRecord) -> Option<Figure>;

/// One kind of cost: a row for each suite, a column for each workload that has it; in several tables where they are many. None where no
/// figure is known.
fn costs(
    page: &mut Page,
    document: &SuitesDocument,
    title: &str,
    cost: &dyn Fn(&ArmRecord) -> Option<Figure>,
    show: fn(f64) -> String,
) {
    let cells: Vec<_> = cells(document).into_iter().filter(|cell| cell.iter().any(|arm| cost(arm).is_some())).collect();
    for (table, cells) in cells.chunks(COST_COLUMNS).enumerate() {
        let short = |cell: &&[ArmRecord]| match (cell[0].workload.as_str(), cell[0].direction, cell[0].object_bytes) {
            (_, Some(Direction::Download), Some(bytes)) => format!("down {}", compact(bytes)),
            (_, Some(Direction::Upload), Some(bytes)) => format!("up {}", compact(bytes)),
            (name, ..) => name.replace('_', " "),
        };
        let heads: Vec<String> = [String::new()].into_iter().chain(cells.iter().map(short)).collect();
        let same = |a: &ArmRecord, b: &ArmRecord| (a.suite, a.certificate) == (b.suite, b.certificate);
        let mut arms: Vec<&ArmRecord> = Vec::new();
        for arm in cells.iter().copied().flatten().filter(|arm| !arm.control) {
            if !arms.iter().any(|other| same(other, arm)) {
                arms.push(arm);
            }
        }
        // Stable, so that suites stay in their order.
        arms.sort_by_key(|arm| arm.certificate == KeyType::Rsa);
        let row = |arm: &ArmRecord| {
            let of_cell = |cell: &&[ArmRecord]| {
                let found = cell.iter().find(|other| !other.control && same(other, arm)).and_then(cost);
                found.map_or_else(|| NONE.to_owned(), |figure| show(figure.value))
            };
            [format!(" {}", arm.suite.openssl())].into_iter().chain(cells.iter().map(of_cell)).collect()
        };
        page.gap();
        page.heading(&format!("{title}{}", if table > 0 { ", continued" } else { "" }));
        let rows = by_certificate(arms.iter().copied(), cells.len(), row);
        page.columns(&heads.iter().map(String::as_str).collect::<Vec<_>>(), &rows);
    }
}

/// A size without a space: `16KiB`.
fn compact(bytes: u64) -> String {
    match bytes {
        n if n % (1 << 20) == 0 => format!("{}MiB", n >> 20),
        n if n % (1 << 10) == 0 => format!("{}KiB", n >> 10),
        n => format!("{n}B"),
    }
}

fn legend(page: &mut Page, document: &SuitesDocument) {
    let plan = &document.plan;
    let confidence = solid(&units::share(plan.confidence));
    page.line(
        "÷ baseline",
        &format!(
            "the suite's rate by that of the baseline with the same type of certificate, paired round by round; {confidence} intervals, \
             corrected for the number of comparisons (Holm) and widened by a tolerance of {}",
            solid(&units::share(plan.tolerance))
        ),
    );
    page.line(
        "A/A",
        "the baseline again under another name: it differs from itself only where something is wrong with the measurement",
    );
    page.line(
        "figures",
        &format!(
            "rates and CPU times are geometric means over the rounds{}; their intervals, and what else is compared with the baseline's, \
             are in suites.csv",
            if plan.load_share.is_some() { ", p50 and p99 those of all rounds' response times together" } else { "" }
        ),
    );
    if document.arms.iter().any(|arm| arm.limited_by.is_some()) {
        page.line(
            "≥",
            "the client was the limit, or was kept from running: the server could carry this much or more; against a rate without ≥ only a verdict that this cannot \
             turn is given",
        );
    }
    if document.arms.iter().filter_map(|arm| arm.versus_baseline.as_ref()).any(|versus| versus.limited_by.is_some()) {
        page.line(
            "(client)",
            "the client was the limit of this suite and of the baseline: the verdict is about what they cost the client, not the server",
        );
    }
    let stamp = &document.started_at;
    let cpu = document.host.cpu.model.as_deref().unwrap_or("an unknown CPU");
    page.line(
        "measured",
        &format!("{stamp} by shakedown {} with {}, on {cpu}", document.tool.version, document.tool.crypto),
    );
}

#[cfg(test)]
mod tests;
