//! `shakedown serve`: the embedded endpoint alone, until SIGTERM or Ctrl-C.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::args::{self, CryptoArg};
use super::exit::Failed;
use super::{load, output, signals};
use crate::model::suite::Suite;
use crate::model::tls::Provider;
use crate::target::{Config, Report, Server, TargetError, ca};
use crate::units;

const AFTER_HELP: &str = "\
It answers GET / and GET /delay/MS (64 bytes, after MS milliseconds), GET /bytes/N (N bytes) and POST /sink (how many bytes came).

At the end it says what it counted: a handshake once the client's last message of it has been read, a request once its head has \
been read in full, a response once its body has been handed to the connection in full. An upload that breaks off is a request \
without a response.";

/// The embedded HTTPS endpoint alone: nine suites, RSA and ECDSA certificates, until Ctrl-C or SIGTERM
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ServeArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8443", value_parser = listen)]
    listen: SocketAddr,
    /// Serves only these suites [default: all nine]
    #[arg(long = "suite", value_name = "NAME[,NAME]", value_delimiter = ',')]
    suites: Vec<Suite>,
    /// Gives no session tickets and no session ids: nothing can be resumed
    #[arg(long)]
    no_tickets: bool,
    /// Writes the certificate of its authority here, for --ca of `shakedown run`
    #[arg(long, value_name = "FILE")]
    write_ca: Option<PathBuf>,
    /// Further names in the certificates, beside localhost, 127.0.0.1 and ::1
    #[arg(long = "name", value_name = "NAME[,NAME]", value_delimiter = ',')]
    names: Vec<String>,
    /// Threads [default: one for each core]
    #[arg(short = 't', long, value_name = "N", value_parser = args::count::<NonZeroUsize>, allow_hyphen_values = true)]
    threads: Option<NonZeroUsize>,
    /// The cryptography library
    #[arg(long, value_enum, value_name = "LIBRARY", default_value = "aws-lc")]
    crypto: CryptoArg,
    /// Prints what it counted as JSON, and only that, on stdout
    #[arg(long)]
    json: bool,
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    let error = |_| format!("'{text}' is not an address with a port, such as 127.0.0.1:8443 or [::1]:0");
    text.trim().parse().map_err(error)
}

