//! The Universal Scalability Law over trials: how throughput grows with concurrency, and where it stops to.
//!
//! X(N) = λN / (1 + σ(N − 1) + κN(N − 1)) (Gunther, *Guerrilla Capacity Planning*, 2007, ch. 4–6): λ is what one in service at a time
//! achieves, σ ≥ 0 the share that is served one at a time (contention), κ ≥ 0 the cost of agreeing with all others (coherency). Where κ > 0
//! throughput has a maximum at N* = √((1 − σ)/κ), the knee.
//!
//! 1. *Fit*: least squares on ln X, since noise that is a share of the figure has the same size everywhere on that scale. ln λ
//!    enters as a plain mean and is solved for; σ in 0 to 1 and κ ≥ 0 are searched for, one inside the other, on a grid and then by golden sections,
//!    so that no starting value decides and no bound is crossed.
//! 2. *Intervals* are profiles of the likelihood (Bates and Watts, *Nonlinear Regression Analysis*, 1988, ch. 6), not taken from the
//!    covariance: a value belongs to the interval where the best fit that has it leaves a sum of squares of at most S·(1 + t²/(n − 3)),
//!    with t of n − 3 degrees of freedom. They need not be symmetric, and end at a bound. They take the trials for independent, and
//!    concurrency for exact.
//! 3. *Refused* below [`MIN_LEVELS`] different concurrencies (three parameters, and as many to check them by), or where the largest is less
//!    than [`MIN_SPREAD`] times the least: any curve is straight if one looks at little of it.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::interval::CONFIDENCE;

/// The fewest different concurrencies that a fit is made from.
pub const MIN_LEVELS: usize = 6;

/// The least ratio of the largest concurrency to the smallest.
pub const MIN_SPREAD: f64 = 4.0;

/// Concurrencies closer than this ratio are one level.
const LEVEL_GAP: f64 = 1.1;

/// The root mean square of the residuals, as a share, above which the law does not describe the trials well.
const POOR: f64 = 0.1;

/// Points of the grid on which a minimum is looked for first, and golden sections that follow: 0.618⁴⁸ is 10⁻¹⁰.
const GRID: u32 = 24;
const SECTIONS: u32 = 48;

/// Halvings by which the end of an interval is found.
const HALVINGS: u32 = 40;

/// One trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// How many were in service or waiting at a time, on average: the connections of a closed loop, or, by Little's law, throughput times
    /// mean response time.
    pub concurrency: f64,
    /// Completions per second.
    pub throughput: f64,
}

/// Why no law was fitted.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Refused {
    /// A concurrency or throughput that is not above zero and finite.
    #[error("a trial without a concurrency or a throughput above zero says nothing of how one depends on the other")]
    NotPositive,
    /// Too few different concurrencies.
    #[error(
        "{levels} different concurrencies are too few: the law has three parameters, and is fitted from {MIN_LEVELS} on"
    )]
    TooFew {
        /// How many there were.
        levels: usize,
    },
    /// Concurrencies too close to each other.
    #[error(
        "concurrencies from {least:.3} to {most:.3} are too close to each other: the largest must be {MIN_SPREAD} times the least"
    )]
    TooClose {
        /// The least.
        least: f64,
        /// The largest.
        most: f64,
    },
}

/// A parameter with the ends of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameter {
    /// The best fit's.
    pub value: f64,
    /// The lower end, at least 0.
    pub low: f64,
    /// The upper end; `None` where the trials set none.
    pub high: Option<f64>,
}

/// Where throughput is highest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knee {
    /// The concurrency N*.
    pub concurrency: Parameter,
    /// The throughput there, per second.
    pub throughput: f64,
    /// Whether N* lies beyond the largest concurrency that was measured: nobody has seen it.
    pub extrapolated: bool,
}

/// A fitted law.
#[derive(Debug, Clone, PartialEq)]
pub struct Usl {
    /// λ: throughput at a concurrency of one, per second.
    pub lambda: f64,
    /// σ: contention.
    pub sigma: Parameter,
    /// κ: coherency.
    pub kappa: Parameter,
    /// `None` where κ is 0 (throughput only levels off), or σ is 1 (it never rises).
    pub knee: Option<Knee>,
    /// ln(measured ÷ fitted) of each point, in their order: about the share by which it lies above the curve.
    pub residuals: Vec<f64>,
    /// The share of the variance of throughput that the curve explains; `None` where throughput does not vary.
    pub r_squared: Option<f64>,
    /// The least and the largest concurrency that were measured. What the law says outside is extrapolation.
    pub measured: (f64, f64),
}

