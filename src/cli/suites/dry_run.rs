//! `shakedown suites --dry-run`: what would be compared, how long that takes, and what will not fit.

use std::process::ExitCode;

use super::super::dry_run::{self, Page, plural};
use super::super::exit::Failed;
use super::super::run;
use super::{how_long, in_minutes};
use crate::host::preflight::Shortfall;
use crate::model::suites::{Arm, Direction, Intensity, SuitesPlan, Workload};
use crate::units;

pub(super) fn execute(plan: &SuitesPlan) -> Result<ExitCode, Failed> {
    let mut page = Page::default();
    describe(plan, &mut page);
    dry_run::finish(page, plan.target(), |destinations| shortfalls(plan, destinations))
}

/// What the runs of the comparison will not find on this machine. One that opens connections anew needs all that another does, and more.
pub(super) fn shortfalls(plan: &SuitesPlan, destinations: usize) -> Vec<Shortfall> {
    let reconnects = |workload: &&Workload| workload.counts_handshakes();
    let most = plan.workloads().iter().find(reconnects).unwrap_or(&plan.workloads()[0]);
    // The plan was made of plans that can be made.
    plan.run_plan(plan.arms()[0], *most, Intensity::Full, 0)
        .map_or_else(|_| Vec::new(), |of_run| run::shortfalls(&of_run, destinations))
}

fn describe(plan: &SuitesPlan, page: &mut Page) {
    let (tls, target) = (plan.tls(), plan.target());
    let (load, warmup) = plan.load();
    dry_run::warn_insecure(tls, page);
    let request = plan.request();
    let body = request.body_bytes.map_or(String::new(), |n| format!(" with a body of {}", units::bytes(n as f64)));
    page.line(
        "requests",
        &format!("{} {}{body}; {} counts as success", request.method.as_str(), target.url.text, request.expect_status),
    );
    objects(plan, page);
    dry_run::headers_and_destination(request, target, page);
    let names = |arms: &[Arm]| arms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    page.line("arms", &format!("{}, as far as they are not refused: {}", plan.arms().len(), names(plan.arms())));
    let named = plan.named_baseline().map(|suite| suite.openssl().to_owned());
    let default = "AES128-GCM of TLS 1.2, or what comes nearest, for each type of certificate";
    page.line("baseline", &named.unwrap_or_else(|| default.to_owned()));
    let workloads: Vec<_> = plan.workloads().iter().map(ToString::to_string).collect();
    page.line("workloads", &format!("{}: {}", workloads.len(), workloads.join(", ")));
    let common = plan
        .load_share()
        .map_or(String::new(), |share| format!(", and as long at {} of what the slowest carries", units::share(share)));
    page.line(
        "rounds",
        &format!(
            "{} after one that is not counted, seed {}; a run has a warm-up of about {} and {} at full load{common}",
            plan.rounds(),
            plan.seed(),
            units::duration(warmup),
            units::duration(plan.trial())
        ),
    );
    let extent = plan.greatest_extent();
    page.line(
        "time",
        &format!(
            "{}; {} of it are load, and it is less where something is refused",
            how_long(extent),
            in_minutes(extent.loaded)
        ),
    );
    let (connections, threads) = (load.connections() as u64, load.threads() as u64);
    page.line("load", &format!("{}; {}", plural(connections, "connection"), plural(threads, "thread")));
    dry_run::groups_and_trust(tls, target, "tls", page);
    page.line("handshakes", "full, and resumed under resumed handshakes only");
    dry_run::close_and_key_log(&load, tls, page);
}

/// Where the objects of downloads and uploads are.
fn objects(plan: &SuitesPlan, page: &mut Page) {
    let mut paths: Vec<String> = Vec::new();
    for workload in plan.workloads() {
        let Workload::Bulk(direction, _) = workload else { continue };
        let Ok(of_run) = plan.run_plan(plan.arms()[0], *workload, Intensity::Full, 0) else { continue };
        let method = if *direction == Direction::Download { "GET" } else { "POST" };
        let path = format!("{method} {}", of_run.request.path);
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    if !paths.is_empty() {
        page.line("objects", &paths.join(", "));
    }
}
