//! The options shared by all commands that send load, as clap reads them: the first of two stages. The second is in `load`.

use std::net::IpAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use crate::model::load::{AbortRule, RequestsPerConnection};
use crate::model::request::{ExpectStatus, Header, Method};
use crate::model::suite::{Group, Suite};
use crate::model::target::{Endpoint, Host, HttpsUrl};
use crate::record::label::Label;
use crate::units::{ByteCount, Rate, parse_duration};

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// A whole number; std's own words name neither the value nor what was expected.
pub(super) fn whole<T: FromStr>(text: &str, expected: &str) -> Result<T, String> {
    let text = text.trim();
    let large = text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_digit());
    let expected = if large { "a number that can be counted to" } else { expected };
    text.parse().map_err(|_| format!("'{text}' is not {expected}"))
}

/// A whole number of a type without zero.
pub(super) fn count<T: FromStr>(text: &str) -> Result<T, String> {
    whole(text, "a whole number from 1 on")
}

/// A process's number.
fn pid(text: &str) -> Result<u32, String> {
    whole(text, "the number of a process")
}

pub(super) fn seed(text: &str) -> Result<u64, String> {
    whole(text, "a whole number from 0 on, such as 42")
}

fn ip(text: &str) -> Result<IpAddr, String> {
    text.trim().parse().map_err(|_| format!("'{}' is not an IP address such as 192.0.2.7 or 2001:db8::7", text.trim()))
}

/// `--arrivals`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ArrivalsArg {
    Poisson,
    Constant,
}

/// `--unit`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum UnitArg {
    Requests,
    Sessions,
}

/// `--close`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum CloseArg {
    Reset,
    Fin,
}

/// `--tls`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum TlsArg {
    #[value(name = "1.2")]
    V12,
    #[value(name = "1.3")]
    V13,
    Any,
}

/// `--cert-type`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum CertTypeArg {
    Rsa,
    Ecdsa,
    Any,
}

/// `--roots`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RootsArg {
    Mozilla,
    System,
}

/// `--verify`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum VerifyArg {
    Once,
    Every,
}

/// `--alpn`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum AlpnArg {
    #[value(name = "http/1.1")]
    Http11,
    None,
}

/// `--crypto`
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum CryptoArg {
    AwsLc,
    Ring,
}

/// The connections of every run, and who handles them.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connections")]
pub(super) struct PoolArgs {
    /// Connections in total; with sessions as the unit, the most that may be open [default: 64]
    #[arg(short = 'c', long, value_name = "N", value_parser = count::<NonZeroUsize>, allow_hyphen_values = true)]
    pub(super) connections: Option<NonZeroUsize>,
    /// Handshakes in progress at once while connections are opened [default: 256]
    #[arg(long, value_name = "N", value_parser = count::<NonZeroUsize>, allow_hyphen_values = true)]
    pub(super) connect_concurrency: Option<NonZeroUsize>,
    /// Workers, a thread each [default: one for each core]
    #[arg(short = 't', long, value_name = "N", value_parser = count::<NonZeroUsize>, allow_hyphen_values = true)]
    pub(super) threads: Option<NonZeroUsize>,
    /// Binds each worker to a core
    #[arg(long)]
    pub(super) pin: bool,
    /// The longest wait for an answer, and the length of the drain [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub(super) timeout: Option<Duration>,
    /// The longest wait for TCP and TLS together [default: 5s]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub(super) connect_timeout: Option<Duration>,
    /// How connections end after close_notify; 'fin' keeps ports in TIME_WAIT
    #[arg(long, value_enum, value_name = "HOW", default_value = "reset")]
    pub(super) close: CloseArg,
}