impl Usl {
    /// Fits the law to `points`, of which those at the same concurrency are repetitions.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn fit(points: &[Point]) -> Result<Self, Refused> {
        let measured = check(points)?;
        let surface = Surface::new(points, measured.1);
        let (sigma, _) = minimum(|sigma| surface.over_kappa(sigma).1);
        let (position, least) = surface.over_kappa(sigma);
        let kappa = surface.kappa(position);
        // The share of S by which a value within the interval may be worse.
        let degrees = (points.len() - 3) as f64;
        let limit = least * (1.0 + student_t(degrees).powi(2) / degrees) + f64::EPSILON;
        let of_sigma = |sigma: f64| surface.over_kappa(sigma).1;
        let of_kappa = |position: f64| surface.over_sigma(|_| surface.kappa(position));
        let lambda = surface.log_lambda(sigma, kappa).exp();
        let mut fitted = Self {
            lambda,
            sigma: Parameter {
                value: sigma,
                low: edge(of_sigma, sigma, 0.0, limit).unwrap_or(0.0),
                high: Some(edge(of_sigma, sigma, 1.0, limit).unwrap_or(1.0)),
            },
            kappa: Parameter {
                value: kappa,
                low: edge(of_kappa, position, 0.0, limit).map_or(0.0, |position| surface.kappa(position)),
                high: edge(of_kappa, position, 1.0, limit).map(|position| surface.kappa(position)),
            },
            knee: None,
            residuals: Vec::new(),
            r_squared: None,
            measured,
        };
        fitted.residuals = points.iter().map(|p| (p.throughput / fitted.throughput(p.concurrency)).ln()).collect();
        fitted.r_squared = fitted.explained(points);
        fitted.knee = fitted.find_knee(&surface, limit);
        Ok(fitted)
    }

    /// The throughput at a concurrency, per second. Outside [`Usl::measured`] it is extrapolated.
    pub fn throughput(&self, concurrency: f64) -> f64 {
        throughput(self.lambda, self.sigma.value, self.kappa.value, concurrency)
    }

    /// Whether the points lie close enough to the curve for it to describe them: a root mean square of the residuals of 10 % at most.
    pub fn describes_well(&self) -> bool {
        let squares: f64 = self.residuals.iter().map(|residual| residual.powi(2)).sum();
        (squares / self.residuals.len() as f64).sqrt() <= POOR
    }

    fn explained(&self, points: &[Point]) -> Option<f64> {
        let mean = points.iter().map(|point| point.throughput).sum::<f64>() / points.len() as f64;
        let left = |point: &Point| (point.throughput - self.throughput(point.concurrency)).powi(2);
        let total: f64 = points.iter().map(|point| (point.throughput - mean).powi(2)).sum();
        (total > 0.0).then(|| 1.0 - points.iter().map(left).sum::<f64>() / total)
    }

    /// The profile over N*, on the scale of its logarithm: for a given N*, κ follows from σ.
    fn find_knee(&self, surface: &Surface, limit: f64) -> Option<Knee> {
        let knee = ((1.0 - self.sigma.value) / self.kappa.value).sqrt();
        if !knee.is_finite() || knee <= 0.0 {
            return None;
        }
        let profile = |log: f64| surface.over_sigma(|sigma| (1.0 - sigma) / (2.0 * log).exp());
        // A thousand times beyond what was measured, on either side, is as good as nowhere.
        let far = 1000_f64.ln();
        let (nowhere, everywhere) = (self.measured.0.ln() - far, self.measured.1.ln() + far);
        let low = edge(profile, knee.ln(), nowhere.min(knee.ln()), limit).map_or(0.0, f64::exp);
        let high = edge(profile, knee.ln(), everywhere.max(knee.ln()), limit).map(f64::exp);
        Some(Knee {
            concurrency: Parameter { value: knee, low, high },
            throughput: self.throughput(knee),
            extrapolated: knee > self.measured.1,
        })
    }
}

/// X(N) = λN / (1 + σ(N − 1) + κN(N − 1)).
pub fn throughput(lambda: f64, sigma: f64, kappa: f64, concurrency: f64) -> f64 {
    lambda * concurrency / denominator(sigma, kappa, concurrency)
}

fn denominator(sigma: f64, kappa: f64, concurrency: f64) -> f64 {
    1.0 + sigma * (concurrency - 1.0) + kappa * concurrency * (concurrency - 1.0)
}

