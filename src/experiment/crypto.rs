//! This processor's cryptography: plan, measurement, document, advice.

pub mod advice;
mod describe;
mod measure;
mod plan;

use time::OffsetDateTime;

use super::run;
use crate::bench::BenchError;
use crate::engine::control::StopFlag;
use crate::host;
use crate::record::crypto::{CryptoDocument, FrequencyRecord, SCHEMA};

pub use measure::Step;
pub use plan::{BUDGET, CryptoChoice, CryptoPlan, QUICK_BUDGET};

/// Why there is nothing to describe.
#[derive(Debug, thiserror::Error)]
pub enum CryptoError {
    /// Something does not do what it should, and its time would mean nothing.
    #[error("{0}")]
    Bench(#[from] BenchError),
    /// OpenSSL alone was asked for, and gave nothing.
    #[error("nothing was measured: {0}; name another OpenSSL with --openssl PATH, or another library with --provider")]
    NoOpenSsl(String),
    /// The user ended it before anything was measured.
    #[error("interrupted before anything was measured")]
    Interrupted,
}

/// Measures what `plan` says, and describes it. What was measured until `stop` was raised is described too.
///
/// # Errors
/// [`CryptoError`] when there is nothing to describe.
pub fn run(
    plan: &CryptoPlan,
    stop: &StopFlag,
    observe: &mut dyn FnMut(Step<'_>),
) -> Result<CryptoDocument, CryptoError> {
    let started_at = OffsetDateTime::now_utc();
    let before = host::frequency::read();
    let measured = measure::measure(plan, stop, observe)?;
    let after = host::frequency::read();
    let own: Vec<_> = plan.libraries.iter().filter(|library| library.provider().is_some()).collect();
    let own = own.iter().map(|library| library.name()).collect::<Vec<_>>().join(" ");
    let mut document = CryptoDocument {
        label: Default::default(),
        schema: SCHEMA.to_owned(),
        tool: run::tool_with(&own),
        host: host::facts::read(),
        started_at: run::stamp(started_at),
        interrupted: stop.is_raised(),
        plan: describe::plan(plan),
        frequency: FrequencyRecord { before, after },
        cpu_share: describe::cpu_share(&measured),
        openssl: describe::openssl(plan, &measured),
        warnings: Vec::new(),
        aead: describe::aead(plan, &measured),
        record_layer: describe::record_layer(plan, &measured),
        primitives: describe::primitives(plan, &measured),
        handshakes: describe::handshakes(plan, &measured),
        advice: Vec::new(),
    };
    if document.aead.is_empty() && document.primitives.is_empty() && document.record_layer.is_empty() {
        return Err(nothing(&document));
    }
    document.warnings = describe::warnings(&document);
    document.advice = advice::advise(&document);
    Ok(document)
}

/// Why a document has no figures.
fn nothing(document: &CryptoDocument) -> CryptoError {
    match &document.openssl.missing {
        Some(missing) if !document.interrupted => CryptoError::NoOpenSsl(missing.clone()),
        _ => CryptoError::Interrupted,
    }
}
