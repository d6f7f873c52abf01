//! `shakedown audit URL --profile P`: the endpoint against a policy.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::args::{OutputArgs, duration};
use super::exit::{Failed, INCONCLUSIVE, NO, one_line};
use super::suites::bar;
use super::{output, profiles, signals};
use crate::engine::Addresses;
use crate::experiment::audit::{self, Surroundings};
use crate::model::audit::{AskLimits, AuditPlan};
use crate::model::policy::Level;
use crate::model::target::{Endpoint, Family, Host, HttpsUrl, Target};
use crate::record::audit::{AuditDocument, AuditOutcome};
use crate::record::folder::{DOCUMENT, ResultsFolder};
use crate::report;
use crate::units::Rate;

/// `--level`
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LevelArg {
    Must,
    Should,
}

/// The endpoint against a policy: versions, suites, certificates
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 0: the policy is met; 1: it is broken; 3: it could not be told. What was not asked, such as revocation without \
                  a staple or a list, is named and fails nothing."
)]
pub(super) struct AuditArgs {
    /// The endpoint, such as https://api.example.com/
    #[arg(value_name = "URL")]
    url: HttpsUrl,
    /// The policy: a bundled profile (`shakedown profiles` lists them) or the path of a TOML file
    #[arg(long, value_name = "NAME|FILE")]
    profile: String,
    /// Which broken rules fail the audit: musts alone, or shoulds too
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "should")]
    level: LevelArg,
    /// Another server name to ask for; may be given several times. Those of the certificates are asked for by themselves
    #[arg(long, value_name = "NAME", help_heading = "Where")]
    also_sni: Vec<Host>,
    /// Connects there instead; SNI and the certificate's name stay those of the URL
    #[arg(long, value_name = "HOST:PORT", help_heading = "Where")]
    connect_to: Option<Endpoint>,
    /// The name sent as SNI, and demanded of the certificate
    #[arg(long, value_name = "NAME", help_heading = "Where")]
    sni: Option<Host>,
    /// IPv4 only
    #[arg(long, conflicts_with = "ipv6", help_heading = "Where")]
    ipv4: bool,
    /// IPv6 only
    #[arg(long, help_heading = "Where")]
    ipv6: bool,
    /// The certificate or authority that both sides agreed to trust: a PEM file. Without it: the roots of Mozilla's programme
    #[arg(long, value_name = "FILE", help_heading = "Certificates")]
    ca: Option<PathBuf>,
    /// Revocation lists of the authorities, PEM or DER
    #[arg(long, value_name = "FILE[,FILE]", value_delimiter = ',', help_heading = "Certificates")]
    crl: Vec<PathBuf>,
    /// Fetches the lists that the certificates name (http:// only); without it the audit talks to nothing but the endpoint
    #[arg(long, help_heading = "Certificates")]
    fetch_crl: bool,
    /// New connections in a second, at most
    #[arg(long, value_name = "RATE", default_value = "100/s", help_heading = "Limits")]
    max_connections_per_second: Rate,
    /// The time for all of it; what is not known by then is inconclusive
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5m", help_heading = "Limits")]
    budget: Duration,
    /// The longest wait for an answer
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5s", help_heading = "Limits")]
    timeout: Duration,
    #[command(flatten)]
    output: OutputArgs,
}

impl AuditArgs {
    fn plan(&self) -> Result<AuditPlan, Failed> {
        let profile = profiles::load(&self.profile)?;
        let Some(policy) = profile.policy else {
            return Err(Failed::usage(format!(
                "--profile {}: it has no [policy] to hold the endpoint against",
                self.profile
            )));
        };
        for (option, value) in [("--budget", self.budget), ("--timeout", self.timeout)] {
            if value.is_zero() {
                return Err(Failed::usage(format!("{option} 0 leaves no time for an answer; give one such as 5s")));
            }
        }
        let mut target = Target::new(self.url.clone());
        target.connect_to.clone_from(&self.connect_to);
        if let Some(name) = &self.sni {
            target.server_name = name.clone();
        }
        target.family = match (self.ipv4, self.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        };
        let also_sni = self.also_sni.iter().map(|host| match host {
            Host::Name(name) => Ok(name.clone()),
            Host::Ip(ip) => {
                Err(Failed::usage(format!("--also-sni {ip}: SNI carries names only, no addresses (RFC 6066)")))
            }
        });
        Ok(AuditPlan {
            decided_by: match self.level {
                LevelArg::Must => Level::Must,
                LevelArg::Should => Level::Should,
            },
            also_sni: also_sni.collect::<Result<_, _>>()?,
            ca: self.ca.clone(),
            crls: self.crl.clone(),
            fetch_crls: self.fetch_crl,
            limits: AskLimits {
                connections_per_second: self.max_connections_per_second.as_per_second(),
                budget: self.budget,
                timeout: self.timeout,
            },
            ..AuditPlan::new(target, policy)
        })
    }
}

pub(super) fn execute(args: &AuditArgs) -> Result<ExitCode, Failed> {
    let plan = args.plan()?;
    let folder = output::folder(&args.output, "audit", &plan.target.url.endpoint.host.to_string())?;
    match audit_and_write(args, &plan, &folder) {
        Ok(document) => conclude(args, &document, &folder),
        Err(failed) => {
            folder.discard();
            Err(failed)
        }
    }
}

fn audit_and_write(args: &AuditArgs, plan: &AuditPlan, folder: &ResultsFolder) -> Result<AuditDocument, Failed> {
    let url = &plan.target.url.text;
    let cannot = |error: &dyn std::fmt::Display| Failed::could_not_run(format!("{url}: {error}"));
    let addresses = Addresses::look_up(&plan.target).map_err(|failure| cannot(&failure))?;
    let stop = signals::stop_on_signal(folder)?;
    let stopped = || stop.is_raised();
    let around = Surroundings { addresses: &addresses, stopped: &stopped };
    let bar = bar(!(args.output.quiet || args.output.no_progress));
    let result = audit::run(plan, &around, &mut |step| {
        bar.set_length(step.total as u64);
        bar.set_position(step.done as u64);
        bar.set_prefix(format!("{} connections", step.connections));
        bar.set_message(step.doing.clone());
    });
    bar.finish_and_clear();
    let mut document = result.map_err(|error| cannot(&error))?;
    document.label = args.output.label.label();
    let written = folder.write_all(&[
        (DOCUMENT, &|out| output::json(&document, out)),
        ("audit.csv", &|out| report::audit::csv(&document, out)),
        (report::html::FILE, &|out| report::html::audit(&document, out)),
    ]);
    written.map_err(|error| output::not_written(&error, args.output.json, &document))?;
    Ok(document)
}

fn conclude(args: &AuditArgs, document: &AuditDocument, folder: &ResultsFolder) -> Result<ExitCode, Failed> {
    if args.output.json {
        output::print_json(document)?;
    } else if !args.output.quiet {
        output::print_text(|out| {
            report::audit::text_in(document, output::columns(), out)?;
            writeln!(out, "\nwritten to {}", folder.path().display())
        })?;
    }
    let code = match document.outcome {
        AuditOutcome::Pass => return Ok(ExitCode::SUCCESS),
        AuditOutcome::Fail => NO,
        AuditOutcome::Inconclusive => INCONCLUSIVE,
    };
    // Where the text that says so is not shown, the exit code needs a word.
    if args.output.json || args.output.quiet {
        eprintln!("{}", one_line(&format!("{}: {}", document.outcome.name().to_uppercase(), document.verdict)));
    }
    Ok(ExitCode::from(code))
}
