//! What a reader should know of a comparison as a whole, beside its verdict.

use std::collections::BTreeMap;

use super::Surroundings;
use super::trial::{Cell, Row, SERVER_STEPS};
use crate::model::suites::{Arm, SuitesPlan};
use crate::model::tls::Trust;
use crate::record::run::Remark;
use crate::stats::compare::MIN_ROUNDS;

/// All warnings of a comparison.
pub(super) fn warnings(plan: &SuitesPlan, cells: &[Cell], around: &Surroundings<'_>) -> Vec<Remark> {
    let mut warnings = Vec::new();
    let mut warn = |code: &str, text: String| warnings.push(Remark { code: code.to_owned(), text });
    if plan.tls().trust == Trust::Insecure {
        warn("insecure", "--insecure: the server's certificate and name were not checked".to_owned());
    }
    if plan.tls().key_log.is_some() {
        let text = "--key-log: the session secrets were written to a file; whoever reads it can decrypt the traffic";
        warn("key_log", text.to_owned());
    }
    replaced_baselines(plan, cells).into_iter().for_each(|text| warn("baseline_replaced", text));
    if !around.apart {
        let named = if around.server.is_some() { "" } else { ", and name the server with --server-pid" };
        let text = format!(
            "generator and server ran on the same machine and may have shared cores: the rates are those of both together; give each cores \
             of its own with taskset{named}"
        );
        warn("shared_host", text);
    }
    let rows: Vec<&Row> = cells.iter().flat_map(|cell| &cell.rows).collect();
    of_rounds(&rows, &mut warn);
    let coarse = rows.iter().filter(|row| row.coarse).count();
    if coarse > 0 {
        let text = format!(
            "{coarse} of {} rows have no CPU time of the server: in some run it was fewer than {SERVER_STEPS} ticks of the clock that it is \
             read from; longer runs (--trial) have more",
            rows.len()
        );
        warn("server_cpu", text);
    }
    warnings
}

/// Where another baseline had to stand for the one that was asked for: by certificate and stand-in, under which workloads.
fn replaced_baselines(plan: &SuitesPlan, cells: &[Cell]) -> Vec<String> {
    let Some(named) = plan.named_baseline() else { return Vec::new() };
    let mut replaced: BTreeMap<Arm, Vec<String>> = BTreeMap::new();
    for cell in cells {
        for row in cell.rows.iter().enumerate().filter(|(place, row)| row.baseline == Some(*place)).map(|(_, row)| row)
        {
            let wanted = Arm { suite: named, control: false, ..row.arm };
            if row.arm != wanted && plan.arms().contains(&wanted) {
                replaced.entry(row.arm).or_default().push(cell.workload.to_string());
            }
        }
    }
    let sentence = |(stand_in, workloads): (Arm, Vec<String>)| {
        let under =
            if workloads.len() == cells.len() { String::new() } else { format!(" under {}", workloads.join(", ")) };
        format!(
            "--baseline {named} was refused with the {} certificate{under}: what it would be the baseline of is compared with {} there",
            stand_in.certificate, stand_in.suite
        )
    };
    replaced.into_iter().map(sentence).collect()
}

fn of_rounds(rows: &[&Row], warn: &mut impl FnMut(&str, String)) {
    let rates = |row: &&&Row| row.rounds.iter().filter(|round| round.rate_per_s.is_some()).count();
    let lacking = rows.iter().filter(|row| rates(row) < MIN_ROUNDS).count();
    if lacking > 0 {
        warn("too_few_rounds", format!("{lacking} rows have fewer than {MIN_ROUNDS} valid rounds"));
    }
    let rounds = || rows.iter().flat_map(|row| &row.rounds);
    let disturbed = rounds().filter(|round| round.disturbed && round.rate_per_s.is_some()).count();
    if disturbed > 0 {
        let measured: usize = rows.iter().map(|row| rates(&row)).sum();
        let text = format!(
            "in {disturbed} of {measured} runs at full load the generator was kept from running for more than a valid run allows: their \
             rates are lower for it, and the intervals wider"
        );
        warn("disturbed", text);
    }
    let repeated: u32 = rounds().map(|round| round.repeated).sum();
    if repeated > 0 {
        let text = format!(
            "{repeated} runs were made again, since the generator was kept from running; a calmer machine is quicker"
        );
        warn("repeated", text);
    }
    let failed: u64 = rounds().map(|round| round.failed).sum();
    if failed > 0 {
        let text = format!(
            "{failed} handshakes or requests failed or were never sent; a run with failures has no rate and no cost"
        );
        warn("failures", text);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use super::*;
    use crate::model::load::LoadChoice;
    use crate::model::request::RequestPlan;
    use crate::model::suite::{KeyType, Suite};
    use crate::model::suites::{Objects, SuitesChoice, Workload, WorkloadKind};
    use crate::model::target::{HttpsUrl, Target};
    use crate::model::tls::{TlsChoice, TlsPlan};

    fn plan(baseline: Option<Suite>) -> SuitesPlan {
        let url: HttpsUrl = "https://localhost/".parse().unwrap();
        let choice = SuitesChoice {
            workloads: vec![WorkloadKind::FullHandshake, WorkloadKind::Request],
            sizes: Vec::new(),
            objects: Objects::new("/bytes/{bytes}", "/sink").unwrap(),
            baseline,
            rounds: 5,
            trial: Duration::from_millis(100),
            load_share: None,
            every_certificate: true,
            seed: 1,
            load: LoadChoice::default(),
            cores: NonZeroUsize::MIN,
        };
        let request = RequestPlan::get(&url);
        SuitesPlan::new(Target::new(url), request, TlsPlan::new(TlsChoice::default()).unwrap(), choice).unwrap()
    }

    /// A cell whose arms are compared with the first of them.
    fn cell(workload: Workload, certificate: KeyType, suites: &[Suite]) -> Cell {
        let row = |suite: &Suite| Row::new(Arm { suite: *suite, certificate, control: false });
        let mut rows: Vec<Row> = suites.iter().map(row).collect();
        rows.iter_mut().for_each(|row| row.baseline = Some(0));
        Cell::new(workload, rows)
    }

    #[test]
    fn a_baseline_that_another_stands_in_for_is_told_with_where() {
        let (aes, chacha) = (Suite::Aes128GcmSha256, Suite::ChaCha20Poly1305Sha256);
        let of = |baseline, second: &[Suite]| {
            let cells = [
                cell(Workload::FullHandshake, KeyType::Rsa, &[aes, chacha]),
                cell(Workload::Request, KeyType::Rsa, second),
            ];
            replaced_baselines(&plan(baseline), &cells)
        };
        assert_eq!(of(None, &[chacha]), [""; 0], "nobody asked for another");
        assert_eq!(of(Some(aes), &[aes, chacha]), [""; 0]);
        let [told] = &of(Some(aes), &[chacha])[..] else { panic!("one place") };
        assert!(
            told.starts_with(
                "--baseline TLS_AES_128_GCM_SHA256 was refused with the rsa certificate under small requests: "
            ),
            "{told}"
        );
        assert!(told.ends_with("is compared with TLS_CHACHA20_POLY1305_SHA256 there"), "{told}");
        // A suite that has no arm with this certificate was not refused.
        assert_eq!(of(Some(Suite::EcdheEcdsaAes128Gcm), &[aes]), [""; 0]);
    }
}
