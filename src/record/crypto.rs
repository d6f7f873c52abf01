//! `shakedown.crypto/1`: what this processor makes of the cryptography of TLS, by library.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::label::Label;
use super::run::{Host, Remark, Tool};
use crate::model::crypto::{Direction, Handshake, Library, Operation, PublicKey};
use crate::model::suite::{Group, KeyType, RecordCipher, Suite, TlsVersion};

#[cfg(test)]
pub(crate) mod fixture;

/// The schema's name and version.
pub const SCHEMA: &str = "shakedown.crypto/1";

/// One measurement of this machine's cryptography, complete: all outputs are rendered from this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CryptoDocument {
    /// [`SCHEMA`].
    pub schema: String,
    /// What measured; `crypto` names the libraries of this build that were measured.
    pub tool: Tool,
    /// Where it ran.
    pub host: Host,
    /// When it started: RFC 3339, UTC.
    pub started_at: String,
    /// What the user calls it; absent where it has neither name nor tags.
    #[serde(default, skip_serializing_if = "Label::is_none")]
    pub label: Label,
    /// Whether the user ended it early.
    pub interrupted: bool,
    /// Every setting that was in force.
    pub plan: CryptoPlanRecord,
    /// The cores' frequency around the measurement.
    pub frequency: FrequencyRecord,
    /// How much of the processor the measurement got.
    pub cpu_share: CpuShare,
    /// The machine's own OpenSSL.
    pub openssl: OpenSslRecord,
    /// What a reader should know of these figures.
    pub warnings: Vec<Remark>,
    /// Records sealed and opened, by algorithm.
    pub aead: Vec<AeadRow>,
    /// Records sealed and opened by a whole rustls connection, by suite.
    pub record_layer: Vec<RecordLayerRow>,
    /// The public-key operations of a handshake.
    pub primitives: Vec<PrimitiveRow>,
    /// Whole handshakes, each side by itself.
    pub handshakes: Vec<HandshakeRow>,
    /// What follows from the figures, by the rule in docs/crypto.md.
    pub advice: Vec<Remark>,
}

impl CryptoDocument {
    /// The fewest and the most repetitions that were made of this program's own measurements: fewer than planned where the user ended it
    /// early. `None` where there are none.
    pub fn repetitions_made(&self) -> Option<(u64, u64)> {
        let own = |library: Library| library.provider().is_some();
        let records = self.aead.iter().filter(|row| own(row.provider)).map(|row| row.speed.repetitions);
        let layer = self.record_layer.iter().map(|row| row.speed.repetitions);
        let primitives = self.primitives.iter().filter(|row| own(row.provider)).map(|row| row.speed.repetitions);
        let handshakes = self.handshakes.iter().map(|row| row.client.repetitions);
        let made: Vec<u64> = records.chain(layer).chain(primitives).chain(handshakes).collect();
        made.iter().min().copied().zip(made.iter().max().copied())
    }
}

/// Every setting that was in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CryptoPlanRecord {
    /// The libraries that were asked for.
    pub providers: Vec<Library>,
    /// The numbers of threads for which `aead` was measured.
    pub threads: Vec<u64>,
    /// How often each of this program's own measurements was made.
    pub repetitions: u64,
    /// How long each repetition was.
    pub time_s: f64,
    /// How long each was warmed up before.
    pub warmup_s: f64,
    /// The time that the whole was given; null where the length of a repetition was chosen.
    pub budget_s: Option<f64>,
    /// What the order of the measurements follows from.
    pub seed: u64,
    /// The sizes of records, in bytes of plaintext.
    pub record_bytes: Vec<u64>,
    /// The most bytes of records that pass by before the first is used again.
    pub working_set_bytes: u64,
}

/// The cores' frequency around the measurement; null where the kernel does not tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FrequencyRecord {
    /// Before the first.
    pub before: Option<CoreFrequency>,
    /// After the last.
    pub after: Option<CoreFrequency>,
}

/// The frequencies of all cores at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoreFrequency {
    /// The slowest core's.
    pub min_mhz: f64,
    /// The mean.
    pub mean_mhz: f64,
    /// The fastest core's.
    pub max_mhz: f64,
}

