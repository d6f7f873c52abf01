//! The end-of-run summary that a person reads at a glance: verdict first, then what was loaded and how, what came of it,
//! how long it took, and what it cost.

use std::collections::BTreeMap;
use std::io;

use super::headline::{self, share_text};
use super::latency;
use super::layout::{FULL, Page, solid};
use super::{spark, stages};
use crate::model::failure::FailureKind;
use crate::model::policy::Standing;
use crate::record::audit::PolicyCheck;
use crate::record::run::{ClientCost, RunDocument, ServerCost};
use crate::units;

/// The most rows of one list of failures; what is beyond is counted in one row more.
const MAX_FAILURE_ROWS: usize = 12;

/// The most workers whose share of busy time is told one by one.
const MAX_WORKERS_LISTED: usize = 4;

/// Writes the summary of a load run: UTF-8, at most 100 columns, without colour. Whatever came from a server or a user is
/// free of control characters.
///
/// # Errors
/// Only those of `out`.
pub fn run(document: &RunDocument, out: &mut dyn io::Write) -> io::Result<()> {
    run_in(document, FULL, out)
}

/// Writes it with no table wider than `columns`, at least 80: those that are come in parts.
///
/// # Errors
/// Only those of `out`.
pub fn run_in(document: &RunDocument, columns: usize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::within(columns);
    heading(&mut page, document);
    page.gap();
    target(&mut page, document);
    connections(&mut page, document);
    load(&mut page, document);
    page.gap();
    counts(&mut page, document);
    throughput(&mut page, document);
    spark::write(&mut page, document);
    page.gap();
    stages::write(&mut page, document);
    latency::write(&mut page, document);
    page.gap();
    client(&mut page, &document.client);
    if let Some(cost) = &document.server {
        server(&mut page, cost);
    }
    footer(&mut page, document);
    out.write_all(page.finish().as_bytes())
}

fn number(n: u64) -> String {
    solid(&units::count(n))
}

fn time(ns: f64) -> String {
    solid(&units::time(ns))
}

fn seconds(s: f64) -> String {
    solid(&format!("{} s", units::decimal(s)))
}

/// `1 234 opened`.
fn tally(n: u64, what: &str) -> String {
    format!("{}{}", number(n), solid(&format!(" {what}")))
}

/// `n thing`, or `n things`.
fn plural(n: u64, thing: &str) -> String {
    solid(&format!("{} {thing}{}", units::count(n), if n == 1 { "" } else { "s" }))
}

/// The verdict and its reasons, and what a reader should know before anything else.
pub(super) fn heading(page: &mut Page, document: &RunDocument) {
    let verdict = &document.verdict;
    let limited = verdict.limited_by.as_ref().map(|by| {
        format!(
            "limited by the {by}: the endpoint could carry at least the rates shown (≥), and the latencies include the \
             {by}'s own delay"
        )
    });
    // Valid says that the measurement is sound; that little of it worked must not be missed for that.
    let failed = headline::what_failed(&document.counts, &document.failure_details);
    match (verdict.valid, &failed, &limited) {
        (true, Some(failed), Some(limited)) => page.line("VALID", &format!("but {failed}; {limited}")),
        (true, Some(failed), None) => page.line("VALID", &format!("but {failed}")),
        (true, None, limited) => page.line("VALID", limited.as_deref().unwrap_or_default()),
        (false, Some(failed), _) => page.line("INVALID", &format!("do not rely on these figures ({failed}):")),
        (false, None, _) => page.line("INVALID", "do not rely on these figures:"),
    }
    for reason in &verdict.reasons {
        page.line("", &format!("{}: {}", reason.code, reason.text));
    }
    if let (false, Some(limited)) = (verdict.valid, &limited) {
        page.line("", limited);
    }
    if document.interrupted && !verdict.reasons.iter().any(|reason| reason.code == "interrupted") {
        page.line("INTERRUPTED", "ended by the user before its time");
    }
    if document.plan.insecure {
        page.line("NOT VERIFIED", "--insecure: the server's certificate was not checked");
    }
    if let Some(file) = &document.plan.key_log {
        page.line("KEY LOG", &format!("the secrets of these sessions are in {file}"));
    }
    // These two have just been said.
    for warning in verdict.warnings.iter().filter(|warning| !matches!(warning.code.as_str(), "insecure" | "key_log")) {
        page.line("WARNING", &format!("{}: {}", warning.code, warning.text));
    }
}

