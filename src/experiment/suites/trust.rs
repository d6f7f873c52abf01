//! What the controls say of a comparison, by workload and as a whole: whether what differs can be believed, and what could not be seen.

use crate::record::suites::{ArmRecord, TrustVerdict, Trustworthy, WorkloadTrust};
use crate::units;

/// A noise floor above this hides what anybody would compare suites for.
const COARSE: f64 = 0.25;

/// The verdicts by which a baseline does not differ from itself.
const SAME: [&str; 3] = ["no_difference", "too_few", "bound"];

/// What is to be known of one workload.
struct Facts<'a> {
    /// The workload's arms.
    rows: &'a [ArmRecord],
    /// Comparisons of its baselines with themselves, of every measure, and how many of them show a difference.
    asked: usize,
    differing: usize,
    /// Whether each baseline's rate could be compared with itself.
    judged: bool,
    noise_floor: Option<f64>,
    /// Runs at full load that have a rate, and how many of them were disturbed.
    measured: usize,
    disturbed: usize,
    /// Why not all of its arms agreed on the same group, if so.
    groups: Option<String>,
}

impl<'a> Facts<'a> {
    fn of(rows: &'a [ArmRecord]) -> Self {
        let controls = || rows.iter().filter(|arm| arm.control);
        let asked = || controls().flat_map(|arm| arm.versus_baseline.iter().chain(&arm.also_versus_baseline));
        let widths = controls().filter_map(|arm| {
            let versus = arm.versus_baseline.as_ref()?;
            Some((1.0 - versus.low?).abs().max((versus.high? - 1.0).abs()))
        });
        let has_interval =
            |arm: &ArmRecord| arm.versus_baseline.as_ref().is_some_and(|versus| versus.verdict != "too_few");
        let rounds = || rows.iter().flat_map(|arm| &arm.rounds).filter(|round| round.rate_per_s.is_some());
        Self {
            rows,
            asked: asked().count(),
            differing: asked().filter(|versus| !SAME.contains(&versus.verdict.as_str())).count(),
            judged: controls().count() > 0 && controls().all(has_interval),
            noise_floor: widths.reduce(f64::max),
            measured: rounds().count(),
            disturbed: rounds().filter(|round| round.disturbed).count(),
            groups: groups_differ(rows),
        }
    }

    fn is_disturbed(&self) -> bool {
        2 * self.disturbed > self.measured
    }

    fn is_coarse(&self) -> bool {
        self.noise_floor.is_some_and(|floor| floor > COARSE)
    }

    fn verdict(&self) -> TrustVerdict {
        if self.differing > 0 || self.groups.is_some() {
            TrustVerdict::NotTrusted
        } else if !self.judged || self.is_disturbed() || self.is_coarse() {
            TrustVerdict::Inconclusive
        } else {
            TrustVerdict::Trusted
        }
    }

    fn text(&self) -> String {
        let floor = self.noise_floor.map(by).unwrap_or_default();
        if self.groups.is_some() {
            "its arms agreed on different groups".to_owned()
        } else if self.differing > 0 {
            format!("{} of {} comparisons of a baseline with itself show a difference", self.differing, self.asked)
        } else if !self.judged {
            "too few valid rounds to compare every baseline with itself".to_owned()
        } else if self.is_disturbed() {
            format!("in {} of {} runs at full load the generator was kept from running", self.disturbed, self.measured)
        } else if self.is_coarse() {
            format!("only rates that differ {floor} or more are sure to be told apart")
        } else {
            format!("rates that differ by less than {} may pass for the same", floor.trim_start_matches("by "))
        }
    }

    fn record(&self) -> WorkloadTrust {
        let first = &self.rows[0];
        WorkloadTrust {
            workload: first.workload.clone(),
            direction: first.direction,
            object_bytes: first.object_bytes,
            verdict: self.verdict(),
            noise_floor: self.noise_floor,
            text: self.text(),
        }
    }
}

/// A difference that could not be seen, in words: `by 3.2 %`, `by a factor of 5.52`.
fn by(floor: f64) -> String {
    if floor < 1.0 { format!("by {}", units::share(floor)) } else { format!("by a factor of {:.2}", 1.0 + floor) }
}

/// What the controls among `arms`, those of one workload after the other, say.
pub(super) fn of(arms: &[ArmRecord]) -> Trustworthy {
    let key = |arm: &ArmRecord| (arm.workload.clone(), arm.direction, arm.object_bytes);
    let all: Vec<Facts<'_>> = arms.chunk_by(|a, b| key(a) == key(b)).map(Facts::of).collect();
    let (verdict, text) = whole(&all);
    Trustworthy {
        verdict,
        trusted: verdict == TrustVerdict::Trusted,
        noise_floor: all.iter().filter_map(|facts| facts.noise_floor).reduce(f64::max),
        text,
        workloads: all.iter().map(Facts::record).collect(),
    }
}

/// A baseline that differs from itself takes the word of all others; noise takes it where it hides half of the workloads or more.
fn whole(all: &[Facts<'_>]) -> (TrustVerdict, String) {
    if let Some(groups) = all.iter().find_map(|facts| facts.groups.clone()) {
        return (TrustVerdict::NotTrusted, groups);
    }
    let sum = |of: fn(&Facts<'_>) -> usize| all.iter().map(of).sum::<usize>();
    let (differing, asked) = (sum(|facts| facts.differing), sum(|facts| facts.asked));
    if differing > 0 {
        let text = format!(
            "{differing} of {asked} comparisons of a baseline with itself show a difference: something but the suite makes one, and no \
             difference here can be trusted"
        );
        return (TrustVerdict::NotTrusted, text);
    }
    let inconclusive = |text: String| (TrustVerdict::Inconclusive, text);
    if all.is_empty() || all.iter().any(|facts| !facts.judged) {
        return inconclusive("not every baseline could be compared with itself: too few valid rounds".to_owned());
    }
    let (disturbed, measured) = (sum(|facts| facts.disturbed), sum(|facts| facts.measured));
    if 2 * disturbed > measured {
        return inconclusive(format!(
            "in {disturbed} of {measured} runs at full load the generator was kept from running: a difference may be one of what kept it; \
             a calmer machine, or cores of its own (taskset), would tell"
        ));
    }
    let hidden: Vec<_> = all.iter().filter(|facts| facts.verdict() != TrustVerdict::Trusted).collect();
    // There is one for each that was judged.
    let floor = all.iter().filter_map(|facts| facts.noise_floor).reduce(f64::max).map(by).unwrap_or_default();
    if 2 * hidden.len() >= all.len() {
        return inconclusive(format!(
            "the baselines against themselves show no difference, but under {} of {} workloads the noise hides much: in the noisiest only \
             rates that differ {floor} or more are sure to be told apart. What is called a difference is one; 'no difference seen' says \
             little. A calmer machine, longer runs (--trial) or more --rounds see more",
            hidden.len(),
            all.len()
        ));
    }
    let but = match hidden.len() {
        0 => String::new(),
        n => format!("; {n} of {} workloads tell little, and say so", all.len()),
    };
    let less = floor.trim_start_matches("by ");
    let text = format!(
        "the baselines against themselves show no difference; in the noisiest workload rates that differ by less than {less} may pass for \
         the same{but}"
    );
    (TrustVerdict::Trusted, text)
}

/// Which of one workload's arms agreed on different groups, if any did: then it is groups that are compared, too. A resumption of TLS 1.2
/// exchanges no key.
fn groups_differ(rows: &[ArmRecord]) -> Option<String> {
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
}

#[cfg(test)]
mod tests;
