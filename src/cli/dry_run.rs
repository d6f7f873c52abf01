//! `--dry-run`: the plan as understood, and what will not fit. Files are read and the target's name is looked up; nothing is sent to it, and
//! nothing is written. Here is that of `shakedown run`, and what those of other commands share with it.

use std::process::ExitCode;
use std::time::Duration;

use super::args::OutputArgs;
use super::exit::Failed;
use super::{output, run};
use crate::engine::Addresses;
use crate::host::preflight::Shortfall;
use crate::model::load::{Close, LoadPlan, Pace, RequestsPerConnection};
use crate::model::plan::RunPlan;
use crate::model::request::RequestPlan;
use crate::model::suite::Suite;
use crate::model::target::{Host, Target};
use crate::model::tls::{TlsPlan, Trust, Verify};
use crate::report::layout::Page;
use crate::tls::config::ClientMaterial;
use crate::units;

/// Shows `plan`, and ends as the run would where it is sure not to start or not to fit.
pub(super) fn execute(plan: &RunPlan, out: &OutputArgs) -> Result<ExitCode, Failed> {
    let mut page = Page::default();
    describe(plan, &mut page);
    finish(page, &plan.target, unusable(&plan.tls, out), |destinations| run::shortfalls(plan, destinations))
}

/// The files of `tls` and the folder of `out` that cannot be used.
pub(super) fn unusable(tls: &TlsPlan, out: &OutputArgs) -> Vec<Failed> {
    let files = ClientMaterial::obstacles(tls).into_iter().map(Failed::could_not_run);
    files.chain(output::check_folder(out).err()).collect()
}

/// Adds where the target is, what is `unusable` and what will not fit, which depends on the number of the target's addresses; prints the page, and
/// ends as the command would where it is sure not to start or not to fit.
pub(super) fn finish(
    mut page: Page,
    target: &Target,
    unusable: Vec<Failed>,
    shortfalls: impl Fn(usize) -> Vec<Shortfall>,
) -> Result<ExitCode, Failed> {
    let mut obstacles = Vec::new();
    // Without an address the rest of the plan can be judged all the same.
    let destinations = match Addresses::look_up(target) {
        Ok(found) => {
            if matches!(target.dial().host, Host::Name(_)) {
                let found: Vec<_> = found.iter().map(ToString::to_string).collect();
                page.line("addresses", &found.join(", "));
            }
            found.len()
        }
        Err(failure) => {
            page.line("addresses", &format!("NOT FOUND: {failure}; what follows counts with one address"));
            obstacles.push(Failed::could_not_run(failure));
            1
        }
    };
    for failed in unusable {
        page.line("NOT USABLE", failed.message());
        obstacles.push(failed);
    }
    let shortfalls = shortfalls(destinations);
    for shortfall in &shortfalls {
        page.line(if shortfall.certain { "WILL NOT FIT" } else { "may not fit" }, &shortfall.text);
    }
    if shortfalls.is_empty() {
        page.line("fits", "ports, descriptors and memory suffice");
    }
    let certain = shortfalls.into_iter().filter(|shortfall| shortfall.certain);
    obstacles.extend(certain.map(|shortfall| Failed::could_not_run(shortfall.text)));
    output::print_text(|out| out.write_all(page.finish().as_bytes()))?;
    let more = match obstacles.len() {
        0 => return Ok(ExitCode::SUCCESS),
        1 => "this cannot be run as planned".to_owned(),
        n => format!("this cannot be run as planned, for {n} reasons; the first"),
    };
    Err(obstacles.swap_remove(0).within(&more))
}

fn describe(plan: &RunPlan, page: &mut Page) {
    let RunPlan { target, request, tls, load } = plan;
    warn_insecure(tls, page);
    page.line("request", &described_request(request, target, load));
    headers_and_destination(request, target, page);
    page.line("load", &described_load(load));
    page.line("time", &times(load));
    page.line("tls", &offer(tls));
    groups_and_trust(tls, target, "", page);
    page.line("handshakes", &format!("{} of new connections resume", units::share(tls.resumption.share())));
    close_and_key_log(load, tls, page);
}

pub(super) fn warn_insecure(tls: &TlsPlan, page: &mut Page) {
    if tls.trust == Trust::Insecure {
        page.line("NOT VERIFIED", "--insecure: the server's certificate and name will not be checked");
    }
}

pub(super) fn headers_and_destination(request: &RequestPlan, target: &Target, page: &mut Page) {
    if !request.headers.is_empty() {
        let names: Vec<_> = request.headers.iter().map(|header| header.name.as_str()).collect();
        page.line("", &format!("with the headers {}", names.join(", ")));
    }
    page.line("connects to", &destination(target));
}