/// The least and the largest concurrency of points that suffice.
fn check(points: &[Point]) -> Result<(f64, f64), Refused> {
    let is_usable = |value: f64| value > 0.0 && value.is_finite();
    if !points.iter().all(|point| is_usable(point.concurrency) && is_usable(point.throughput)) {
        return Err(Refused::NotPositive);
    }
    let mut sorted: Vec<f64> = points.iter().map(|point| point.concurrency).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (mut levels, mut last) = (0, 0.0);
    for concurrency in &sorted {
        if *concurrency >= last * LEVEL_GAP {
            (levels, last) = (levels + 1, *concurrency);
        }
    }
    if levels < MIN_LEVELS {
        return Err(Refused::TooFew { levels });
    }
    let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
    if most < least * MIN_SPREAD {
        return Err(Refused::TooClose { least, most });
    }
    Ok((least, most))
}

/// The sum of squares that σ and κ leave, with the λ that fits them best.
struct Surface {
    /// Of each point: its concurrency, and ln(X/N).
    points: Vec<(f64, f64)>,
    /// κ at which coherency costs as much at the largest concurrency as the work itself.
    scale: f64,
}

impl Surface {
    fn new(points: &[Point], most: f64) -> Self {
        let of = |point: &Point| (point.concurrency, (point.throughput / point.concurrency).ln());
        Self { points: points.iter().map(of).collect(), scale: most.powi(-2) }
    }

    /// κ at a position between 0 and 1, which stands for 0 to a million times the scale.
    fn kappa(&self, position: f64) -> f64 {
        self.scale * position / (1.0 - position).max(1e-6)
    }

    fn log_lambda(&self, sigma: f64, kappa: f64) -> f64 {
        let logs = self.points.iter().map(|(n, log)| log + denominator(sigma, kappa, *n).ln());
        logs.sum::<f64>() / self.points.len() as f64
    }

    fn squares(&self, sigma: f64, kappa: f64) -> f64 {
        let mean = self.log_lambda(sigma, kappa);
        let square = |(n, log): &(f64, f64)| (log + denominator(sigma, kappa, *n).ln() - mean).powi(2);
        let sum: f64 = self.points.iter().map(square).sum();
        // Below a concurrency of one a large κ makes the law negative: no fit.
        if sum.is_nan() { f64::INFINITY } else { sum }
    }

    /// The position of the best κ for `sigma`, and what it leaves.
    fn over_kappa(&self, sigma: f64) -> (f64, f64) {
        minimum(|position| self.squares(sigma, self.kappa(position)))
    }

    /// What the best σ leaves where κ follows from it.
    fn over_sigma(&self, kappa: impl Fn(f64) -> f64) -> f64 {
        minimum(|sigma| self.squares(sigma, kappa(sigma))).1
    }
}

/// Where `f` is least between 0 and 1, and what it is there: on a grid, then by golden sections between the best point's neighbours.
fn minimum(f: impl Fn(f64) -> f64) -> (f64, f64) {
    let at = |step: u32| f64::from(step) / f64::from(GRID);
    let best =
        (0..=GRID).map(|step| (step, f(at(step)))).min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(step, _)| step);
    let (mut low, mut high) = (at(best.saturating_sub(1)), at((best + 1).min(GRID)));
    let golden = (5_f64.sqrt() - 1.0) / 2.0;
    let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_a, mut at_b) = (f(a), f(b));
    for _ in 0..SECTIONS {
        if at_a <= at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - golden * (high - low);
            at_a = f(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + golden * (high - low);
            at_b = f(b);
        }
    }
    // The bounds themselves are where many a fit ends, and golden sections only come close to them.
    let ends = [(0.0, f(0.0)), (1.0, f(1.0)), (f64::midpoint(low, high), at_a.min(at_b))];
    ends.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0.0, f64::INFINITY))
}

/// The point between `inside` and `outside` at which `profile` passes `limit`; `None` where it does not, even at `outside`.
fn edge(profile: impl Fn(f64) -> f64, inside: f64, outside: f64, limit: f64) -> Option<f64> {
    if profile(outside) <= limit {
        return None;
    }
    let (mut inside, mut outside) = (inside, outside);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(inside, outside);
        *if profile(middle) <= limit { &mut inside } else { &mut outside } = middle;
    }
    Some(f64::midpoint(inside, outside))
}

fn student_t(degrees: f64) -> f64 {
    StudentsT::new(0.0, 1.0, degrees)
        .expect("the degrees of freedom are at least 3")
        .inverse_cdf(f64::midpoint(1.0, CONFIDENCE))
}

#[cfg(test)]
mod tests;
