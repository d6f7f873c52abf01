//! The command line: arguments become plans, plans are run, documents are printed. The only room that prints, and the only one
//! that knows clap and indicatif.

mod args;
mod crypto;
mod exit;
mod load;
mod output;
mod progress;
mod report;
mod run;
mod serve;
mod signals;
mod trial;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Failed;

/// Gives an HTTPS endpoint its trial run before go-live: opens many TLS 1.2 and 1.3 sessions with each allowed cipher suite, and
/// measures handshakes and requests so that every figure can be trusted.
///
/// Without a command it starts an endpoint of its own on this machine, loads it with each of the nine suites for a few seconds, and
/// prints one table.
#[derive(Debug, Parser)]
#[command(name = "shakedown", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    trial: trial::TrialArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One load run against an HTTPS endpoint
    Run(Box<run::RunArgs>),
    /// AEAD and handshake primitives on this CPU, by library; no network
    Crypto(crypto::CryptoArgs),
    /// The embedded HTTPS endpoint alone: all nine suites, both certificates, until SIGTERM
    Serve(serve::ServeArgs),
    /// Render a result again: text or CSV, without a rerun
    Report(report::ReportArgs),
}

/// Parses the process's arguments, does what they ask for, and says how it went.
pub fn main() -> ExitCode {
    let Cli { command, trial } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap knows where help and errors go; a closed pipe is nobody's fault.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(exit::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let result = match command {
        None => trial::execute(&trial),
        Some(Command::Run(args)) => run::execute(&args),
        Some(Command::Crypto(args)) => crypto::execute(&args),
        Some(Command::Serve(args)) => serve::execute(&args),
        Some(Command::Report(args)) => report::execute(&args),
    };
    result.unwrap_or_else(Failed::tell)
}
