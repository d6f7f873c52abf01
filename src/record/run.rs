//! `shakedown.run/1`: the document of one load run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::audit::PolicyCheck;
use super::intervals::{HistogramText, IntervalRecord};
use super::label::Label;
use super::scenario::ScenarioRecord;
use crate::model::failure::FailureKind;
use crate::model::policy::Standing;
use crate::model::suite::{Group, Suite, TlsVersion};

/// The schema's name and version.
pub const SCHEMA: &str = "shakedown.run/1";

/// One load run, complete: all outputs are rendered from this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunDocument {
    /// [`SCHEMA`].
    pub schema: String,
    /// What measured.
    pub tool: Tool,
    /// Where it ran.
    pub host: Host,
    /// What was loaded.
    pub target: TargetRecord,
    /// Every setting that was in force.
    pub plan: PlanRecord,
    /// When the run started: RFC 3339, UTC.
    pub started_at: String,
    /// What the user calls it; absent where it has neither name nor tags.
    #[serde(default, skip_serializing_if = "Label::is_none")]
    pub label: Label,
    /// Whether the user ended it early.
    pub interrupted: bool,
    /// Whether the figures can be trusted, and why not.
    pub verdict: Verdict,
    /// What the policy of `--profile` says of the endpoint; null without it.
    #[serde(default)]
    pub policy: Option<PolicyCheck>,
    /// What happened to the requests (or sessions) of the measure window.
    pub counts: Counts,
    /// What happened to the connections of the whole run.
    pub connections: Connections,
    /// What was negotiated, over the whole run.
    pub negotiated: Vec<Negotiated>,
    /// The failures of the measure window, by kind and detail.
    pub failure_details: Vec<FailureDetail>,
    /// The distributions.
    pub latency: Latencies,
    /// Completions within the measure window, per second.
    pub throughput: Throughput,
    /// What it cost the generator.
    pub client: ClientCost,
    /// What it cost the server, where that can be read.
    pub server: Option<ServerCost>,
    /// One row for each second of the measure window.
    pub series: Vec<SeriesRow>,
    /// The latencies by intervals; none in documents of before there were any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<IntervalRecord>,
    /// After a scenario's storm: from its moment until each worker had as many connections open as before; null where that was not seen, or
    /// there was none.
    #[serde(default)]
    pub storm_recovered_s: Option<f64>,
}

/// The program that measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// The package's version.
    pub version: String,
    /// The commit it was built from, where that is known.
    pub commit: Option<String>,
    /// The cryptography library: `aws-lc` or `ring`.
    pub crypto: String,
}

/// The machine that measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Host {
    /// The processor.
    pub cpu: Cpu,
    /// Main memory.
    pub memory_bytes: Option<u64>,
    /// The distribution, such as `Debian GNU/Linux 12 (bookworm)`.
    pub os: Option<String>,
    /// The kernel's release.
    pub kernel: Option<String>,
    /// The frequency governor of the first core.
    pub governor: Option<String>,
    /// Whether a hypervisor runs it.
    pub virtualized: Option<bool>,
}

/// A processor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cpu {
    /// The model's name.
    pub model: Option<String>,
    /// The vendor, such as `AuthenticAMD`.
    pub vendor: Option<String>,
    /// Physical cores.
    pub cores: Option<u32>,
    /// Hardware threads that this process may use.
    pub threads: u32,
    /// The features that matter to TLS, such as `aes`, `vaes`, `avx512f`, `sha_ni`.
    pub features: Vec<String>,
}

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetRecord {
    /// The URL.
    pub url: String,
    /// The addresses that were connected to.
    pub addresses: Vec<String>,
    /// The addresses that did not answer at the start, and why.
    pub dropped_addresses: Vec<DroppedAddress>,
    /// The name demanded of the certificate.
    pub server_name: String,
}

/// An address that was not used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DroppedAddress {
    /// Address and port.
    pub address: String,
    /// Why.
    pub reason: String,
}

