//! Whether a figure taken slice by slice drifts over the measure window.
//!
//! A run whose figures change on the way (a warm-up not over, a leak, a clock that throttles) has no single median, and a
//! confidence interval around it says nothing. Four shapes are tried by least squares: a straight line, and a step after a
//! quarter, a half and three quarters of the window. The one that fits best is tested against no change. Successive slices
//! depend on each other, so n of them are worth n(1 − φ)/(1 + φ) independent ones, with φ the residuals' lag-1
//! autocorrelation as of an AR(1) process (Bartlett, *J. R. Stat. Soc.* 98, 1935), corrected for the bias that fitting two
//! parameters brings (Marriott and Pope, *Biometrika* 41, 1954) and taken a little high, since too small a φ is what makes
//! false alarms.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The fewest slices that drift is judged from.
pub const MIN_SLICES: usize = 20;

/// The two-sided level of the best shape's test. It is strict because the best of four is tested and φ is an estimate:
/// simulation puts the false alarms below 1 % for independent slices and AR(1) with φ up to 0.8, from 40 slices on 0.9.
const LEVEL: f64 = 0.0015;

/// How many of its standard errors φ is taken above its estimate.
const CAUTION: f64 = 1.5;

/// The change of a figure over the measure window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// From the start of the window to its end, by the best-fitting shape, relative to the mean: 0.1 is 10 % upwards.
    pub relative_change: f64,
    /// Whether the change is more than chance. A stationary series is called significant in less than 1 % of cases. Small
    /// changes of a very quiet figure are significant too: whether they matter is another question.
    pub significant: bool,
}

/// Tests a figure, given for equal consecutive slices of the window, for drift. `None` if there are fewer than
/// [`MIN_SLICES`], if one is not finite, or if their mean is 0.
pub fn drift(slices: &[f64]) -> Option<Drift> {
    let mean = slices.iter().sum::<f64>() / slices.len() as f64;
    if slices.len() < MIN_SLICES || !mean.is_finite() || mean == 0.0 {
        return None;
    }
    let centred: Vec<f64> = slices.iter().map(|value| value - mean).collect();
    let best = shapes(slices.len())
        .into_iter()
        .map(|shape| Fit::new(&centred, &shape))
        .min_by(|a, b| a.rest_squares.total_cmp(&b.rest_squares))?;
    let relative_change = best.change / mean.abs();
    // Less than rounding makes of a constant is no change.
    Some(Drift { relative_change, significant: relative_change.abs() > 1e-12 && best.is_significant() })
}

/// The shapes, each rising by 1 from the first slice to the last and centred on 0.
fn shapes(slices: usize) -> [Vec<f64>; 4] {
    let last = (slices - 1) as f64;
    let step = |quarters: usize| -> Vec<f64> {
        (0..slices).map(|i| if i < slices * quarters / 4 { 0.0 } else { 1.0 }).collect()
    };
    let line = (0..slices).map(|i| i as f64 / last).collect();
    [line, step(1), step(2), step(3)].map(|shape: Vec<f64>| {
        let mean = shape.iter().sum::<f64>() / slices as f64;
        shape.into_iter().map(|value| value - mean).collect()
    })
}

/// A shape fitted to a centred series by least squares.
struct Fit {
    /// How much the series rises over the window.
    change: f64,
    /// Σ shape².
    shape_squares: f64,
    /// What the shape leaves over, slice by slice.
    rests: Vec<f64>,
    rest_squares: f64,
}

impl Fit {
    fn new(centred: &[f64], shape: &[f64]) -> Self {
        let shape_squares: f64 = shape.iter().map(|s| s * s).sum();
        let change = centred.iter().zip(shape).map(|(c, s)| c * s).sum::<f64>() / shape_squares;
        let rests: Vec<f64> = centred.iter().zip(shape).map(|(c, s)| c - change * s).collect();
        let rest_squares = rests.iter().map(|r| r * r).sum();
        Self { change, shape_squares, rests, rest_squares }
    }

