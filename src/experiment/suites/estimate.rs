//! From rounds to figures and verdicts: all comparisons, of every measure under every workload, are one family.

use super::super::describe;
use super::trial::{Cell, Row};
use super::trust;
use crate::model::suites::{SuitesPlan, Workload};
use crate::model::tls::{Trust, Verify};
use crate::record::suites::{
    ArmRecord, Estimates, Figure, RESUMPTION, RoundRecord, SuitesPlanRecord, Trustworthy, Versus,
};
use crate::stats::compare::{self, Comparison, Difference, Estimate, Tolerance, Verdict};
use crate::stats::interval::CONFIDENCE;
use crate::stats::rounds::Rounds;
use crate::stats::summary::Summary;
use crate::units;

/// The longest record of TLS (RFC 8446, 5.1), which is what this side fills.
const RECORD_BYTES: u64 = 1 << 14;

/// What arms are compared by. The first is the one that every arm has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Rate,
    Response,
    ClientCpu,
    ServerCpu,
}

impl Measure {
    const ALL: [Self; 4] = [Self::Rate, Self::Response, Self::ClientCpu, Self::ServerCpu];

    fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Response => "response_p50",
            Self::ClientCpu => "client_cpu",
            Self::ServerCpu => "server_cpu",
        }
    }

    fn of(self, round: &RoundRecord) -> Option<f64> {
        let figure = match self {
            Self::Rate => round.rate_per_s,
            Self::Response => round.response_p50_ns.map(|ns| ns as f64),
            Self::ClientCpu => round.client_cpu_ns,
            Self::ServerCpu => round.server_cpu_ns,
        };
        figure.filter(|figure| *figure > 0.0 && figure.is_finite())
    }

    /// The word for a figure that is higher or lower than the baseline's.
    fn word(self, verdict: Verdict) -> &'static str {
        match (self, verdict) {
            (Self::Rate, Verdict::Higher) | (Self::Response, Verdict::Lower) => "faster",
            (Self::Rate, Verdict::Lower) | (Self::Response, Verdict::Higher) => "slower",
            (_, Verdict::Higher) => "dearer",
            (_, Verdict::Lower) => "cheaper",
            (_, Verdict::NoDifference) => "no_difference",
            (_, Verdict::TooFew) => "too_few",
        }
    }
}

/// What the rounds say.
pub(super) struct Judged {
    pub(super) arms: Vec<ArmRecord>,
    pub(super) trustworthy: Trustworthy,
}

/// Judges all arms of all workloads. `apart`: generator and server are known not to share cores.
pub(super) fn judge(cells: &[Cell], apart: bool) -> Judged {
    let mut verdicts = verdicts(cells).into_iter();
    let mut arms = Vec::new();
    for cell in cells {
        for (place, row) in cell.rows.iter().enumerate() {
            let mut of_row = verdicts.next().into_iter().flatten();
            let mut rate = of_row.next().flatten();
            if let (Some(versus), Some(baseline)) = (&mut rate, row.baseline.map(|place| &cell.rows[place])) {
                bound(versus, is_client_limited(row), is_client_limited(baseline));
            }
            let others = of_row.flatten().filter(|versus| versus.ratio.is_some()).collect();
            arms.push(record(cell, place, row, apart, rate, others));
        }
    }
    let trustworthy = trust::of(&arms);
    Judged { arms, trustworthy }
}

/// Every row's figures against its baseline's, a verdict for each measure; `None` where the row is the baseline. All of them are one family:
/// a comparison in which nothing differs calls something different, whatever it is, in one of twenty cases at most.
fn verdicts(cells: &[Cell]) -> Vec<Vec<Option<Versus>>> {
    let of_measures = |cell: &Cell| {
        let by_measure = Measure::ALL.map(|measure| differences(cell, measure));
        (0..cell.rows.len()).map(move |row| by_measure.iter().map(|rows| rows[row]).collect()).collect::<Vec<Vec<_>>>()
    };
    let rows: Vec<Vec<Option<Option<Difference>>>> = cells.iter().flat_map(of_measures).collect();
    let asked: Vec<Option<Difference>> = rows.iter().flatten().flatten().copied().collect();
    let mut judged = compare::judge(&asked, Tolerance::DEFAULT).into_iter();
    // Only what was asked takes an answer.
    let mut answer = |(measure, asked): (Measure, Option<Option<Difference>>)| {
        asked.and_then(|_| Some(versus(measure, judged.next()?)))
    };
    rows.into_iter().map(|row| Measure::ALL.into_iter().zip(row).map(&mut answer).collect()).collect()
}

/// The difference of each row from its baseline; the outer `None` where the row is the baseline.
fn differences(cell: &Cell, measure: Measure) -> Vec<Option<Option<Difference>>> {
    let rounds = rounds(cell, measure);
    let of_row = |(place, row): (usize, &Row)| {
        let baseline = row.baseline.filter(|baseline| *baseline != place)?;
        Some(rounds.difference(place, baseline))
    };
    cell.rows.iter().enumerate().map(of_row).collect()
}

/// The figures of all rows, round by round.
fn rounds(cell: &Cell, measure: Measure) -> Rounds {
    let mut rounds = Rounds::new(cell.rows.len());
    let last = cell.rows.iter().flat_map(|row| row.rounds.iter().map(|record| record.round)).max().unwrap_or(0);
    for round in 1..=last {
        let of_row =
            |row: &Row| row.rounds.iter().find(|record| record.round == round).and_then(|record| measure.of(record));
        let figures: Vec<Option<f64>> = cell.rows.iter().map(of_row).collect();
        // Every figure is positive, and there is one for each row.
        let _ = rounds.push(&figures);
    }
    rounds
}

