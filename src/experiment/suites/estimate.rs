//! From rounds to figures and verdicts: all comparisons, of every measure under every workload, are one family.

use super::super::describe;
use super::Surroundings;
use super::trial::{Cell, Row};
use crate::model::suites::{SuitesPlan, Workload};
use crate::model::tls::{Trust, Verify};
use crate::record::run::Remark;
use crate::record::suites::{ArmRecord, Estimates, Figure, RoundRecord, SuitesPlanRecord, Trustworthy, Versus};
use crate::stats::compare::{self, Comparison, Difference, Estimate, MIN_ROUNDS, Tolerance, Verdict};
use crate::stats::interval::CONFIDENCE;
use crate::stats::rounds::Rounds;
use crate::stats::summary::Summary;
use crate::units;

/// The longest record of TLS (RFC 8446, 5.1), which is what this side fills.
const RECORD_BYTES: u64 = 1 << 14;

/// A noise floor above this hides what anybody would compare suites for.
const COARSE: f64 = 0.25;

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
    let trustworthy = trust(&arms);
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
    }
}

/// Whether the client was the limit in most of the rounds that have a rate.
fn is_client_limited(row: &Row) -> bool {
    let measured = || row.rounds.iter().filter(|round| round.rate_per_s.is_some());
    2 * measured().filter(|round| round.client_limited).count() > measured().count()
}

/// A rate that the client limited is a lower bound of the server's. Against one that is none, the server's ratio is at least (or, where the
/// baseline is the bound, at most) what was found, so that only one verdict stands.
fn bound(versus: &mut Versus, arm_limited: bool, baseline_limited: bool) {
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
        rate_of: if client_limited {
            "client"
        } else if apart {
            "server"
        } else {
            "both"
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

/// What the controls say: a baseline that differs from itself takes the word of all others.
fn trust(arms: &[ArmRecord]) -> Trustworthy {
    let controls = || arms.iter().filter(|arm| arm.control);
    let asked = || controls().flat_map(|arm| arm.versus_baseline.iter().chain(&arm.also_versus_baseline));
    let widths = controls().filter_map(|arm| {
        let versus = arm.versus_baseline.as_ref()?;
        Some((1.0 - versus.low?).abs().max((versus.high? - 1.0).abs()))
    });
    let noise_floor = widths.reduce(f64::max);
    let same = ["no_difference", "too_few", "bound"];
    let differing = asked().filter(|versus| !same.contains(&versus.verdict.as_str())).count();
    let judged = controls().filter(|arm| arm.versus_baseline.as_ref().is_some_and(|v| v.verdict != "too_few")).count();
    let groups = groups_differ(arms);
    let trusted = differing == 0 && judged > 0 && judged == controls().count() && groups.is_none();
    if let Some(text) = groups {
        return Trustworthy { trusted, noise_floor, text };
    }
    let text = match (differing, noise_floor) {
        (0, Some(floor)) if trusted && floor > COARSE => format!(
            "the baselines against themselves show no difference, but this was so noisy that only rates that differ by more than {} \
             are sure to be told apart: a calmer machine, longer runs (--trial) or more --rounds see more",
            units::share(floor)
        ),
        (0, Some(floor)) if trusted => format!(
            "the baselines against themselves show no difference; in the noisiest workload a rate that differs by less than {} may pass \
             for noise",
            units::share(floor)
        ),
        (0, _) => "not every baseline could be compared with itself: too few valid rounds".to_owned(),
        (n, _) => format!(
            "{n} of {} comparisons of a baseline with itself show a difference: something but the suite makes one, and no \
             difference here can be trusted",
            asked().count()
        ),
    };
    Trustworthy { trusted, noise_floor, text }
}

/// Under which workload arms agreed on different groups, if they did: then it is groups that are compared, too. A resumption of TLS 1.2
/// exchanges no key.
fn groups_differ(arms: &[ArmRecord]) -> Option<String> {
    let key = |arm: &ArmRecord| (arm.workload.clone(), arm.direction, arm.object_bytes);
    arms.chunk_by(|a, b| key(a) == key(b)).find_map(|rows| {
        let mut with_groups = rows.iter().filter(|row| !row.groups.is_empty());
        let first = with_groups.next()?;
        let other = with_groups.find(|row| row.groups != first.groups)?;
        let names = |row: &ArmRecord| row.groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
        Some(format!(
            "not all suites agreed on the same group ({} with {}, {} with {}), so that it is groups that are compared, too: name one that \
             the endpoint takes with every suite, such as --group P-256",
            first.suite,
            names(first),
            other.suite,
            names(other)
        ))
    })
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

/// What a reader should know of the comparison as a whole.
pub(super) fn warnings(plan: &SuitesPlan, cells: &[Cell], around: &Surroundings<'_>) -> Vec<Remark> {
    let mut warnings = Vec::new();
    let mut warn = |code: &str, text: String| warnings.push(Remark { code: code.to_owned(), text });
    if plan.tls().trust == Trust::Insecure {
        warn("insecure", "--insecure: the server's certificate and name were not checked".to_owned());
    }
    if !around.apart {
        let text = "generator and server shared this machine's cores: the rates are those of both together; give each cores of \
                    its own with taskset, and name the server with --server-pid";
        warn("shared_host", text.to_owned());
    }
    let rows = || cells.iter().flat_map(|cell| &cell.rows);
    let lacking = rows().filter(|row| row.rounds.iter().filter(|r| r.rate_per_s.is_some()).count() < MIN_ROUNDS);
    let lacking = lacking.count();
    if lacking > 0 {
        warn("too_few_rounds", format!("{lacking} rows have fewer than {MIN_ROUNDS} valid rounds"));
    }
    let repeated: u32 = rows().flat_map(|row| &row.rounds).map(|round| round.repeated).sum();
    let disturbed = rows().flat_map(|row| &row.rounds).filter(|round| round.disturbed).count();
    if disturbed > 0 {
        let measured = rows().flat_map(|row| &row.rounds).filter(|round| round.rate_per_s.is_some()).count();
        let text = format!(
            "in {disturbed} of {measured} runs at full load the generator was kept from running for more than a valid run allows: their \
             rates are lower for it, and the intervals wider"
        );
        warn("disturbed", text);
    }
    if repeated > 0 {
        let text = format!(
            "{repeated} runs were made again, since the generator was kept from running; a calmer machine is quicker"
        );
        warn("repeated", text);
    }
    let failed: u64 = rows().flat_map(|row| &row.rounds).map(|round| round.failed).sum();
    if failed > 0 {
        let text = format!(
            "{failed} handshakes or requests failed or were never sent; a run with failures has no rate and no cost"
        );
        warn("failures", text);
    }
    warnings
}

#[cfg(test)]
mod tests;
