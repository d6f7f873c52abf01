//! One load run: the engine's outcome, and a document made of it.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::verdict::Placing;
use super::{describe, verdict};
use crate::engine::control::StopFlag;
use crate::engine::outcome::{CannotRun, Outcome};
use crate::engine::{Addresses, Event};
use crate::host;
use crate::model::plan::RunPlan;
use crate::model::tls::Provider;
use crate::record::run::{DroppedAddress, Remark, RunDocument, SCHEMA, ServerCost, TargetRecord, Tool};
use crate::tls::config::ClientMaterial;

/// Reads the CPU time that the server has used so far; `None` where it cannot be read any more.
pub type ServerCpu<'a> = &'a dyn Fn() -> Option<Duration>;

/// A server whose CPU time can be read.
#[derive(Clone, Copy)]
pub struct MeteredServer<'a> {
    /// Reads it.
    pub cpu: ServerCpu<'a>,
    /// The steps in which the reading grows.
    pub resolution: Duration,
    /// Where the figure is from, in words: `embedded`, `pid 4711`.
    pub source: &'a str,
}

/// What a run needs beyond its plan.
pub struct Surroundings<'a> {
    /// What was read from disk for TLS.
    pub material: &'a ClientMaterial,
    /// Where to connect.
    pub addresses: &'a Addresses,
    /// The server's cost, where it can be read.
    pub server: Option<MeteredServer<'a>>,
    /// Whether generator and server are known to run on cores of their own, or on machines of their own.
    pub apart: bool,
    /// Ends the run early.
    pub stop: &'a StopFlag,
}

/// This program, as documents name it.
pub fn tool(provider: Provider) -> Tool {
    tool_with(provider.name())
}

/// This program with the cryptography library `crypto`.
pub(super) fn tool_with(crypto: &str) -> Tool {
    Tool {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("SHAKEDOWN_COMMIT").map(str::to_owned),
        crypto: crypto.to_owned(),
    }
}

/// The moment in RFC 3339, UTC, whole seconds.
pub fn stamp(at: OffsetDateTime) -> String {
    let whole = at.to_offset(time::UtcOffset::UTC).replace_nanosecond(0).unwrap_or(at);
    // Formatting fails only for years beyond 9999, which no clock of a run shows.
    whole.format(&Rfc3339).unwrap_or_default()
}

/// Runs `plan` and describes what happened.
///
/// # Errors
/// [`CannotRun`] when there is nothing to describe.
pub fn run(
    plan: &RunPlan,
    around: &Surroundings<'_>,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<RunDocument, CannotRun> {
    measure(plan, around, observe).map(|(document, _)| document)
}

/// As [`run`], with what the document was made of.
pub(super) fn measure(
    plan: &RunPlan,
    around: &Surroundings<'_>,
    observe: &mut dyn FnMut(Event<'_>),
) -> Result<(RunDocument, Outcome), CannotRun> {
    let started_at = OffsetDateTime::now_utc();
    let read_cpu = || around.server.and_then(|server| (server.cpu)());
    let (mut cpu_before, mut cpu_after) = (None, None);
    let mut watch = |event: Event<'_>| {
        match event {
            Event::WindowOpened => cpu_before = read_cpu(),
            Event::WindowClosed => cpu_after = read_cpu(),
            _ => {}
        }
        observe(event);
    };
    let outcome = crate::engine::run(plan, around.material, &around.addresses.used, around.stop, &mut watch)?;
    let server = around
        .server
        .zip(cpu_before.zip(cpu_after))
        .map(|(server, (before, after))| server_cost(server, after.saturating_sub(before), &outcome));
    Ok((document(plan, around, &outcome, server, started_at), outcome))
}

/// The server's cost. Where its time is only a few steps of the clock it was read from, the cost of an operation would be a rough guess.
fn server_cost(server: MeteredServer<'_>, cpu: Duration, outcome: &Outcome) -> ServerCost {
    let total = ServerCost {
        cpu_s: cpu.as_secs_f64(),
        cpu_ns_per_request: None,
        cpu_ns_per_handshake: None,
        source: server.source.to_owned(),
        resolution_s: server.resolution.as_secs_f64(),
    };
    if total.is_coarse() {
        return total;
    }
    let (cpu_ns_per_request, cpu_ns_per_handshake) = describe::cost_per_operation(outcome, total.cpu_s);
    ServerCost { cpu_ns_per_request, cpu_ns_per_handshake, ..total }
}

fn document(
    plan: &RunPlan,
    around: &Surroundings<'_>,
    outcome: &Outcome,
    server: Option<ServerCost>,
    started_at: OffsetDateTime,
) -> RunDocument {
    let latency = describe::latencies(outcome);
    let dropped = around.addresses.dropped.iter();
    let placing = Placing { apart: around.apart, server_named: around.server.is_some() };
    let mut verdict = verdict::judge(plan, outcome, &latency, placing);
    // A window that never opened has a word of its own.
    if let Some(metered) = around.server.filter(|_| server.is_none() && !outcome.window.is_zero()) {
        let text = format!(
            "no CPU time of the server: it could not be read at both edges of the window; did {} run all the time?",
            metered.source
        );
        verdict.warnings.push(Remark { code: "server_cpu".to_owned(), text });
    }
    RunDocument {
        label: Default::default(),
        schema: SCHEMA.to_owned(),
        tool: tool(plan.tls.provider()),
        host: host::facts::read(),
        target: TargetRecord {
            url: plan.target.url.text.clone(),
            addresses: around.addresses.used.iter().map(ToString::to_string).collect(),
            dropped_addresses: dropped
                .map(|(address, why)| DroppedAddress { address: address.to_string(), reason: why.to_string() })
                .collect(),
            server_name: plan.target.server_name.to_string(),
        },
        plan: describe::plan(plan),
        started_at: stamp(started_at),
        interrupted: outcome.interrupted,
        verdict,
        policy: None,
        counts: describe::counts(plan, &outcome.ledger),
        connections: describe::connections(&outcome.ledger),
        negotiated: describe::negotiated(&outcome.ledger),
        failure_details: describe::failure_details(&outcome.ledger),
        latency,
        throughput: describe::throughput(outcome),
        client: describe::client_cost(plan, outcome),
        server,
        series: describe::series(plan, outcome),
        intervals: describe::intervals(outcome),
        storm_recovered_s: outcome.storm_took.map(|took| took.as_secs_f64()),
    }
}
