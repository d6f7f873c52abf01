//! The median of independent repetitions, with an interval from their order alone.
//!
//! The number of repetitions below the true median is binomial with p = 1/2, whatever their distribution. So the k-th smallest and the
//! k-th largest of n enclose it with probability 1 − 2·P(B(n, 1/2) < k) (David and Nagaraja, *Order Statistics*, 7.1); k is the largest
//! for which that is at least 95 %. Six repetitions are the fewest for which there is one.

use super::interval::CONFIDENCE;

/// The fewest repetitions that give an interval: 1 − 2·2⁻ⁿ reaches 95 % at six.
pub const MIN_REPETITIONS: usize = 6;

/// A median, and the interval in which the true one lies with [`CONFIDENCE`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MedianEstimate {
    /// The middle repetition, or the mean of the two in the middle.
    pub median: f64,
    /// The interval's ends; `None` with fewer than [`MIN_REPETITIONS`].
    pub interval: Option<(f64, f64)>,
}

/// The median of `values`, in any order; `None` where there is none.
pub fn median(values: &[f64]) -> Option<MedianEstimate> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let n = sorted.len();
    let middle = *sorted.get(n / 2)?;
    let median = if n % 2 == 1 { middle } else { f64::midpoint(sorted[n / 2 - 1], middle) };
    let interval = rank(n).map(|k| (sorted[k - 1], sorted[n - k]));
    Some(MedianEstimate { median, interval })
}

/// The largest k such that the k-th smallest and the k-th largest of `n` enclose the median with [`CONFIDENCE`].
fn rank(n: usize) -> Option<usize> {
    // P(B(n, 1/2) = i), and its sum below k.
    let mut term = 0.5_f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let (mut below, mut k) = (0.0, 0);
    while k < n / 2 {
        below += term;
        if 1.0 - 2.0 * below < CONFIDENCE {
            break;
        }
        k += 1;
        term *= (n - k + 1) as f64 / k as f64;
    }
    (k > 0).then_some(k)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranks_are_those_of_the_tables() {
        // Conover, *Practical Nonparametric Statistics*, table A3, p = 0.5.
        for (n, expected) in [(5, None), (6, Some(1)), (8, Some(1)), (9, Some(2)), (12, Some(3)), (20, Some(6))] {
            assert_eq!(rank(n), expected, "{n}");
        }
        assert_eq!(rank(0), None);
        assert!(rank(MIN_REPETITIONS).is_some() && rank(MIN_REPETITIONS - 1).is_none());
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(MedianEstimate { median: 3.0, interval: None }));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        let nine = median(&[9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0]).unwrap();
        assert_eq!(nine, MedianEstimate { median: 5.0, interval: Some((2.0, 8.0)) });
    }

    proptest! {
        #[test]
        fn the_interval_encloses_the_median(values in prop::collection::vec(-1e6f64..1e6, 1..80)) {
            let estimate = median(&values).unwrap();
            prop_assert_eq!(estimate.interval.is_some(), values.len() >= MIN_REPETITIONS);
            if let Some((low, high)) = estimate.interval {
                prop_assert!(low <= estimate.median && estimate.median <= high);
            }
        }

        /// Of all ways in which n repetitions can fall on either side of the median, at least 95 % are enclosed, and one rank
        /// further in fewer would be.
        #[test]
        fn the_coverage_is_exact(n in 6_usize..24) {
            let k = rank(n).unwrap();
            let covered = |k: usize| (0..1_u32 << n).filter(|sides| (k..=n - k).contains(&(sides.count_ones() as usize))).count();
            let share = |k: usize| covered(k) as f64 / f64::from(1_u32 << n);
            prop_assert!(share(k) >= CONFIDENCE);
            prop_assert!(2 * (k + 1) > n || share(k + 1) < CONFIDENCE);
        }
    }
}