/// Every setting that was in force, defaults included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // each is the command-line option of the same name
pub struct PlanRecord {
    /// `closed` or `open`.
    pub loop_kind: String,
    pub unit: String,
    /// Arrivals per second; null in a closed loop.
    pub rate_per_s: Option<f64>,
    pub arrivals: Option<String>,
    pub seed: Option<u64>,
    pub connections: u64,
    pub connect_concurrency: u64,
    pub threads: u64,
    pub pin: bool,
    pub duration_s: f64,
    pub warmup_s: f64,
    pub max_requests: Option<u64>,
    /// null: unlimited; 0: handshakes only.
    pub requests_per_connection: Option<u64>,
    pub timeout_s: f64,
    pub connect_timeout_s: f64,
    pub close: String,
    pub abort_on_errors_above: Option<f64>,
    pub spin_s: f64,
    pub method: String,
    pub path: String,
    pub host_header: String,
    pub headers: Vec<String>,
    pub body_bytes: Option<u64>,
    pub expect_status: String,
    pub tls_versions: Vec<TlsVersion>,
    pub suites: Vec<Suite>,
    pub groups: Vec<Group>,
    /// `rsa`, `ecdsa` or `any`.
    pub cert_type: String,
    /// The share of new connections that resume.
    pub resumption_share: f64,
    /// `mozilla`, `system`, `ca` or `insecure`.
    pub trust: String,
    pub ca_file: Option<String>,
    pub verify: String,
    pub insecure: bool,
    pub client_certificate: Option<String>,
    pub sni: String,
    pub alpn: Vec<String>,
    pub connect_to: Option<String>,
    pub source_ips: Vec<String>,
    pub key_log: Option<String>,
    pub crypto: String,
    /// The stages that the load came in; null where there was one rate, or a closed loop. `rate_per_s` is their mean.
    #[serde(default)]
    pub scenario: Option<ScenarioRecord>,
}

/// Whether the figures can be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// False only for the generator's own faults.
    pub valid: bool,
    /// `client` where the generator was the limit: the rates are then lower bounds.
    pub limited_by: Option<String>,
    /// Why it is not valid; empty when it is.
    pub reasons: Vec<Remark>,
    /// What a reader should know all the same.
    pub warnings: Vec<Remark>,
}

/// A reason or a warning: a stable code, and a sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Remark {
    /// Stable, for scripts.
    pub code: String,
    /// For people.
    pub text: String,
}

/// What happened in the measure window. `scheduled = attempted + unsent` and `attempted = succeeded + failed` always hold.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// `requests` or `sessions`.
    pub unit: String,
    /// Arrivals that the schedule had (closed loop: as many as were attempted).
    pub scheduled: u64,
    /// Arrivals that got no connection within the timeout.
    pub unsent: u64,
    /// Arrivals given a connection, or for which a connect was begun.
    pub attempted: u64,
    /// Requests written to a connection in full.
    pub sent: u64,
    /// Completed as expected.
    pub succeeded: u64,
    /// The rest of the attempted: the sum of `failures`.
    pub failed: u64,
    /// Failures by kind.
    pub failures: BTreeMap<FailureKind, u64>,
    /// Requests sent again because the server closed an idle connection as they went out.
    pub retried: u64,
    /// What the warm-up did.
    pub warmup: WarmupCounts,
}

/// What happened outside the measure window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct WarmupCounts {
    /// Requests written to a connection in full.
    pub sent: u64,
    /// Completed as expected.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
}

/// The connections of the whole run, warm-up included.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Connections {
    /// TCP and TLS complete.
    pub opened: u64,
    /// Closed, by either side.
    pub closed: u64,
    /// Never completed.
    pub failed: u64,
    /// Why they were not completed, by kind.
    pub failures: BTreeMap<FailureKind, u64>,
    /// Completed handshakes by what they were; those that primed the session store are in `priming` only.
    pub handshakes: Handshakes,
    /// Full handshakes made only to get a ticket.
    pub priming: u64,
    /// Resumptions that the server answered with a full handshake.
    pub resumption_refused: u64,
}