/// What the policy of `--profile` says, where one was named.
pub(super) fn policy(page: &mut Page, check: Option<&PolicyCheck>) {
    if let Some(check) = check {
        let outcome = check.outcome.name().to_uppercase();
        let text =
            format!("{} ({}): {outcome} by the audit's short form: {}", check.name, check.version, check.verdict);
        page.line("policy", &text);
    }
}

fn target(page: &mut Page, document: &RunDocument) {
    policy(page, document.policy.as_ref());
    let (target, plan) = (&document.target, &document.plan);
    let mut what = match plan.requests_per_connection {
        Some(0) => format!("{} (handshakes only)", target.url),
        _ => format!("{} {}", plan.method, target.url),
    };
    if let Some(bytes) = plan.body_bytes {
        what += &format!(" with a body of {}", solid(&units::bytes(bytes as f64)));
    }
    page.line("target", &what);
    page.line("", &format!("at {}, as {}", target.addresses.join(", "), target.server_name));
    for dropped in &target.dropped_addresses {
        page.line("", &format!("not at {}: {}", dropped.address, dropped.reason));
    }
    let trust = match (plan.trust.as_str(), &plan.ca_file) {
        ("insecure", _) => "certificate not checked".to_owned(),
        ("mozilla", _) => "certificate checked against Mozilla's roots".to_owned(),
        ("system", _) => "certificate checked against the system's roots".to_owned(),
        (_, file) => format!("certificate checked against {}", file.as_deref().unwrap_or("the given authority")),
    };
    let shown = plan.client_certificate.as_ref().map(|file| format!("; client certificate {file}"));
    page.line("", &(trust + &shown.unwrap_or_default()));
}

fn connections(page: &mut Page, document: &RunDocument) {
    let rows: Vec<_> = document
        .negotiated
        .iter()
        .map(|row| {
            let group = row.group.map(|group| format!(", {group}")).unwrap_or_default();
            let handshake = row.handshake.replace("_with_hrr", " after HRR");
            let connections = if row.count == 1 { "connection" } else { "connections" };
            let outside = if row.standing == Some(Standing::Outside) { ", OUTSIDE the policy" } else { "" };
            (
                units::count(row.count),
                format!("{connections}: {} {}{group}, {handshake}{outside}", row.version, row.suite),
            )
        })
        .collect();
    if rows.is_empty() {
        page.line("tls", "no handshake was completed");
    } else {
        page.counted("tls", &rows);
    }
    let seen = &document.connections;
    page.list(
        "connections",
        &[tally(seen.opened, "opened"), tally(seen.closed, "closed"), tally(seen.failed, "failed")],
    );
    failures(page, document, &seen.failures, "connections", seen.failed);
    let kinds = [
        (seen.handshakes.full, "full"),
        (seen.handshakes.full_with_hrr, "full after HelloRetryRequest"),
        (seen.handshakes.resumed, "resumed"),
        (seen.handshakes.resumed_with_hrr, "resumed after HelloRetryRequest"),
        (seen.priming, "full beside these, to get tickets"),
        (seen.resumption_refused, "refused to resume"),
    ];
    let seen_kinds: Vec<_> = kinds.iter().filter(|(n, _)| *n > 0).map(|(n, kind)| tally(*n, kind)).collect();
    if !seen_kinds.is_empty() {
        page.list("handshakes", &seen_kinds);
    }
}

