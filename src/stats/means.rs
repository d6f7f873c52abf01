//! How well a mean is known that is taken over equal consecutive slices of a run, such as completions per second.
//!
//! Slices depend on each other, so the mean's standard error is taken from batch means (Conway, *Manag. Sci.* 10, 1963), at
//! several batch lengths, of which the one that says most counts. A run that is worth less than [`MIN_GROUPS`] slices says
//! nothing, and dependence that outlasts a tenth of the run cannot be seen in it.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::interval::{CONFIDENCE, MIN_GROUPS};

/// Into how many batches the slices are gathered, beside each slice by itself.
const GROUPS: [usize; 3] = [32, 20, MIN_GROUPS];

/// The half-width of the mean's interval at [`CONFIDENCE`], in the unit of the slices. `None` if there are fewer than
/// [`MIN_GROUPS`] slices, or one is not finite.
pub fn half_width(slices: &[f64]) -> Option<f64> {
    if slices.len() < MIN_GROUPS || slices.iter().any(|slice| !slice.is_finite()) {
        return None;
    }
    let lengths = GROUPS.into_iter().filter(|groups| *groups < slices.len()).chain([slices.len()]);
    lengths.map(|groups| half_width_over(&batches(slices, groups))).reduce(f64::max)
}

fn half_width_over(means: &[f64]) -> f64 {
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let squares: f64 = means.iter().map(|value| (value - mean).powi(2)).sum();
    let t = StudentsT::new(0.0, 1.0, n - 1.0)
        .expect("the degrees of freedom are at least 1")
        .inverse_cdf(f64::midpoint(1.0, CONFIDENCE));
    t * (squares / (n - 1.0) / n).sqrt()
}

/// The means of `groups` batches of adjacent slices, whose sizes differ by one at most.
fn batches(slices: &[f64], groups: usize) -> Vec<f64> {
    let edge = |group: usize| group * slices.len() / groups;
    let of_batch = |group: usize| {
        let batch = &slices[edge(group)..edge(group + 1)];
        batch.iter().sum::<f64>() / batch.len() as f64
    };
    (0..groups).map(of_batch).collect()
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{Binomial, DiscreteCDF};

    use super::super::simulation::Random;
    use super::*;

    #[test]
    fn ten_slices_give_the_textbook_interval() {
        // Mean 5.5, standard deviation 3.02765, t₉ 2.26216: 2.26216 × 3.02765 / √10.
        let slices: Vec<f64> = (1..=10).map(f64::from).collect();
        assert!((half_width(&slices).unwrap() - 2.16585).abs() < 1e-5);
        assert_eq!((half_width(&slices[..9]), half_width(&[f64::NAN; 20])), (None, None));
        assert_eq!(half_width(&[7.0; 20]), Some(0.0));
        let means = batches(&slices, 4);
        assert_eq!(means, [1.5, 4.0, 6.5, 9.0]);
    }

    /// Of `runs` simulated ones with a mean of 0, each of `slices` values of an AR(1) process: how many intervals hold 0.
    fn covered(runs: u64, slices: usize, phi: f64) -> u64 {
        let covers = |seed: &u64| {
            let mut random = Random::new(*seed);
            let mut value = random.normal() / (1.0 - phi * phi).sqrt();
            let mut next = || {
                value = phi * value + random.normal();
                value
            };
            let slices: Vec<f64> = (0..slices).map(|_| next()).collect();
            let mean = slices.iter().sum::<f64>() / slices.len() as f64;
            mean.abs() <= half_width(&slices).unwrap()
        };
        (1..=runs).filter(covers).count() as u64
    }

    #[test]
    fn intervals_cover_the_mean_of_independent_and_of_dependent_slices() {
        const RUNS: u64 = 1000;
        for (slices, phi) in [(10, 0.0), (30, 0.0), (60, 0.0), (30, 0.3), (60, 0.5), (300, 0.7)] {
            let covered = covered(RUNS, slices, phi);
            // A true coverage of 92 % would fall below this once in a thousand times.
            let least = Binomial::new(0.92, RUNS).unwrap().inverse_cdf(0.001);
            assert!(covered >= least, "{slices} slices, φ = {phi}: {covered} of {RUNS}");
        }
    }
}
