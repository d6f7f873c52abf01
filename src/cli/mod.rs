//! The command line: arguments become plans, plans are run, documents are printed. The only room that prints, and the only one
//! that knows clap and indicatif.

mod args;
mod audit;
mod capacity;
mod colour;
mod compare;
mod crypto;
mod dry_run;
mod exit;
mod hint;
mod live;
mod load;
mod manual;
mod output;
mod plan;
mod policy_check;
mod profiles;
mod progress;
mod report;
mod results;
mod run;
mod serve;
mod server_process;
mod signals;
mod suites;
mod trial;
mod usage;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Failed;

/// Gives an HTTPS endpoint its trial run before go-live: opens many TLS 1.2 and 1.3 sessions with each allowed cipher suite, and
/// measures handshakes and requests so that every figure can be trusted.
///
/// Without a command it starts an endpoint of its own on this machine, compares the nine suites on it, and measures this processor's
/// cryptography by itself: less than 90 s.
#[derive(Debug, Parser)]
#[command(name = "shakedown", version = env!("SHAKEDOWN_VERSION"), max_term_width = 110)]
#[command(args_conflicts_with_subcommands = true)]
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
    /// Every allowed suite against one endpoint, compared
    Suites(Box<suites::SuitesArgs>),
    /// The endpoint against a policy: versions, suites, certificates
    Audit(Box<audit::AuditArgs>),
    /// The highest load that an endpoint carries within its objectives
    Capacity(Box<capacity::CapacityArgs>),
    /// Documents of one kind side by side: CPUs, releases, days
    Compare(compare::CompareArgs),
    /// How many servers a demand needs, by what was measured of one
    Plan(plan::PlanArgs),
    /// AEAD and handshake primitives on this CPU, by library; no network
    Crypto(crypto::CryptoArgs),
    /// The bundled profiles: listed, or one of them printed
    Profiles(profiles::ProfilesArgs),
    /// The embedded HTTPS endpoint alone: nine suites, RSA and ECDSA certificates, until Ctrl-C or SIGTERM
    Serve(serve::ServeArgs),
    /// A result rendered again, as text, CSV, a page, a workbook and more, without a rerun
    Report(report::ReportArgs),
    /// The runs kept in a results folder, the newest first: when, where, what, verdict
    Results(results::ResultsArgs),
    /// What a shell needs to complete commands and options
    Completions(manual::CompletionsArgs),
    /// The manual page, of the whole or of one command
    Man(manual::ManArgs),
}

/// The command line; `help --help` asks for no more than `help`.
fn arguments() -> Vec<OsString> {
    let mut words: Vec<_> = std::env::args_os().collect();
    if words.get(1).is_some_and(|command| command == "help") {
        words.retain(|word| word != "--help" && word != "-h");
    }
    words
}

/// Parses the process's arguments, does what they ask for, and says how it went.
pub fn main() -> ExitCode {
    let Cli { command, trial } = match Cli::try_parse_from(arguments()) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            let typed: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
            return Failed::Usage(usage::sentence(&error, &typed)).tell();
        }
        Err(help) => {
            // A closed pipe is nobody's fault.
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
    };
    let result = match command {
        None => trial::execute(&trial),
        Some(Command::Run(args)) => run::execute(&args),
        Some(Command::Suites(args)) => suites::execute(&args),
        Some(Command::Audit(args)) => audit::execute(&args),
        Some(Command::Profiles(args)) => profiles::execute(&args),
        Some(Command::Capacity(args)) => capacity::execute(&args),
        Some(Command::Compare(args)) => compare::execute(&args),
        Some(Command::Plan(args)) => plan::execute(&args),
        Some(Command::Crypto(args)) => crypto::execute(&args),
        Some(Command::Serve(args)) => serve::execute(&args),
        Some(Command::Report(args)) => report::execute(&args),
        Some(Command::Results(args)) => results::execute(&args),
        Some(Command::Completions(args)) => manual::completions(&args),
        Some(Command::Man(args)) => manual::man(&args),
    };
    result.unwrap_or_else(Failed::tell)
}