fn load(page: &mut Page, document: &RunDocument) {
    let plan = &document.plan;
    let mut items = match plan.rate_per_s {
        None => vec![format!("{} loop: {}", plan.loop_kind, plural(plan.connections, "connection"))],
        Some(rate) => {
            let seed = plan.seed.map(|seed| format!(" (seed {seed})")).unwrap_or_default();
            let arrivals = plan.arrivals.as_deref().unwrap_or("scheduled");
            let mut rate = solid(&format!("{} {}/s", units::decimal(rate), plan.unit));
            if let Some(scenario) = &plan.scenario {
                let stages = plural(scenario.stages.len() as u64, "stage");
                rate = format!("scenario {} in {stages}, {rate} on average", solid(&scenario.name));
            }
            vec![
                format!("{} loop: {rate}, {arrivals}{seed}", plan.loop_kind),
                match plan.unit.as_str() {
                    "sessions" => format!("at most {} at once", plural(plan.connections, "connection")),
                    _ => plural(plan.connections, "connection"),
                },
            ]
        }
    };
    items.push(plural(plan.threads, "thread"));
    match plan.requests_per_connection {
        None | Some(0) => {}
        Some(n) => items.push(format!("{} per connection", plural(n, "request"))),
    }
    if plan.resumption_share > 0.0 {
        items.push(format!("{} of new connections resume", solid(&units::share(plan.resumption_share))));
    }
    page.list("load", &items);
    let window = document.throughput.window_s;
    if window == 0.0 {
        let (warmup, duration) = (seconds(plan.warmup_s), seconds(plan.duration_s));
        page.line("", &format!("ended before the measured time: {warmup} warm-up and {duration} were planned"));
        return;
    }
    // The window ends when the clock is next looked at; only a real difference is worth a word.
    let planned = if (window - plan.duration_s).abs() > 0.01 * plan.duration_s {
        format!(" of {} planned", seconds(plan.duration_s))
    } else {
        String::new()
    };
    let unit = plan.unit.trim_end_matches('s');
    let most = plan.max_requests.map(|n| format!(", at most {}", plural(n, unit))).unwrap_or_default();
    page.line("", &format!("{} warm-up, {} measured{planned}{most}", seconds(plan.warmup_s), seconds(window)));
}

fn counts(page: &mut Page, document: &RunDocument) {
    let counts = &document.counts;
    let mut items = vec![
        tally(counts.scheduled, "scheduled"),
        tally(counts.attempted, "attempted"),
        tally(counts.succeeded, "succeeded"),
        tally(counts.failed, "failed") + &share_of(counts.failed, counts.attempted),
        tally(counts.unsent, "unsent") + &share_of(counts.unsent, counts.scheduled),
    ];
    if counts.retried > 0 {
        items.push(tally(counts.retried, "retried"));
    }
    page.list(&counts.unit, &items);
    failures(page, document, &counts.failures, "counts", counts.failed);
    let warmup = &counts.warmup;
    if warmup.sent + warmup.succeeded + warmup.failed > 0 {
        let [sent, succeeded, failed] = [warmup.sent, warmup.succeeded, warmup.failed].map(number);
        // Requests are sent; a session that is a handshake only sends none.
        let sent =
            if document.plan.requests_per_connection == Some(0) { String::new() } else { format!("{sent} sent, ") };
        page.line("warm-up", &format!("{sent}{succeeded} succeeded, {failed} failed (in none of the figures)"));
    }
}

/// ` (0.32 %)`; nothing where there is no share to speak of.
fn share_of(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return String::new();
    }
    format!(" ({})", share_text(part, whole))
}

/// Failures by kind, and by detail where there is one; those of `of` only.
fn failures(page: &mut Page, document: &RunDocument, kinds: &BTreeMap<FailureKind, u64>, of: &str, total: u64) {
    let mut rows: Vec<(u64, String)> = Vec::new();
    for (kind, total) in kinds {
        let mut rest = *total;
        for found in document.failure_details.iter().filter(|row| row.of == of && row.kind == *kind) {
            if !found.detail.is_empty() {
                rest = rest.saturating_sub(found.n);
                rows.push((found.n, format!("{kind}: {}", found.detail)));
            }
        }
        if rest > 0 {
            let other = if rest < *total { ": other" } else { "" };
            rows.push((rest, format!("{kind}{other}")));
        }
    }
    rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    if rows.len() > MAX_FAILURE_ROWS {
        let shown: u64 = rows.drain(..).take(MAX_FAILURE_ROWS).map(|row| row.0).sum();
        rows.push((total.saturating_sub(shown), "others".to_owned()));
    }
    let rows: Vec<_> = rows.into_iter().map(|(n, text)| (units::count(n), text)).collect();
    page.counted("  failed", &rows);
}