    fn is_significant(&self) -> bool {
        let explained = self.change * self.change * self.shape_squares;
        // An exact shape leaves only rounding over, which is no variance to test against.
        if self.rest_squares <= 1e-20 * explained {
            return true;
        }
        let n = self.rests.len() as f64;
        // The residuals' lag-1 autocorrelation.
        let products: f64 = self.rests.windows(2).map(|pair| pair[0] * pair[1]).sum();
        let raw = products / self.rest_squares;
        let unbiased = (raw + (2.0 + 4.0 * raw) / n).clamp(0.0, 0.99);
        let phi = (unbiased + CAUTION * ((1.0 - unbiased * unbiased) / n).sqrt()).min(0.99);
        let degrees = n * (1.0 - phi) / (1.0 + phi) - 2.0;
        if degrees < 1.0 {
            return false;
        }
        let t = (explained / self.rest_squares * degrees).sqrt();
        let student = StudentsT::new(0.0, 1.0, degrees).expect("the degrees of freedom are at least 1");
        2.0 * (1.0 - student.cdf(t)) < LEVEL
    }
}

#[cfg(test)]
mod tests {
    use super::super::simulation::Random;
    use super::*;

    /// `n` values of an AR(1) process with mean 100 and a stationary standard deviation of 5.
    fn series(n: usize, phi: f64, random: &mut Random) -> Vec<f64> {
        let mut deviation = random.normal();
        let innovation = (1.0 - phi * phi).sqrt();
        let mut next = || {
            deviation = phi * deviation + innovation * random.normal();
            100.0 + 5.0 * deviation
        };
        (0..n).map(|_| next()).collect()
    }

    /// The share of series called significant, after `change` was applied to each value by its place in the window, 0 to 1.
    fn alarms(n: usize, phi: f64, change: impl Fn(f64) -> f64) -> f64 {
        const RUNS: u32 = 2000;
        let mut random = Random::new(7);
        let alarms = (0..RUNS).filter(|_| {
            let mut values = series(n, phi, &mut random);
            values.iter_mut().enumerate().for_each(|(i, value)| *value += change(i as f64 / n as f64));
            drift(&values).unwrap().significant
        });
        alarms.count() as f64 / f64::from(RUNS)
    }

    #[test]
    fn stationary_series_raise_an_alarm_in_less_than_one_percent_of_cases() {
        for n in [20, 40, 64] {
            for phi in [-0.3, 0.0, 0.3, 0.6, 0.8, 0.9] {
                if n == 20 && phi > 0.8 {
                    continue;
                }
                let share = alarms(n, phi, |_| 0.0);
                assert!(share < 0.01, "n = {n}, phi = {phi}: {share}");
            }
        }
    }

    #[test]
    fn lines_and_steps_are_found() {
        for (phi, size) in [(0.0, 15.0), (0.3, 20.0)] {
            let line = alarms(64, phi, |place| size * place);
            let step = alarms(64, phi, |place| if place < 0.5 { 0.0 } else { size });
            let early = alarms(64, phi, |place| if place < 0.25 { size } else { 0.0 });
            assert!(
                line > 0.8 && step > 0.8 && early > 0.8,
                "phi = {phi}: line {line}, step {step}, early step {early}"
            );
        }
    }

    #[test]
    fn the_change_is_relative_to_the_mean_and_signed() {
        let rising: Vec<f64> = (0..64).map(|i| 90.0 + 20.0 * f64::from(i) / 63.0).collect();
        let found = drift(&rising).unwrap();
        assert!(found.significant && (found.relative_change - 0.2).abs() < 1e-9, "{found:?}");
        let falling: Vec<f64> = (0..64).map(|i| if i < 16 { 130.0 } else { 90.0 }).collect();
        let found = drift(&falling).unwrap();
        assert!(found.significant && (found.relative_change + 0.4).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn constants_do_not_drift_and_what_cannot_be_judged_is_not() {
        for value in [0.1, 100.0, 1e9 / 3.0] {
            let found = drift(&[value; 40]).unwrap();
            assert!(!found.significant && found.relative_change.abs() < 1e-12, "{value}: {found:?}");
        }
        assert_eq!(drift(&[1.0; MIN_SLICES - 1]), None);
        assert_eq!(drift(&[0.0; 40]), None);
        let mut broken = [1.0; 40];
        broken[7] = f64::NAN;
        assert_eq!(drift(&broken), None);
        assert_eq!(drift(&[]), None);
    }
}