/// How much load, and for how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "Load")]
pub(super) struct LoadArgs {
    /// Measured time [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub(super) duration: Option<Duration>,
    /// Load before the measured time, not measured [default: 3s]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub(super) warmup: Option<Duration>,
    /// Ends the measured time sooner, once so many requests (or sessions) have been measured
    #[arg(long, value_name = "N", value_parser = count::<NonZeroU64>, allow_hyphen_values = true)]
    pub(super) requests: Option<NonZeroU64>,
    /// Open loop: arrivals per second, such as 2000/s. Without it: closed loop, each connection sends when it has its answer
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub(super) rate: Option<Rate>,
    /// Open loop: the arrival process [default: poisson]
    #[arg(long, value_enum, value_name = "LAW", hide_possible_values = false)]
    pub(super) arrivals: Option<ArrivalsArg>,
    /// Open loop: repeats the arrivals of an earlier run
    #[arg(long, value_name = "N", value_parser = seed, allow_hyphen_values = true)]
    pub(super) seed: Option<u64>,
    /// Open loop: what arrives [default: requests; sessions with --requests-per-connection 0]
    #[arg(long, value_enum, value_name = "UNIT")]
    pub(super) unit: Option<UnitArg>,
    /// Requests on each connection: a number, 'unlimited', or 0 for handshakes only [default: unlimited]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(super) requests_per_connection: Option<RequestsPerConnection>,
    /// Gives up when too much fails, such as 'errors > 50%', once 100 have ended
    #[arg(long, value_name = "RULE")]
    pub(super) abort_on: Option<AbortRule>,
    /// Open loop: spins instead of sleeping for the last TIME before an arrival, such as 20us [default: 0]
    #[arg(long, value_name = "TIME", value_parser = duration, allow_hyphen_values = true)]
    pub(super) spin: Option<Duration>,
    // Last: its heading would go on for what comes after it.
    #[command(flatten)]
    pub(super) pool: PoolArgs,
}

/// What is sent, and where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(super) struct RequestArgs {
    /// The endpoint, such as https://api.example.com/health
    #[arg(value_name = "URL", help_heading = None::<&str>)]
    pub(super) url: HttpsUrl,
    /// The method [default: GET, or POST with a body]
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(super) method: Option<Method>,
    /// A header of the request; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(super) headers: Vec<Header>,
    /// The request's body, from a file
    #[arg(long, value_name = "FILE", conflicts_with = "body_size")]
    pub(super) body: Option<PathBuf>,
    /// A body of this size, such as 16KiB
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub(super) body_size: Option<ByteCount>,
    /// What counts as success, such as 2xx,304
    #[arg(long, value_name = "STATUS", default_value = "2xx")]
    pub(super) expect_status: ExpectStatus,
    /// Connects there instead; Host, SNI and the certificate's name stay those of the URL
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) connect_to: Option<Endpoint>,
    /// The name sent as SNI, and demanded of the certificate
    #[arg(long, value_name = "NAME")]
    pub(super) sni: Option<Host>,
    /// Local addresses to connect from, in turn: each has ports of its own
    #[arg(long, value_name = "IP[,IP]", value_delimiter = ',', value_parser = ip)]
    pub(super) source_ip: Vec<IpAddr>,
    /// IPv4 only
    #[arg(long, conflicts_with = "ipv6")]
    pub(super) ipv4: bool,
    /// IPv6 only
    #[arg(long)]
    pub(super) ipv6: bool,
}

