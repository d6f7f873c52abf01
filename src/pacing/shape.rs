//! A rate that changes with time, piece by piece in straight lines, and when so many arrivals of it are due.

use std::time::Duration;

use crate::model::scenario::Stage;

/// A stretch of time in which the rate goes from one value to another in a straight line.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    /// Its start, in seconds.
    start_s: f64,
    /// Arrivals that are due before it.
    before: f64,
    /// Arrivals per second at its start.
    from: f64,
    /// By how much that grows each second.
    slope: f64,
}

/// The rate as a function of time: Λ(t), the arrivals that are due by then, is its integral. From the end of the stages on it is their mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    pieces: Vec<Piece>,
}

impl Shape {
    /// `warmup` at the rate with which `stages` begin, then these.
    pub fn new(warmup: Duration, stages: &[Stage]) -> Self {
        let (mut pieces, mut start_s, mut before) = (Vec::new(), 0.0, 0.0);
        let mut add = |from: f64, to: f64, length_s: f64| {
            if length_s > 0.0 {
                pieces.push(Piece { start_s, before, from, slope: (to - from) / length_s });
                start_s += length_s;
                before += f64::midpoint(from, to) * length_s;
            }
        };
        let first = stages.first().map_or(0.0, |stage| stage.from_per_s);
        add(first, first, warmup.as_secs_f64());
        for stage in stages {
            add(stage.from_per_s, stage.to_per_s, stage.length.as_secs_f64());
        }
        let mean = if start_s > 0.0 { before / start_s } else { 0.0 };
        pieces.push(Piece { start_s, before, from: mean, slope: 0.0 });
        Self { pieces }
    }

    /// The time at which `count` arrivals are due, in nanoseconds: the inverse of Λ, where that stands still the end of the stretch. `hint` is the
    /// piece in which the last answer lay, and is moved on: counts must not fall. `None` where so many are never due.
    pub(super) fn due_ns(&self, count: f64, hint: &mut usize) -> Option<f64> {
        while self.pieces.get(*hint + 1).is_some_and(|next| next.before <= count) {
            *hint += 1;
        }
        let piece = self.pieces.get(*hint)?;
        let within = count - piece.before;
        // The root of from·x + slope·x²/2 = within that has no difference of large numbers.
        let root = (piece.from * piece.from + 2.0 * piece.slope * within).max(0.0).sqrt();
        let seconds = if within > 0.0 { 2.0 * within / (piece.from + root) } else { 0.0 };
        seconds.is_finite().then_some((piece.start_s + seconds) * 1e9)
    }
}