fn throughput(page: &mut Page, document: &RunDocument) {
    let rates = &document.throughput;
    // That nothing came is no bound on what could have come.
    let bound = |value: f64| if document.verdict.limited_by.is_some() && value > 0.0 { "≥ " } else { "" };
    let rate = |value: f64, unit: &str| solid(&format!("{}{} {unit}/s", bound(value), units::decimal(value)));
    let volume = |value: f64, way: &str| solid(&format!("{}{}/s {way}", bound(value), units::bytes(value)));
    let mut items = vec![rate(rates.handshakes_per_s, "handshakes")];
    if document.plan.requests_per_connection != Some(0) {
        items.insert(0, rate(rates.requests_per_s, "requests"));
        items.extend([volume(rates.bytes_in_per_s, "in"), volume(rates.bytes_out_per_s, "out")]);
    }
    page.list("throughput", &items);
}

/// CPU time for each piece of work, and in all.
fn cpu(total_s: f64, per_request_ns: Option<f64>, per_handshake_ns: Option<f64>) -> Vec<String> {
    let each = |ns: Option<f64>, what: &str| ns.map(|ns| format!("{} of CPU per {what}", time(ns)));
    let mut items: Vec<_> =
        [each(per_request_ns, "request"), each(per_handshake_ns, "handshake")].into_iter().flatten().collect();
    items.push(format!("{} of CPU in all", time(total_s * 1e9)));
    items
}

fn client(page: &mut Page, cost: &ClientCost) {
    let mut items = cpu(cost.cpu_s, cost.cpu_ns_per_request, cost.cpu_ns_per_handshake);
    // For small answers nearly all of it is the cost of requests, and per byte it says nothing.
    if let Some(per_gb) = cost.cpu_s_per_gb.filter(|seconds| *seconds < 10.0) {
        items.push(format!("{} per GB", time(per_gb * 1e9)));
    }
    // A tenth of a per cent is as much as a busy share means.
    let share = |busy: f64| solid(&units::share((busy * 1000.0).round() / 1000.0));
    let busy = cost.workers.iter().map(|worker| worker.busy);
    if busy.len() > MAX_WORKERS_LISTED {
        let (least, most) = (busy.clone().fold(f64::INFINITY, f64::min), busy.clone().fold(0.0, f64::max));
        items.push(format!("{} workers busy {} to {}", busy.len(), share(least), share(most)));
    } else if busy.len() > 0 {
        let shares: Vec<_> = busy.clone().map(share).collect();
        items.push(format!("{} busy {}", if busy.len() == 1 { "worker" } else { "workers" }, shares.join(" and ")));
    }
    if let Some(bytes) = cost.peak_rss_bytes {
        items.push(format!("peak memory {}", solid(&units::bytes(bytes as f64))));
    }
    page.list("client", &items);
}

fn server(page: &mut Page, cost: &ServerCost) {
    let items = cpu(cost.cpu_s, cost.cpu_ns_per_request, cost.cpu_ns_per_handshake);
    let coarse = match (cost.cpu_ns_per_request, cost.cpu_ns_per_handshake) {
        (None, None) if cost.is_coarse() => format!(
            "; too little for a figure per operation: the system counts in steps of {}, and it takes {} of them",
            time(cost.resolution_s * 1e9),
            ServerCost::MIN_STEPS
        ),
        _ => String::new(),
    };
    page.line("server", &format!("{} ({}){coarse}", items.join(", "), cost.source));
}