/// The share of the time for which the measuring threads were running: below 1 where other programs ran instead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CpuShare {
    /// The median over the measurements with one thread; null where there was none.
    pub one_thread: Option<f64>,
    /// The median over those with several.
    pub several_threads: Option<f64>,
}

/// The machine's own OpenSSL, and what its `openssl speed` printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenSslRecord {
    /// What `openssl version` says; null where it was not run.
    pub version: Option<String>,
    /// Why there are no rows of it, or why some are missing; null where none is.
    pub missing: Option<String>,
    /// Each command that was run.
    pub runs: Vec<OpenSslRun>,
}

/// One run of `openssl speed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenSslRun {
    /// The command line.
    pub command: String,
    /// The line of its output that the figures are from.
    pub printed: String,
}

/// Records of one size under one algorithm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AeadRow {
    /// The algorithm.
    pub algorithm: RecordCipher,
    /// The library.
    pub provider: Library,
    /// What was done.
    pub direction: Direction,
    /// Plaintext of each record.
    pub record_bytes: u64,
    /// Threads at once.
    pub threads: u64,
    /// Whether all that a record needs was done. False where `openssl speed` leaves something out: the figure is then an upper bound.
    pub whole_record: bool,
    /// How fast.
    #[serde(flatten)]
    pub speed: RecordSpeed,
}

/// Records of one size through a rustls connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordLayerRow {
    /// The suite, by its IANA name.
    pub suite: Suite,
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: TlsVersion,
    /// The library.
    pub provider: Library,
    /// The sending side, or the receiving one.
    pub direction: Direction,
    /// Plaintext of each record.
    pub record_bytes: u64,
    /// How fast.
    #[serde(flatten)]
    pub speed: RecordSpeed,
}

/// The median over repetitions with its 95 % interval. `bytes_per_s × ns_per_record = threads × record_bytes × 10⁹` always holds: the
/// rate is that of all threads together, the time that of one record on one of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecordSpeed {
    /// Bytes of plaintext per second, by all threads together.
    pub bytes_per_s: f64,
    /// The interval's lower end; null where the repetitions are too few, as for a single run of `openssl speed`.
    pub bytes_per_s_low: Option<f64>,
    /// Its upper end.
    pub bytes_per_s_high: Option<f64>,
    /// Time for a record, on one thread.
    pub ns_per_record: f64,
    /// The interval's lower end.
    pub ns_per_record_low: Option<f64>,
    /// Its upper end.
    pub ns_per_record_high: Option<f64>,
    /// How many repetitions.
    pub repetitions: u64,
}

/// The median time for one operation over repetitions, with its 95 % interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperationSpeed {
    /// Time for one.
    pub ns: f64,
    /// The interval's lower end; null where the repetitions are too few, as for a single run of `openssl speed`.
    pub ns_low: Option<f64>,
    /// Its upper end.
    pub ns_high: Option<f64>,
    /// 10⁹ ÷ `ns`: how many one core does in a second.
    pub per_s: f64,
    /// How many repetitions.
    pub repetitions: u64,
}

/// A public-key operation, by one thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PrimitiveRow {
    /// The algorithm.
    pub algorithm: PublicKey,
    /// The operation.
    pub operation: Operation,
    /// The library.
    pub provider: Library,
    /// How fast.
    #[serde(flatten)]
    pub speed: OperationSpeed,
}

/// Whole handshakes in memory, by one thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HandshakeRow {
    /// The suite, by its IANA name.
    pub suite: Suite,
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: TlsVersion,
    /// The server's key; null where a resumption shows no certificate.
    pub certificate: Option<KeyType>,
    /// The group of the key exchange; null where none is made, in a resumption of TLS 1.2.
    pub group: Option<Group>,
    /// Full or resumed.
    pub handshake: Handshake,
    /// The library, on both sides.
    pub provider: Library,
    /// The client's part.
    pub client: OperationSpeed,
    /// The server's part.
    pub server: OperationSpeed,
}
