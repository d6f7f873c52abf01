//! The Universal Scalability Law in words: parameters with intervals, residuals, the knee, and what of it nobody has measured.

use super::layout::{Page, solid};
use crate::record::law::{Bounded, Law, LawFit};
use crate::units;

/// Writes the law; `of_what`: of which document its trials are, where that is not plain.
pub(super) fn text(page: &mut Page, law: &Law, of_what: &str) {
    let n = law.points.len() as u64;
    let of = format!("{} trial{}{of_what}", units::count(n), if n == 1 { "" } else { "s" });
    let Some(fit) = &law.fit else {
        page.line("no law", &format!("from {of}: {}", law.refused.as_deref().unwrap_or_default()));
        return;
    };
    let LawFit { sigma, kappa, measured_low, measured_high, .. } = fit;
    page.line(
        "law",
        &format!(
            "X(N) = λN / (1 + σ(N − 1) + κN(N − 1)) for N at a time in the system, from {of} with N from {} to {}: λ {} per s, \
             contention σ {}, coherency κ {}",
            shown(*measured_low),
            shown(*measured_high),
            units::decimal(fit.lambda_per_s),
            bounded(sigma),
            bounded(kappa)
        ),
    );
    let worst = law.points.iter().filter_map(|point| point.residual).map(f64::abs).fold(0.0, f64::max);
    let explained = fit.r_squared.map(|r| format!(", R² {r:.4}")).unwrap_or_default();
    page.line("residuals", &format!("{} at most{explained}", solid(&units::share(worst.exp_m1()))));
    if !fit.describes_well {
        page.line("POOR FIT", "the law does not describe these trials: read nothing into its parameters");
    }
    page.line("knee", &knee(fit));
}

fn knee(fit: &LawFit) -> String {
    let (Some(knee), Some(rate)) = (&fit.knee_concurrency, fit.knee_per_s) else {
        return "none: throughput levels off and is not seen to fall".to_owned();
    };
    let label = if fit.knee_extrapolated == Some(true) {
        format!("EXTRAPOLATED: nobody has measured beyond {}", shown(fit.measured_high))
    } else {
        "within what was measured".to_owned()
    };
    format!("throughput is highest, {} per s, at N = {}; {label}", units::decimal(rate), bounded(knee))
}

/// Three significant digits, whatever the size.
fn shown(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.01 { format!("{value:.2e}") } else { units::decimal(value) }
}

fn bounded(Bounded { value, low, high }: &Bounded) -> String {
    let high = high.map_or_else(|| "no upper end".to_owned(), shown);
    solid(&format!("{} (95 %: {} to {high})", shown(*value), shown(*low)))
}
