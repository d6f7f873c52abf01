//! One run, described completely: where, what, with which TLS, at what load.

use super::load::LoadPlan;
use super::request::RequestPlan;
use super::target::Target;
use super::tls::TlsPlan;

/// A parsed, complete description of one run of the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPlan {
    /// Where.
    pub target: Target,
    /// What is sent.
    pub request: RequestPlan,
    /// Under which TLS.
    pub tls: TlsPlan,
    /// At what load.
    pub load: LoadPlan,
}