/// Groups, library and trust, the first of them beside `label`.
pub(super) fn groups_and_trust(tls: &TlsPlan, target: &Target, label: &str, page: &mut Page) {
    let groups: Vec<_> = tls.groups().iter().map(|group| group.iana()).collect();
    page.line(label, &format!("groups {}; library {}", groups.join(", "), tls.provider().name()));
    page.line("", &trust(tls, target));
}

pub(super) fn close_and_key_log(load: &LoadPlan, tls: &TlsPlan, page: &mut Page) {
    let close = match load.close {
        Close::Reset => "close_notify, then a reset: the port is free at once",
        Close::Fin => "close_notify, then FIN: the port stays in TIME_WAIT",
    };
    page.line("close", close);
    if let Some(file) = &tls.key_log {
        page.line("KEY LOG", &format!("the secrets of all sessions will be appended to {}", file.display()));
    }
}

pub(super) fn described_request(request: &RequestPlan, target: &Target, load: &LoadPlan) -> String {
    if load.requests_per_connection() == RequestsPerConnection::HandshakeOnly {
        return format!("none, handshakes only: {}", target.url.text);
    }
    let body = request.body_bytes.map_or(String::new(), |n| format!(" with a body of {}", units::bytes(n as f64)));
    format!("{} {}{body}; {} counts as success", request.method.as_str(), target.url.text, request.expect_status)
}

fn destination(target: &Target) -> String {
    let mut text = target.dial().to_string();
    if !target.source_ips.is_empty() {
        let sources: Vec<_> = target.source_ips.iter().map(ToString::to_string).collect();
        text += &format!(" from {}", sources.join(", "));
    }
    text
}

fn described_load(load: &LoadPlan) -> String {
    let pace = match load.pace() {
        Pace::Closed => "closed loop".to_owned(),
        Pace::Open { rate, arrivals, seed } => {
            let how = load.scenario().map_or_else(
                || rate.to_string(),
                |scenario| {
                    let stages = plural(scenario.stages().len() as u64, "stage");
                    format!("scenario {} in {stages}, {rate} on average", scenario.name())
                },
            );
            format!("open loop, {how}, {} arrivals of {}, seed {seed}", arrivals.name(), load.unit().name())
        }
    };
    let per_connection = match load.requests_per_connection() {
        RequestsPerConnection::Unlimited => "any number of requests each".to_owned(),
        RequestsPerConnection::Exactly(n) => format!("at most {} each", plural(n.get(), "request")),
        RequestsPerConnection::HandshakeOnly => "no request".to_owned(),
    };
    let (connections, threads) = (load.connections() as u64, load.threads() as u64);
    format!("{pace}; {}, {per_connection}; {}", plural(connections, "connection"), plural(threads, "thread"))
}

pub(super) fn plural(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", units::count(n), if n == 1 { "" } else { "s" })
}

fn times(load: &LoadPlan) -> String {
    let time = |duration: Duration| units::duration(duration);
    let (warmup, duration, timeout) = (time(load.warmup), time(load.duration), time(load.timeout));
    let mut text = format!("warm-up {warmup}, measured {duration}, drain at most {timeout}");
    if let Some(n) = load.max_requests {
        text += &format!("; ends after {} {}", units::count(n), load.unit().name());
    }
    if let Some(rule) = load.abort_on {
        text += &format!("; ends when errors > {}", rule.errors_above);
    }
    text
}

pub(super) fn offer(tls: &TlsPlan) -> String {
    let versions: Vec<_> = tls.versions().iter().map(ToString::to_string).collect();
    let suites = if tls.suites().len() == Suite::all().len() {
        "all nine suites".to_owned()
    } else {
        tls.suites().iter().map(|suite| suite.iana()).collect::<Vec<_>>().join(", ")
    };
    format!("{} with {suites}", versions.join(" and "))
}

fn trust(tls: &TlsPlan, target: &Target) -> String {
    let against = match &tls.trust {
        Trust::Insecure => return "certificate not checked".to_owned(),
        Trust::Mozilla => "Mozilla's roots".to_owned(),
        Trust::System => "the system's roots".to_owned(),
        Trust::Ca(file) => file.display().to_string(),
    };
    let how_often =
        if tls.verify == Verify::Every { "in every full handshake" } else { "when its chain is first seen" };
    let shown = tls.identity.as_ref().map(|identity| format!("; client certificate {}", identity.cert.display()));
    format!("certificate for {} checked against {against} {how_often}{}", target.server_name, shown.unwrap_or_default())
}
