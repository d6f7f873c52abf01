//! `shakedown serve`: the embedded endpoint alone, until SIGTERM or Ctrl-C.

use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::args::CryptoArg;
use super::exit::Failed;
use super::{load, output, signals};
use crate::model::suite::Suite;
use crate::model::tls::Provider;
use crate::target::{Config, Report, Server, ca};
use crate::units;

/// The embedded HTTPS endpoint alone: all nine suites, both certificates, until SIGTERM
#[derive(Debug, Args)]
#[command(after_help = "It answers GET / (64 bytes), GET /bytes/N, GET /delay/MS and POST /sink.")]
pub(super) struct ServeArgs {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Serves only these suites [default: all nine]
    #[arg(long = "suite", value_name = "NAME", value_delimiter = ',')]
    suites: Vec<Suite>,
    /// Gives no session tickets and no session ids: nothing can be resumed
    #[arg(long)]
    no_tickets: bool,
    /// Writes the authority's certificate here, for --ca
    #[arg(long, value_name = "FILE")]
    write_ca: Option<PathBuf>,
    /// Further names in the certificates, beside localhost, 127.0.0.1 and ::1
    #[arg(long = "name", value_name = "NAME", value_delimiter = ',')]
    names: Vec<String>,
    /// Threads [default: one for each core]
    #[arg(short = 't', long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// The cryptography library
    #[arg(long, value_enum, default_value = "aws-lc")]
    crypto: CryptoArg,
    /// Prints what it counted as JSON
    #[arg(long)]
    json: bool,
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
    let server = Server::start(&config).map_err(|error| Failed::could_not_run(format!("cannot serve: {error}")))?;
    if let Some(path) = &args.write_ca {
        ca::write_pem(path, server.ca_pem()).map_err(|error| Failed::could_not_run(format!("--write-ca: {error}")))?;
    }
    output::print(|out| {
        writeln!(out, "listening on https://{}/", server.addr())?;
        if let Some(path) = &args.write_ca {
            writeln!(
                out,
                "authority in {}; load it with: shakedown run https://{}/ --ca {0}",
                path.display(),
                server.addr()
            )?;
        }
        Ok(())
    })?;
    signals::wait_for_signal().map_err(|error| Failed::could_not_run(format!("cannot wait for signals: {error}")))?;
    let report = server.stop();
    if args.json {
        output::print_json(&report)?;
    } else {
        output::print(|out| print_report(&report, out))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_report(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "{:<14}{}", "connections", units::count(report.connections))?;
    for row in &report.handshakes {
        let group = row.group.map_or("no key exchange", |group| group.iana());
        let kind = serde_json::to_value(row.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned));
        let kind = kind.unwrap_or_default();
        writeln!(
            out,
            "{:<14}{:>10}  {} {} {group} {kind}",
            "handshakes",
            units::count(row.count),
            row.version,
            row.suite
        )?;
    }
    for failed in &report.failed_handshakes {
        writeln!(out, "{:<14}{:>10}  {}", "failed", units::count(failed.count), failed.cause)?;
    }
    writeln!(out, "{:<14}{:>10}", "requests", units::count(report.requests))?;
    let (received, sent) = (units::bytes(report.bytes_in as f64), units::bytes(report.bytes_out as f64));
    writeln!(out, "{:<14}{received} of bodies received, {sent} sent", "bytes")?;
    let (cpu, wall) = (report.cpu.as_secs_f64(), report.wall.as_secs_f64());
    writeln!(out, "{:<14}{cpu:.2} s in {wall:.1} s", "CPU time")
}
