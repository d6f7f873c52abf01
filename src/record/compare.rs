//! `shakedown.compare/1`: documents of one kind side by side, the first of them the reference.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::label::Label;
use super::run::{Host, Remark, Tool};
use super::suites::Versus;
use crate::model::suite::{KeyType, Suite};

/// The schema's name and version.
pub const SCHEMA: &str = "shakedown.compare/1";

/// A comparison, complete: all outputs are rendered from this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CompareDocument {
    /// [`SCHEMA`].
    pub schema: String,
    /// What compared.
    pub tool: Comparer,
    /// When it was compared: RFC 3339, UTC.
    pub started_at: String,
    /// What the user calls it; absent where it has neither name nor tags.
    #[serde(default, skip_serializing_if = "Label::is_none")]
    pub label: Label,
    /// The schema of the documents.
    pub kind: String,
    /// How it was compared.
    pub plan: ComparePlanRecord,
    /// What it comes to.
    pub outcome: Outcome,
    /// Why it is inconclusive; empty where it is not.
    pub reasons: Vec<Remark>,
    /// What a reader should know all the same.
    #[serde(default)]
    pub warnings: Vec<Remark>,
    /// The documents, the reference first.
    pub documents: Vec<Compared>,
    /// Every setting, and everything else about the documents, in which they differ.
    pub differences: Vec<Differing>,
    /// Every figure that a document has, in the order in which they are shown.
    pub rows: Vec<Row>,
}

/// The program that compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparer {
    /// The package's version.
    pub version: String,
    /// The commit it was built from, where that is known.
    pub commit: Option<String>,
}

/// How documents were compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparePlanRecord {
    /// Figures that differ by at most this share, 0 to 1, are not called different.
    pub tolerance: f64,
    /// By how much more, as a share, the whole interval must lie beyond the tolerance before single runs are called different: runs of
    /// one thing differ among themselves, and one run does not show by how much. Null where that was measured, or is in the rounds.
    #[serde(default)]
    pub allowance: Option<f64>,
    /// By how much more, in nanoseconds, the times themselves; of the rate of a closed loop the time that a request takes of its connection.
    #[serde(default)]
    pub allowance_ns: Option<f64>,
    /// The confidence of all intervals.
    pub confidence: f64,
    /// Whether plans that differ were compared all the same.
    pub anyway: bool,
}

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// No leading figure can be worse by more than the tolerance.
    Pass,
    /// Some leading figure surely is.
    Regression,
    /// Nobody can tell.
    Inconclusive,
}

/// One of the documents, or repeated runs that stand for one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Compared {
    /// The file, as it was named; of repeated runs the first.
    pub path: String,
    /// Of repeated runs: the files of the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeats: Vec<String>,
    /// When it was measured.
    pub started_at: String,
    /// What measured it.
    pub tool: Tool,
    /// Where.
    pub host: Host,
    /// What was loaded; null where no endpoint was.
    pub url: Option<String>,
    /// Whether the server's certificate was left unchecked; null where there was no server.
    pub insecure: Option<bool>,
    /// Whether it is the reference's very measurement: its figures are the same ones, not just as high.
    pub same_as_reference: bool,
    /// Why its figures cannot be relied on; empty where they can.
    pub unreliable: Vec<Remark>,
    /// What limited a run: `client` where its rates are lower bounds of the server's; else null.
    #[serde(default)]
    pub limited_by: Option<String>,
    /// The document's own warnings.
    #[serde(default)]
    pub warnings: Vec<Remark>,
}

impl Compared {
    /// A document that was measured at `started_at` by `tool` on `host`, of which nothing else is said.
    pub fn new(path: &str, started_at: &str, tool: &Tool, host: &Host) -> Self {
        Self {
            path: path.to_owned(),
            repeats: Vec::new(),
            started_at: started_at.to_owned(),
            tool: tool.clone(),
            host: host.clone(),
            url: None,
            insecure: None,
            same_as_reference: false,
            unreliable: Vec::new(),
            limited_by: None,
            warnings: Vec::new(),
        }
    }

    /// The same, of the endpoint at `url`.
    #[must_use]
    pub fn of_endpoint(self, url: &str, insecure: bool) -> Self {
        Self { url: Some(url.to_owned()), insecure: Some(insecure), ..self }
    }

    /// The same, whose figures cannot be relied on because of `why`.
    #[must_use]
    pub fn doubted(mut self, code: &str, why: &str) -> Self {
        self.unreliable.push(Remark { code: code.to_owned(), text: why.to_owned() });
        self
    }
}