/// Completed handshakes by kind.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Handshakes {
    /// Full.
    pub full: u64,
    /// Full, after a HelloRetryRequest.
    pub full_with_hrr: u64,
    /// Resumed.
    pub resumed: u64,
    /// Resumed, after a HelloRetryRequest.
    pub resumed_with_hrr: u64,
}

impl Handshakes {
    /// All kinds together.
    pub fn total(&self) -> u64 {
        let Self { full, full_with_hrr, resumed, resumed_with_hrr } = self;
        full + full_with_hrr + resumed + resumed_with_hrr
    }
}

/// How many connections negotiated what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Negotiated {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: TlsVersion,
    /// The suite, by its IANA name.
    pub suite: Suite,
    /// The key-exchange group; null where a TLS 1.2 resumption exchanged no key.
    pub group: Option<Group>,
    /// `full`, `full_with_hrr`, `resumed` or `resumed_with_hrr`.
    pub handshake: String,
    /// How many.
    pub count: u64,
    /// What the policy of `--profile` says of the suite; null without it.
    #[serde(default)]
    pub standing: Option<Standing>,
}

/// Failures of one kind and detail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FailureDetail {
    /// The kind.
    pub kind: FailureKind,
    /// An alert's name, a certificate's cause, a status; empty where the kind says it all.
    pub detail: String,
    /// How many.
    pub n: u64,
    /// `counts` where they are part of `counts.failures`, `connections` where they are part of `connections.failures`.
    pub of: String,
}

/// The distributions; null where nothing was recorded, or where the figure does not exist (`response` in a closed loop).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)] // defined in docs/measurement.md
pub struct Latencies {
    pub connect: Option<Latency>,
    pub handshake_full: Option<Latency>,
    pub handshake_resumed: Option<Latency>,
    pub first_byte: Option<Latency>,
    pub service: Option<Latency>,
    pub response: Option<Latency>,
    pub dispatch_lag: Option<Latency>,
}

impl Latencies {
    /// All seven with their names, in the order in which they are shown.
    pub fn named(&self) -> [(&'static str, Option<&Latency>); 7] {
        [
            ("connect", self.connect.as_ref()),
            ("handshake_full", self.handshake_full.as_ref()),
            ("handshake_resumed", self.handshake_resumed.as_ref()),
            ("first_byte", self.first_byte.as_ref()),
            ("service", self.service.as_ref()),
            ("response", self.response.as_ref()),
            ("dispatch_lag", self.dispatch_lag.as_ref()),
        ]
    }
}

/// One distribution, in nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Values recorded; those censored are counted in `censored`.
    pub count: u64,
    /// Timeouts and unsent arrivals, known only to exceed the time that they had waited.
    pub censored: u64,
    /// Least; null where only censored values were seen.
    pub min_ns: Option<u64>,
    /// Arithmetic mean of the recorded values.
    pub mean_ns: Option<f64>,
    /// Greatest recorded value.
    pub max_ns: Option<u64>,
    /// Standard deviation of the recorded values.
    pub stddev_ns: Option<f64>,
    /// Values above one hour, clamped.
    pub over_range: u64,
    /// For q 0.5, 0.75, 0.9, 0.95, 0.99, 0.999 and 0.9999.
    pub quantiles: Vec<QuantileRecord>,
    /// All values to 3 significant digits, censored ones at the time that they had waited: what the quantiles are read from. Absent from documents of
    /// before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<HistogramText>,
}

impl Latency {
    /// The record of quantile `q`, if it is one of those kept.
    pub fn quantile(&self, q: f64) -> Option<&QuantileRecord> {
        self.quantiles.iter().find(|record| (record.q - q).abs() < 1e-9)
    }
}

