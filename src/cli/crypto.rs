//! `shakedown crypto`: what this processor makes of the cryptography of TLS, by library. No network.

use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::{self, OutputArgs};
use super::exit::{Failed, INCONCLUSIVE};
use super::{load, output, signals};
use crate::experiment::crypto::{self, CryptoChoice, CryptoPlan, QUICK_BUDGET, Step};
use crate::model::crypto::Library;
use crate::record::crypto::CryptoDocument;
use crate::record::folder::{DOCUMENT, FolderError, ResultsFolder};
use crate::report;

/// `--provider`
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ProviderArg {
    AwsLc,
    Ring,
    Openssl,
}

/// AEAD and handshake primitives on this CPU, by library; no network
#[derive(Debug, Args)]
#[command(
    after_help = "Seals and opens records of 64 B to 16 KiB, carries them through a rustls connection in memory, makes key \
                        exchanges, signatures and handshakes, and ends with advice that follows from the figures."
)]
pub(super) struct CryptoArgs {
    /// The libraries measured [default: all; openssl where the command exists]
    #[arg(long = "provider", value_enum, value_name = "NAME", value_delimiter = ',')]
    providers: Vec<ProviderArg>,
    /// Numbers of threads that seal and open records at once [default: 1 and one for each core]
    #[arg(
        short = 't', long, value_name = "N", value_delimiter = ',',
        value_parser = args::count::<NonZeroUsize>, allow_hyphen_values = true
    )]
    threads: Vec<NonZeroUsize>,
    /// How often each measurement is made; 6 are the fewest that give intervals [default: 12, or 6 in a short budget]
    #[arg(long, value_name = "N", value_parser = args::count::<NonZeroUsize>, allow_hyphen_values = true)]
    repetitions: Option<NonZeroUsize>,
    /// About how long all of it takes [default: 2m]; what of OpenSSL it leaves out is said
    #[arg(
        long, value_name = "TIME", value_parser = args::duration, allow_hyphen_values = true,
        conflicts_with_all = ["time", "quick"]
    )]
    budget: Option<Duration>,
    /// A quick look: the same as --budget 10s
    #[arg(long, conflicts_with = "time")]
    quick: bool,
    /// How long each repetition is, from 1ms to 1s, whatever the whole then takes
    #[arg(long, value_name = "TIME", value_parser = args::duration, allow_hyphen_values = true)]
    time: Option<Duration>,
    /// The OpenSSL that is measured, by name or path [default: openssl]
    #[arg(long, value_name = "COMMAND")]
    openssl: Option<PathBuf>,
    /// Repeats the order of an earlier run
    #[arg(long, value_name = "N", value_parser = args::seed, allow_hyphen_values = true)]
    seed: Option<u64>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn execute(args: &CryptoArgs) -> Result<ExitCode, Failed> {
    let choice = CryptoChoice {
        libraries: args.providers.iter().map(|provider| library(*provider)).collect(),
        threads: args.threads.clone(),
        repetitions: args.repetitions,
        time: args.time,
        budget: if args.quick { Some(QUICK_BUDGET) } else { args.budget },
        openssl: args.openssl.clone(),
        seed: args.seed,
    };
    let plan = CryptoPlan::new(choice, load::cores(), load::fresh_seed()).map_err(Failed::usage)?;
    let folder = output::folder(&args.output, "crypto", "localhost")?;
    let mut document = match measure(args, &plan, &folder) {
        Ok(document) => document,
        Err(failed) => {
            folder.discard();
            return Err(failed);
        }
    };
    document.label = args.output.label.label();
    write(&folder, &document).map_err(|error| output::not_written(&error, args.output.json, &document))?;
    if args.output.json {
        output::print_json(&document)?;
    } else if !args.output.quiet {
        output::print_text(|out| {
            report::crypto::text_in(&document, output::columns(), out)?;
            writeln!(out, "\nwritten to {}", folder.path().display())
        })?;
    }
    Ok(if document.interrupted { ExitCode::from(INCONCLUSIVE) } else { ExitCode::SUCCESS })
}

fn library(provider: ProviderArg) -> Library {
    match provider {
        ProviderArg::AwsLc => Library::AwsLc,
        ProviderArg::Ring => Library::Ring,
        ProviderArg::Openssl => Library::OpenSsl,
    }
}

fn measure(args: &CryptoArgs, plan: &CryptoPlan, folder: &ResultsFolder) -> Result<CryptoDocument, Failed> {
    let stop = signals::stop_on_signal(folder)?;
    let bar = bar(!args.output.quiet && !args.output.no_progress);
    let result = crypto::run(plan, &stop, &mut |step| show(&bar, &step));
    bar.finish_and_clear();
    result.map_err(Failed::could_not_run)
}

fn write(folder: &ResultsFolder, document: &CryptoDocument) -> Result<(), FolderError> {
    folder.write_all(&[
        (DOCUMENT, &|out| output::json(document, out)),
        ("crypto.csv", &|out| report::crypto::csv(document, out)),
        (report::html::FILE, &|out| report::html::crypto(document, out)),
    ])
}

pub(super) fn show(bar: &ProgressBar, Step { done, total, next }: &Step<'_>) {
    bar.set_length(total.as_millis() as u64);
    bar.set_position(done.as_millis() as u64);
    if bar.message() != *next {
        bar.set_message((*next).to_owned());
    }
}

pub(super) fn bar(wanted: bool) -> ProgressBar {
    let shown = wanted && std::io::stderr().is_terminal();
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    // The template is a constant: a mistake in it would show in every run.
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {percent:>3} %  about {eta} left  {msg}") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}