/// Under which TLS.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsArgs {
    /// The protocol's version
    #[arg(long, value_enum, value_name = "VERSION", default_value = "any")]
    pub(super) tls: TlsArg,
    /// Cipher suites, IANA or OpenSSL names, in order of preference [default: the nine]
    #[arg(
        long = "suite", value_name = "NAME[,NAME]", value_delimiter = ',',
        long_help = suites_help()
    )]
    pub(super) suites: Vec<Suite>,
    /// Key-exchange groups: X25519, P-256, P-384, X25519MLKEM768 [default: the first three]
    #[arg(long = "group", value_name = "NAME[,NAME]", value_delimiter = ',')]
    pub(super) groups: Vec<Group>,
    /// The protocol offered by ALPN
    #[arg(long, value_enum, value_name = "PROTOCOL", default_value = "http/1.1")]
    pub(super) alpn: AlpnArg,
    /// The kind of certificate to ask the server for: by suite in TLS 1.2, by signature schemes in TLS 1.3
    #[arg(long, value_enum, value_name = "KIND", default_value = "any")]
    pub(super) cert_type: CertTypeArg,
    /// Trusts only this: a PEM file with authorities, or self-signed server certificates
    #[arg(long, value_name = "FILE", conflicts_with_all = ["roots", "insecure"])]
    pub(super) ca: Option<PathBuf>,
    /// The authorities that are trusted [default: mozilla]
    #[arg(long, value_enum, value_name = "STORE", conflicts_with = "insecure")]
    pub(super) roots: Option<RootsArg>,
    /// When a certificate chain is verified: first seen, or in every full handshake; the handshake's signature always is
    #[arg(long, value_enum, value_name = "WHEN", default_value = "once")]
    pub(super) verify: VerifyArg,
    /// Checks neither certificate nor name; every output says so
    #[arg(short = 'k', long)]
    pub(super) insecure: bool,
    /// Client certificate, PEM, with its chain; needs --key
    #[arg(long, value_name = "FILE")]
    pub(super) cert: Option<PathBuf>,
    /// The key of --cert, PEM, not encrypted
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,
    /// Writes the session secrets to this file, for tshark
    #[arg(long, value_name = "FILE")]
    pub(super) key_log: Option<PathBuf>,
    /// The cryptography library
    #[arg(long, value_enum, value_name = "LIBRARY", default_value = "aws-lc")]
    pub(super) crypto: CryptoArg,
}

/// The server's process, where it runs on this machine and is named.
#[derive(Debug, Args)]
#[command(next_help_heading = None::<&str>)]
pub(super) struct ServerArgs {
    /// Reads the server's CPU time from this process and its children (same machine)
    #[arg(long, value_name = "PID", value_parser = pid, allow_hyphen_values = true)]
    pub(super) server_pid: Option<u32>,
}

/// What the results are called.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct LabelArgs {
    /// A name for the results, kept in the document
    #[arg(long, value_name = "NAME", value_parser = word)]
    name: Option<String>,
    /// Tags to find the results by with `shakedown results --tag`; may be given several times
    #[arg(long = "tag", value_name = "TAG", value_parser = word)]
    tags: Vec<String>,
}

impl LabelArgs {
    pub(super) fn label(&self) -> Label {
        Label { name: self.name.clone(), tags: self.tags.clone() }
    }
}

/// A text that stands in one line.
fn word(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(format!("'{}' is not a text of one line with something in it", text.escape_debug()));
    }
    Ok(text.to_owned())
}

/// What comes out.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// The folder for all outputs, new or empty [default: results/<UTC stamp>-<command>-<host>]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Writes into --out even if it is not empty
    #[arg(long)]
    pub(super) overwrite: bool,
    #[command(flatten)]
    pub(super) label: LabelArgs,
    /// Prints the document, and only it, on stdout
    #[arg(long)]
    pub(super) json: bool,
    /// Prints no summary and shows no progress; warnings, errors and an INVALID run still go to stderr
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Shows no progress
    #[arg(long, action = ArgAction::SetTrue)]
    pub(super) no_progress: bool,
}

fn suites_help() -> String {
    named_suites("Cipher suites, in order of preference, separated by commas; all nine are offered if none is named:")
}

/// A sentence, and the names that there are.
pub(super) fn named_suites(sentence: &str) -> String {
    let mut help = format!("{sentence}\n");
    for suite in Suite::all() {
        let alias = if suite.openssl() == suite.iana() { String::new() } else { format!("  =  {}", suite.openssl()) };
        help.push_str(&format!("\n  {}{alias}", suite.iana()));
    }
    help
}