pub(super) fn execute(args: &ServeArgs) -> Result<ExitCode, Failed> {
    let threads = args.threads.unwrap_or_else(load::cores).get();
    let mut config = Config::new(args.listen, threads);
    if !args.suites.is_empty() {
        config.suites.clone_from(&args.suites);
    }
    config.tickets = !args.no_tickets;
    config.extra_names.clone_from(&args.names);
    config.provider = match args.crypto {
        CryptoArg::AwsLc => Provider::AwsLc,
        CryptoArg::Ring => Provider::Ring,
    };
    // The endpoint holds a descriptor for each connection.
    let _ = crate::host::limits::raise_nofile();
    let server = Server::start(&config).map_err(|error| refused(args, &error))?;
    if let Some(path) = &args.write_ca {
        ca::write_pem(path, server.ca_pem()).map_err(|error| Failed::could_not_run(format!("--write-ca: {error}")))?;
    }
    let ca = args.write_ca.as_deref();
    if args.json {
        // Stdout is for the document alone.
        let _ = greet(server.addr(), ca, &mut std::io::stderr());
    } else {
        output::print(|out| greet(server.addr(), ca, out))?;
    }
    signals::wait_for_signal().map_err(|error| Failed::could_not_run(format!("cannot wait for signals: {error}")))?;
    let report = server.stop();
    if args.json {
        output::print_json(&report)?;
    } else {
        output::print(|out| print_report(&report, out))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where it listens, and how it is loaded.
fn greet(addr: SocketAddr, ca: Option<&Path>, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "listening on https://{addr}/")?;
    // The unspecified address stands for every one of this machine, and no certificate can hold it.
    let host =
        if addr.ip().is_unspecified() { "localhost".to_owned() } else { SocketAddr::new(addr.ip(), 0).to_string() };
    let url = format!("https://{}:{}/", host.trim_end_matches(":0"), addr.port());
    match ca {
        Some(ca) => writeln!(out, "authority in {0}; load it with: shakedown run {url} --ca {0}", ca.display()),
        None => writeln!(
            out,
            "no client knows its authority: add --write-ca FILE, or load it with: shakedown run {url} --insecure"
        ),
    }
}

/// Why the endpoint could not be started, with the option that asked for it.
fn refused(args: &ServeArgs, error: &TargetError) -> Failed {
    match error {
        TargetError::Listen { addr, source } => {
            Failed::could_not_run(format!("--listen: {error}{}", listen_hint(*addr, source)))
        }
        TargetError::Threads(n) => Failed::usage(format!("--threads {n}: {error}")),
        TargetError::Certificate(_) if !args.names.is_empty() => {
            let names = args.names.join(",");
            Failed::usage(format!("--name {names}: {error}; give DNS names in ASCII (xn--…) or IP addresses"))
        }
        _ => Failed::could_not_run(format!("cannot serve: {error}")),
    }
}

/// The way out where the system refuses to listen.
fn listen_hint(addr: SocketAddr, error: &std::io::Error) -> String {
    use std::io::ErrorKind as E;
    match error.kind() {
        E::AddrInUse => "; another port may be free, and port 0 takes a free one".to_owned(),
        E::AddrNotAvailable => {
            let all = if addr.is_ipv4() { "0.0.0.0" } else { "[::]" };
            format!("; it is no address of this machine: {all}:{} listens on all that it has", addr.port())
        }
        E::PermissionDenied => "; ports below 1024 are for root as a rule: take a higher one".to_owned(),
        _ => String::new(),
    }
}

fn print_report(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let mut line = |label: &str, figure: &str, rest: &str| {
        writeln!(out, "{}", format!("{label:<14}{figure:>12}  {rest}").trim_end())
    };
    let count = units::count;
    line("connections", &count(report.connections), "")?;
    if report.accept_errors > 0 {
        line("  refused", &count(report.accept_errors), "by the system, mostly for want of descriptors")?;
    }
    for row in &report.handshakes {
        let group = row.group.map_or("no key exchange", |group| group.iana());
        line("handshakes", &count(row.count), &format!("{}, {} {} {group}", row.kind, row.version, row.suite))?;
    }
    for failed in &report.failed_handshakes {
        line("  failed", &count(failed.count), &failed.cause)?;
    }
    line("requests", &count(report.requests), "heads received")?;
    line("responses", &count(report.responses), "sent in full")?;
    let (received, sent) = (units::bytes(report.bytes_in as f64), units::bytes(report.bytes_out as f64));
    line("bodies", &received, &format!("received, {sent} sent"))?;
    let (cpu, wall) = (report.cpu.as_secs_f64(), report.wall.as_secs_f64());
    line("CPU time", &format!("{cpu:.2} s"), &format!("in {wall:.1} s"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::suite::{Group, TlsVersion};
    use crate::target::{FailedHandshakes, HandshakeCount, HandshakeKind};

    #[test]
    fn the_greeting_says_how_it_is_loaded() {
        let greeting = |addr: &str, ca: Option<&str>| {
            let mut out = Vec::new();
            greet(addr.parse().unwrap(), ca.map(Path::new), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        for (addr, url) in [
            ("127.0.0.1:8443", "https://127.0.0.1:8443/"),
            ("[::1]:443", "https://[::1]:443/"),
            ("0.0.0.0:10", "https://localhost:10/"),
            ("[::]:10", "https://localhost:10/"),
        ] {
            let text = greeting(addr, Some("ca.pem"));
            let load = format!("authority in ca.pem; load it with: shakedown run {url} --ca ca.pem\n");
            assert_eq!(text, format!("listening on https://{addr}/\n{load}"));
            assert!(greeting(addr, None).ends_with(&format!("shakedown run {url} --insecure\n")));
        }
    }

    #[test]
    fn requests_and_responses_are_told_apart() {
        let report = Report {
            connections: 12_345,
            open_connections: 0,
            accept_errors: 0,
            handshakes: vec![HandshakeCount {
                version: TlsVersion::V13,
                suite: Suite::Aes128GcmSha256,
                group: Some(Group::X25519),
                kind: HandshakeKind::FullWithHrr,
                count: 12_344,
            }],
            failed_handshakes: vec![FailedHandshakes { cause: "tls_alert: unknown_ca".to_owned(), count: 1 }],
            requests: 1_234_567,
            responses: 1_234_566,
            bytes_in: 1536,
            bytes_out: 0,
            cpu: Duration::from_millis(1250),
            wall: Duration::from_secs(30),
        };
        let mut out = Vec::new();
        print_report(&report, &mut out).unwrap();
        let expected = "\
connections         12 345
handshakes          12 344  full after HelloRetryRequest, TLSv1.3 TLS_AES_128_GCM_SHA256 X25519
  failed                 1  tls_alert: unknown_ca
requests         1 234 567  heads received
responses        1 234 566  sent in full
bodies            1.50 KiB  received, 0 B sent
CPU time            1.25 s  in 30.0 s
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