fn footer(page: &mut Page, document: &RunDocument) {
    let (tool, host) = (&document.tool, &document.host);
    let commit = tool.commit.as_ref().map(|commit| format!(" {commit}")).unwrap_or_default();
    let model = host.cpu.model.as_deref().unwrap_or("an unknown processor");
    page.list(
        "measured",
        &[
            format!("{} by shakedown {}{commit} with {}", document.started_at, tool.version, tool.crypto),
            format!("on {model}"),
            plural(u64::from(host.cpu.threads), "hardware thread"),
        ],
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;
    use crate::record::run::{Remark, WarmupCounts};

    fn shown(document: &RunDocument) -> String {
        let mut out = Vec::new();
        run(document, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_line_exceeds_a_hundred_columns_and_ordinary_ones_fit_eighty() {
        for (document, width) in
            [(fixture::open_loop(), 100), (fixture::closed_loop(), 80), (fixture::handshakes(), 80)]
        {
            for line in shown(&document).lines() {
                assert!(line.chars().count() <= width, "{line}");
                assert_eq!(line.trim_end(), line);
            }
        }
    }

    #[test]
    fn the_verdict_comes_first_and_bounds_are_marked() {
        let text = shown(&fixture::open_loop());
        assert!(text.starts_with("INVALID"), "{text}");
        assert!(text.contains("NOT VERIFIED  --insecure") && text.contains("≥ 4 791 requests/s"), "{text}");
        let text = shown(&fixture::closed_loop());
        assert!(text.starts_with("VALID\n") && !text.contains('≥'), "{text}");
    }

    #[test]
    fn a_run_that_ended_in_its_warm_up_claims_none() {
        let mut document = fixture::closed_loop();
        document.throughput.window_s = 0.0;
        let text = shown(&document);
        assert!(text.contains("ended before the measured time: 3 s warm-up and 30 s were planned"), "{text}");
    }

    #[test]
    fn a_server_whose_time_is_too_short_for_its_clock_is_told() {
        let mut document = fixture::open_loop();
        let cost = document.server.as_mut().unwrap();
        (cost.cpu_s, cost.cpu_ns_per_request) = (0.49, None);
        assert!(shown(&document).replace("\n              ", " ").contains("counts in steps of 10.0 ms"));
        document.server.as_mut().unwrap().cpu_s = 0.5;
        assert!(!shown(&document).contains("in steps of"));
    }

    #[test]
    fn what_has_a_line_of_its_own_is_no_warning_too() {
        let mut document = fixture::open_loop();
        for code in ["insecure", "key_log", "unsent"] {
            document.verdict.warnings.push(Remark { code: code.to_owned(), text: "in words".to_owned() });
        }
        let text = shown(&document);
        assert!(text.contains("WARNING       unsent: in words"), "{text}");
        assert!(!text.contains("WARNING       insecure") && !text.contains("WARNING       key_log"), "{text}");
    }

    #[test]
    fn the_warm_up_of_handshakes_sent_no_request() {
        let mut document = fixture::handshakes();
        document.counts.warmup = WarmupCounts { sent: 0, succeeded: 162, failed: 1 };
        let text = shown(&document);
        assert!(text.contains("warm-up       162 succeeded, 1 failed (in none of the figures)"), "{text}");
    }

    #[test]
    fn a_run_in_which_nothing_worked_is_told_without_figures() {
        let mut document = fixture::closed_loop();
        document.latency = Default::default();
        document.negotiated.clear();
        let text = shown(&document);
        assert!(text.contains("no handshake was completed") && text.contains("nothing was recorded"), "{text}");
    }

    #[test]
    fn a_share_is_never_rounded_to_none_or_all() {
        assert_eq!(share_of(1, 1_000_000).replace('\u{a0}', " "), " (< 0.01 %)");
        assert_eq!(share_of(999_999, 1_000_000).replace('\u{a0}', " "), " (> 99.99 %)");
        assert_eq!(share_of(1, 4).replace('\u{a0}', " "), " (25 %)");
        assert_eq!(share_of(0, 4), "");
    }

    #[test]
    fn many_kinds_of_failure_are_cut_and_the_rest_is_counted() {
        let mut document = fixture::open_loop();
        document.counts.failures = FailureKind::ALL.iter().map(|kind| (*kind, 10)).collect();
        document.counts.failed = 170;
        document.failure_details.clear();
        let text = shown(&document);
        assert!(text.contains("50  others"), "{text}");
    }
}
