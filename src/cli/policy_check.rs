//! `--profile` of the commands that send load: its load where the command line says nothing, and its policy, which the endpoint is held
//! against first, by the audit's short form.

use std::net::SocketAddr;

use clap::Args;

use super::exit::Failed;
use super::{output, profiles};
use crate::engine::control::StopFlag;
use crate::experiment::audit::{self, Surroundings, label};
use crate::model::audit::AuditPlan;
use crate::model::policy::{Policy, Standing};
use crate::model::profile::Profile;
use crate::model::survey::Depth;
use crate::model::target::Target;
use crate::model::tls::{TlsPlan, Trust};
use crate::record::audit::PolicyCheck;

/// `--profile`
#[derive(Debug, Args)]
#[command(next_help_heading = None::<&str>)]
pub(super) struct ProfileArgs {
    /// A bundled profile or a TOML file: its load where no option says otherwise; and results over suites that its policy does not allow
    /// are labelled, after a short audit of the endpoint
    #[arg(long, value_name = "NAME|FILE")]
    profile: Option<String>,
}

impl ProfileArgs {
    /// The profile, where one is named.
    pub(super) fn load(&self) -> Result<Option<Profile>, Failed> {
        self.profile.as_deref().map(profiles::load).transpose()
    }
}

/// `tls` with those of its suites only that `policy` allows.
pub(super) fn allowed(tls: &TlsPlan, policy: &Policy) -> Result<TlsPlan, Failed> {
    tls.retaining(|suite| policy.standing(suite.into()) != Standing::Outside)
        .map_err(|error| Failed::usage(format!("--profile: {} allows none of the suites: {error}", policy.name)))
}

/// The suites that `policy` allows and that this program does not load, by their names.
pub(super) fn beyond(policy: &Policy) -> Vec<String> {
    let listed = policy.one_of.demand.allowed().iter().filter(|suite| suite.spoken().is_none());
    listed.map(ToString::to_string).collect()
}

/// The audit's short form of what will be loaded, where there is a policy.
pub(super) fn first<'p>(
    policy: Option<&'p Policy>,
    target: &Target,
    trust: &Trust,
    addresses: &[SocketAddr],
    stop: &StopFlag,
) -> Result<Option<(&'p Policy, PolicyCheck)>, Failed> {
    policy.map(|policy| Ok((policy, check(policy, target, trust, addresses, stop)?))).transpose()
}

/// The audit's short form of what a run will load; a certificate that the run does not check is held against Mozilla's roots.
fn check(
    policy: &Policy,
    target: &Target,
    trust: &Trust,
    addresses: &[SocketAddr],
    stop: &StopFlag,
) -> Result<PolicyCheck, Failed> {
    let ca = match trust {
        Trust::Ca(path) => Some(path.clone()),
        Trust::Mozilla | Trust::System | Trust::Insecure => None,
    };
    let plan = AuditPlan { ca, depth: Depth::Short, ..AuditPlan::new(target.clone(), policy.clone()) };
    let stopped = || stop.is_raised();
    let around = Surroundings { addresses, stopped: &stopped };
    let audit = audit::run(&plan, &around, &mut |_| ())
        .map_err(|error| Failed::could_not_run(format!("{}: {error}", target.url.text)))?;
    let check = label::check(&audit);
    let outcome = check.outcome.name().to_uppercase();
    output::note(&format!("{}: {outcome} by the audit's short form: {}", check.name, check.verdict));
    Ok(check)
}