/// One quantile with its 95 % interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuantileRecord {
    /// The level, 0 to 1.
    pub q: f64,
    /// The value; null where the sample is too small for it.
    pub ns: Option<u64>,
    /// Lower end of the interval; null where the sample is too small for one.
    pub low_ns: Option<u64>,
    /// Upper end of the interval.
    pub high_ns: Option<u64>,
    /// Whether the value is a lower bound only, since censored values lie below it.
    pub at_least: bool,
}

/// Completions within the measure window, per second of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Throughput {
    /// Successful requests.
    pub requests_per_s: f64,
    /// Completed handshakes.
    pub handshakes_per_s: f64,
    /// Decrypted bytes received.
    pub bytes_in_per_s: f64,
    /// Plaintext bytes sent.
    pub bytes_out_per_s: f64,
    /// The measure window's true length.
    pub window_s: f64,
}

/// What the run cost the generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClientCost {
    /// CPU time of all workers within the measure window.
    pub cpu_s: f64,
    /// Per request; null where a run mixes handshakes and requests, or had none.
    pub cpu_ns_per_request: Option<f64>,
    /// Per handshake; null where a run mixes handshakes and requests, or had none.
    pub cpu_ns_per_handshake: Option<f64>,
    /// CPU time per 10^9 bytes of body and head received and sent.
    pub cpu_s_per_gb: Option<f64>,
    /// The process's peak resident memory.
    pub peak_rss_bytes: Option<u64>,
    /// Each worker.
    pub workers: Vec<WorkerCost>,
}

/// One worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerCost {
    /// The share of the measure window in which it did not wait for events.
    pub busy: f64,
    /// CPU time within the measure window.
    pub cpu_s: f64,
    /// The longest dispatch lag; null in a closed loop.
    pub dispatch_lag_max_ns: Option<u64>,
    /// The longest time for which it wanted to run and did not.
    pub scheduling_gap_max_ns: u64,
}

/// What the run cost the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerCost {
    /// CPU time within the measure window.
    pub cpu_s: f64,
    /// Per request; null where a run mixes handshakes and requests.
    pub cpu_ns_per_request: Option<f64>,
    /// Per handshake; null where a run mixes handshakes and requests.
    pub cpu_ns_per_handshake: Option<f64>,
    /// Where the figure is from: `embedded` or `pid N`.
    pub source: String,
    /// The steps in which the clock counts that `cpu_s` was read from; 0 where an older document does not say.
    #[serde(default)]
    pub resolution_s: f64,
}

impl ServerCost {
    /// A server's CPU time must be this many steps of its clock: then each of the two readings is off by 2 % at most.
    pub const MIN_STEPS: u32 = 50;

    /// Whether the CPU time is too few steps of its clock for the cost of an operation.
    pub fn is_coarse(&self) -> bool {
        self.cpu_s < self.resolution_s * f64::from(Self::MIN_STEPS)
    }
}

/// One second of the measure window, by completion.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct SeriesRow {
    /// The second's end, in seconds after the window's start.
    pub t_s: f64,
    /// Requests completed as expected.
    pub requests: u64,
    /// Failed requests or sessions.
    pub failures: u64,
    /// Completed handshakes.
    pub handshakes: u64,
    /// Connections open at the second's end.
    pub open_connections: u64,
    /// Median of `service`.
    pub service_p50_ns: Option<u64>,
    /// 99th percentile of `service`.
    pub service_p99_ns: Option<u64>,
    /// Median of `response`.
    pub response_p50_ns: Option<u64>,
    /// 99th percentile of `response`.
    pub response_p99_ns: Option<u64>,
    /// Longest `dispatch_lag`.
    pub dispatch_lag_max_ns: Option<u64>,
    /// The scenario's stage in which the second's middle lies; null without a scenario.
    #[serde(default)]
    pub stage: Option<String>,
}