/// Something in which documents differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Differing {
    /// `plan`, `arms`, `tool`, `host`, `target`, `negotiated` or `openssl`: the part of the document.
    pub section: String,
    /// The field in it, such as `cpu.model`.
    pub setting: String,
    /// What each document has, in their order.
    pub values: Vec<Value>,
    /// Whether documents that differ in it are refused without `--anyway`.
    pub needs_anyway: bool,
}

/// One figure of one thing in all documents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Row {
    /// What was measured; empty where the whole document is about one thing.
    #[serde(flatten)]
    pub subject: Subject,
    /// The figure, with its unit, such as `service_p99_ns`.
    pub measure: String,
    /// Whether more of it is better.
    pub higher_is_better: bool,
    /// Whether the outcome follows from it; what is better or worse of the others is told, and no more.
    pub leading: bool,
    /// What each document has, in their order; null where it has none.
    pub figures: Vec<Option<Figure>>,
    /// Each document but the first against the first, in their order.
    pub versus_reference: Vec<VersusReference>,
    /// Of a suite's rate: whose figure it is in each document, `server`, `client` or `both`; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rate_of: Vec<Option<String>>,
    /// Of a suite's rate: what each document says of it against its own baseline, null for the baseline; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versus_baseline: Vec<Option<Versus>>,
}

/// What a figure is of. A kind of document has some of these and never the others, which are then left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[allow(missing_docs)] // the names are those of the documents compared
pub struct Subject {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suite: Option<Suite>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<KeyType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<u64>,
}

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// The interval's lower end; null where the document does not allow one.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// Whether it is a lower bound only: a quantile among timeouts, or a rate that the generator limited.
    pub at_least: bool,
}

/// A document's figure against the reference's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VersusReference {
    /// Document / reference; null where the two are not the same thing.
    pub ratio: Option<f64>,
    /// The ratio's 95 % interval, by itself; null where the documents do not allow one.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// The p-value of a difference beyond the tolerance, corrected for the number of comparisons (Holm).
    pub p: Option<f64>,
    /// What it comes to.
    pub verdict: Verdict,
    /// Why nobody can tell; null where the verdict is another.
    pub why: Option<Why>,
}

/// What the comparison of two figures comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Surely better by more than the tolerance.
    Better,
    /// Surely worse by more than the tolerance.
    Worse,
    /// No difference beyond the tolerance was seen, and the whole interval excludes that it is worse by more than that.
    NoDifference,
    /// It may be worse by more than the tolerance, or not.
    CannotTell,
}

/// Why nobody can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// One of the documents has no such figure.
    Missing,
    /// The interval reaches beyond the tolerance.
    TooWide,
    /// It lies beyond the tolerance, but not beyond it by what single runs are allowed to differ by.
    SingleRuns,
    /// It is of connections that were opened in one burst before the load: how they crowded each other.
    Burst,
    /// A document gives no interval.
    NoInterval,
    /// One of the figures is a bound.
    Bound,
    /// Response times at different rates.
    OtherRate,
    /// The one rate is the server's, the other the generator's, or that of both.
    OtherLimit,
}

/// A measure in the field's words, without the unit that its figures show.
pub fn measure_in_words(measure: &str) -> String {
    match measure {
        "success_share" => return "share of successes".to_owned(),
        "client_ns" | "server_ns" | "operation_ns" => {
            return format!("time of the {}", measure.trim_end_matches("_ns"));
        }
        _ => {}
    }
    let bare = measure.trim_end_matches("_ns").replace("_cpu_ns_per_", "_cpu_per_").replace("_cpu_s_per_", "_cpu_per_");
    let words = bare.split('_').map(|word| match word {
        "cpu" => "CPU",
        "gb" => "GB",
        "s" => "second",
        word => word,
    });
    let words = words.collect::<Vec<_>>().join(" ");
    // The kind of a handshake comes first when people speak of it.
    ["full", "resumed"]
        .iter()
        .fold(words, |words, kind| words.replace(&format!("handshake {kind}"), &format!("{kind} handshake")))
}

#[cfg(test)]
mod tests {
    use super::measure_in_words;

    #[test]
    fn measures_have_names_that_people_use() {
        for (measure, words) in [
            ("requests_per_s", "requests per second"),
            ("bytes_in_per_s", "bytes in per second"),
            ("success_share", "share of successes"),
            ("handshake_full_p50_ns", "full handshake p50"),
            ("first_byte_p99_ns", "first byte p99"),
            ("client_cpu_ns_per_request", "client CPU per request"),
            ("client_cpu_s_per_gb", "client CPU per GB"),
            ("server_cpu_ns", "server CPU"),
            ("client_ns", "time of the client"),
            ("bytes_per_s", "bytes per second"),
        ] {
            assert_eq!(measure_in_words(measure), words);
        }
    }
}