fn versus(measure: Measure, comparison: Comparison) -> Versus {
    let Comparison { ratio, interval, p, verdict } = comparison;
    Versus {
        measure: measure.name().to_owned(),
        ratio,
        low: interval.map(|(low, _)| low),
        high: interval.map(|(_, high)| high),
        p,
        verdict: measure.word(verdict).to_owned(),
        limited_by: None,
    }
}

/// Whether the client was the limit in most of the rounds that have a rate.
fn is_client_limited(row: &Row) -> bool {
    let measured = || row.rounds.iter().filter(|round| round.rate_per_s.is_some());
    2 * measured().filter(|round| round.client_limited).count() > measured().count()
}

/// A rate that the client limited is a lower bound of the server's. Against one that is none, the server's ratio is at least (or, where the
/// baseline is the bound, at most) what was found, so that only one verdict stands. Of two bounds it is the client's ratio.
fn bound(versus: &mut Versus, arm_limited: bool, baseline_limited: bool) {
    versus.limited_by = (arm_limited && baseline_limited).then(|| "client".to_owned());
    let stands = match (arm_limited, baseline_limited) {
        (true, false) => versus.verdict == "faster",
        (false, true) => versus.verdict == "slower",
        _ => true,
    };
    if !stands && versus.verdict != "too_few" {
        "bound".clone_into(&mut versus.verdict);
    }
}

fn record(
    cell: &Cell,
    place: usize,
    row: &Row,
    apart: bool,
    versus_baseline: Option<Versus>,
    also_versus_baseline: Vec<Versus>,
) -> ArmRecord {
    let (direction, object_bytes) = match cell.workload {
        Workload::Bulk(direction, bytes) => (Some(direction), Some(bytes)),
        _ => (None, None),
    };
    let client_limited = is_client_limited(row);
    ArmRecord {
        suite: row.arm.suite,
        version: row.arm.suite.version(),
        certificate: row.arm.certificate,
        workload: cell.workload.name().to_owned(),
        direction,
        object_bytes,
        baseline: row.baseline == Some(place),
        control: row.arm.control,
        limited_by: client_limited.then(|| "client".to_owned()),
        rate_of: match (apart, client_limited) {
            (false, _) => "both",
            (true, true) => "client",
            (true, false) => "server",
        }
        .to_owned(),
        groups: row.groups.iter().copied().collect(),
        rounds: row.rounds.clone(),
        estimate: estimates(cell, place, row, object_bytes),
        versus_baseline,
        also_versus_baseline,
    }
}

fn estimates(cell: &Cell, place: usize, row: &Row, object_bytes: Option<u64>) -> Estimates {
    let figure = |measure: Measure| rounds(cell, measure).estimate(place).map(of_estimate);
    let scaled = |figure: Option<Figure>, factor: f64| {
        let Figure { value, low, high } = figure?;
        Some(Figure { value: value * factor, low: low.map(|low| low * factor), high: high.map(|high| high * factor) })
    };
    let (rate, client, server) = (figure(Measure::Rate), figure(Measure::ClientCpu), figure(Measure::ServerCpu));
    // Nanoseconds for each object of so many bytes are so many seconds for 10^9 bytes.
    let per_gb = |cpu_ns| object_bytes.and_then(|bytes| scaled(cpu_ns, 1.0 / bytes as f64));
    let summary = Summary::new(&row.responses, &row.batches);
    let quantile = |q: f64| {
        let found = summary.as_ref()?.quantile(q).filter(|found| !found.at_least)?;
        let ns = |ns: Option<u64>| ns.map(|ns| ns as f64);
        Some(Figure { value: ns(found.ns)?, low: ns(found.low_ns), high: ns(found.high_ns) })
    };
    Estimates {
        rounds: row.rounds.iter().filter(|round| round.rate_per_s.is_some()).count() as u32,
        rate_per_s: rate,
        bytes_per_s: object_bytes.and_then(|bytes| scaled(rate, bytes as f64)),
        client_cpu_ns: client,
        client_cpu_s_per_gb: per_gb(client),
        server_cpu_ns: server,
        server_cpu_s_per_gb: per_gb(server),
        common_rate_per_s: cell.common_rate.map(units::Rate::as_per_second),
        responses: row.responses.len(),
        response_p50_ns: quantile(0.5),
        response_p99_ns: quantile(0.99),
        failed: row.rounds.iter().map(|round| round.failed).sum(),
    }
}

fn of_estimate(estimate: Estimate) -> Figure {
    Figure {
        value: estimate.value,
        low: estimate.interval.map(|(low, _)| low),
        high: estimate.interval.map(|(_, high)| high),
    }
}

/// What was the same for all arms.
pub(super) fn plan_record(plan: &SuitesPlan) -> SuitesPlanRecord {
    let tls = plan.tls();
    let (load, warmup) = plan.load();
    SuitesPlanRecord {
        rounds: plan.rounds(),
        trial_s: plan.trial().as_secs_f64(),
        warmup_s: warmup.as_secs_f64(),
        load_share: plan.load_share(),
        seed: plan.seed(),
        connections: load.connections() as u64,
        threads: load.threads() as u64,
        pin: load.pin,
        path: plan.target().url.path.clone(),
        baseline: plan.named_baseline(),
        resumption: RESUMPTION.to_owned(),
        groups: tls.groups().iter().map(ToString::to_string).collect(),
        crypto: tls.provider().name().to_owned(),
        record_bytes: RECORD_BYTES,
        trust: describe::trust_of(&tls.trust).0.to_owned(),
        verify: if tls.verify == Verify::Once { "once" } else { "every" }.to_owned(),
        insecure: tls.trust == Trust::Insecure,
        tolerance: Tolerance::DEFAULT.share(),
        confidence: CONFIDENCE,
    }
}

#[cfg(test)]
mod tests;
