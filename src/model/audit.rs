//! An audit, described completely: which endpoint, which policy, how it is asked.

use std::path::PathBuf;
use std::time::Duration;

use super::policy::{Level, Policy};
use super::survey::Depth;
use super::target::{Host, Target};

/// How much an audit may ask of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AskLimits {
    /// New connections in a second, at most.
    pub connections_per_second: f64,
    /// The whole audit's time, at most.
    pub budget: Duration,
    /// The wait for an answer.
    pub timeout: Duration,
}

impl Default for AskLimits {
    fn default() -> Self {
        Self { connections_per_second: 100.0, budget: Duration::from_secs(300), timeout: Duration::from_secs(5) }
    }
}

/// A parsed, complete description of an audit.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditPlan {
    /// Where.
    pub target: Target,
    /// Against what.
    pub policy: Policy,
    /// Broken rules of this level and above fail the audit.
    pub decided_by: Level,
    /// Server names to ask for beyond the target's own and those of its certificates.
    pub also_sni: Vec<String>,
    /// The certificate or authority that both sides agreed to trust; `None`: Mozilla's roots.
    pub ca: Option<PathBuf>,
    /// Revocation lists, PEM or DER.
    pub crls: Vec<PathBuf>,
    /// Whether the lists that the certificates name are fetched, over plain HTTP.
    pub fetch_crls: bool,
    /// How much is asked.
    pub depth: Depth,
    /// How fast, and for how long.
    pub limits: AskLimits,
}

impl AuditPlan {
    /// A full audit of `target`, with nothing else chosen.
    pub fn new(target: Target, policy: Policy) -> Self {
        Self {
            target,
            policy,
            decided_by: Level::Should,
            also_sni: Vec::new(),
            ca: None,
            crls: Vec::new(),
            fetch_crls: false,
            depth: Depth::Full,
            limits: AskLimits::default(),
        }
    }

    /// The name under which clients will come, as SNI has it; `None` where they come by address, which SNI does not carry (RFC 6066, 3).
    pub fn host(&self) -> Option<&str> {
        match &self.target.server_name {
            Host::Name(name) => Some(name),
            Host::Ip(_) => None,
        }
    }
}
