//! The Universal Scalability Law over the trials of a search for capacity.

use crate::record::capacity::TrialRecord;
use crate::record::law::{Law, LawFit, LawPoint};
use crate::stats::usl::{Point, Usl};

/// Where as many are in the system as this share of the connections, some of them wait for one: the generator holds them, and not the server.
const IN_USE: f64 = 0.8;

/// The law over those trials that are valid, not of an overload, in which nothing is in balance, and limited neither by the generator nor by its
/// `connections`.
pub(super) fn over(trials: &[TrialRecord], connections: u64) -> Law {
    let served = |trial: &TrialRecord| trial.in_flight_mean.is_some_and(|n| n < IN_USE * connections as f64);
    let usable = trials.iter().filter(|trial| {
        trial.valid && !trial.overloaded && !trial.client_limited && trial.achieved_per_s > 0.0 && served(trial)
    });
    let points: Vec<Point> = usable
        .filter_map(|trial| Some(Point { concurrency: trial.in_flight_mean?, throughput: trial.achieved_per_s }))
        .filter(|point| point.concurrency > 0.0)
        .collect();
    let fitted = Usl::fit(&points);
    let residual = |place: usize| fitted.as_ref().ok().map(|law| law.residuals[place]);
    let of_trial = |(place, point): (usize, &Point)| LawPoint {
        concurrency: point.concurrency,
        throughput_per_s: point.throughput,
        residual: residual(place),
    };
    Law {
        points: points.iter().enumerate().map(of_trial).collect(),
        fit: fitted.as_ref().ok().map(LawFit::from),
        refused: fitted.as_ref().err().map(ToString::to_string),
    }
}
