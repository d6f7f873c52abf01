//! From measurements to the plain data of the document.

use std::collections::BTreeMap;

use super::measure::Measured;
use super::plan::{Arm, CryptoPlan};
use crate::bench::lane::WORKING_SET;
use crate::bench::openssl::Speed;
use crate::model::crypto::{Direction, Handshake, Library, RECORD_BYTES};
use crate::model::suite::{KeyType, TlsVersion};
use crate::record::crypto::{
    AeadRow, CpuShare, CryptoDocument, CryptoPlanRecord, FrequencyRecord, HandshakeRow, OpenSslRecord, OpenSslRun,
    OperationSpeed, PrimitiveRow, RecordLayerRow, RecordSpeed,
};
use crate::record::run::Remark;
use crate::stats::order::{MIN_REPETITIONS, median};
use crate::units;

/// Below this share of the processor a reader is told that other programs ran.
const OWN_SHARE: f64 = 0.95;

/// A change of the cores' frequency beyond this share is told.
const STEADY_FREQUENCY: f64 = 0.05;

pub(super) fn plan(plan: &CryptoPlan) -> CryptoPlanRecord {
    CryptoPlanRecord {
        providers: plan.libraries.clone(),
        threads: plan.threads.iter().map(|n| *n as u64).collect(),
        repetitions: plan.repetitions as u64,
        time_s: plan.quota.measured.as_secs_f64(),
        warmup_s: plan.quota.warmup.as_secs_f64(),
        budget_s: plan.budget.map(|budget| budget.as_secs_f64()),
        seed: plan.seed,
        record_bytes: RECORD_BYTES.map(|n| n as u64).to_vec(),
        working_set_bytes: WORKING_SET as u64,
    }
}

pub(super) fn cpu_share(measured: &Measured) -> CpuShare {
    let [one, several] = &measured.cpu_shares;
    let middle = |shares: &[f64]| median(shares).map(|estimate| estimate.median);
    CpuShare { one_thread: middle(one), several_threads: middle(several) }
}

pub(super) fn openssl(plan: &CryptoPlan, measured: &Measured) -> OpenSslRecord {
    let runs = measured
        .printed
        .iter()
        .map(|(_, printed)| OpenSslRun { command: printed.command.clone(), printed: printed.line.clone() });
    let (version, missing) = match &plan.openssl {
        None => (None, Some("not asked for".to_owned())),
        Some(Err(error)) => (None, Some(error.to_string())),
        Some(Ok(found)) => {
            let mut why: Vec<_> = measured.missing.iter().map(ToString::to_string).collect();
            let made = measured.printed.len() + measured.missing.len();
            let early = plan.speeds.len() - made;
            if early > 0 {
                why.push(format!("{early} of {} runs were not made: ended early", plan.speeds.len()));
            }
            why.extend(left_out(plan));
            (Some(found.version.clone()), (!why.is_empty()).then(|| why.join("; ")))
        }
    };
    OpenSslRecord { version, missing, runs: runs.collect() }
}

/// What the budget was too short for, and which one suffices.
fn left_out(plan: &CryptoPlan) -> Option<String> {
    let mut records: BTreeMap<usize, usize> = BTreeMap::new();
    let mut what = Vec::new();
    for speed in &plan.left_out {
        match *speed {
            Speed::Cipher { threads, .. } => *records.entry(threads).or_default() += 1,
            Speed::PublicKey(algorithm) => what.push(algorithm.name().to_owned()),
        }
    }
    what.extend(records.into_iter().map(|(threads, left)| {
        let by = if threads == 1 { "one thread".to_owned() } else { format!("{threads} threads") };
        let is_kept = |speed: &&Speed| matches!(speed, Speed::Cipher { threads: of, .. } if *of == threads);
        match plan.speeds.iter().filter(is_kept).count() {
            0 => format!("records by {by}"),
            kept => format!("{left} of {} runs with records by {by}", left + kept),
        }
    }));
    let (budget, enough) = (plan.budget?, plan.budget_for_all());
    (!what.is_empty()).then(|| {
        format!(
            "a budget of {} leaves out {}; --budget {} has all",
            units::duration(budget),
            what.join("; "),
            units::duration(enough)
        )
    })
}

/// The speed of records of which all of `threads` threads together made one in `ns`, in each of the repetitions; `None` where there was
/// none.
fn record_speed(record_bytes: usize, threads: usize, ns: &[f64]) -> Option<RecordSpeed> {
    let estimate = median(ns)?;
    let per_s = |ns: f64| record_bytes as f64 * 1e9 / ns;
    // Each thread is at a record of its own meanwhile.
    let each = |ns: f64| ns * threads as f64;
    let (low, high) = estimate.interval.unzip();
    Some(RecordSpeed {
        bytes_per_s: per_s(estimate.median),
        bytes_per_s_low: high.map(per_s),
        bytes_per_s_high: low.map(per_s),
        ns_per_record: each(estimate.median),
        ns_per_record_low: low.map(each),
        ns_per_record_high: high.map(each),
        repetitions: ns.len() as u64,
    })
}

fn operation_speed(ns: &[f64]) -> Option<OperationSpeed> {
    let estimate = median(ns)?;
    let (ns_low, ns_high) = estimate.interval.unzip();
    let repetitions = ns.len() as u64;
    Some(OperationSpeed { ns: estimate.median, ns_low, ns_high, per_s: 1e9 / estimate.median, repetitions })
}

pub(super) fn aead(plan: &CryptoPlan, measured: &Measured) -> Vec<AeadRow> {
    let own = plan.arms.iter().zip(&measured.ns).filter_map(|(arm, [ns, _])| {
        let Arm::Records(spec, threads) = *arm else { return None };
        Some(AeadRow {
            algorithm: spec.cipher,
            provider: spec.provider.into(),
            direction: spec.direction,
            record_bytes: spec.record_bytes as u64,
            threads: threads as u64,
            whole_record: true,
            speed: record_speed(spec.record_bytes, threads, ns)?,
        })
    });
    let openssl = measured.printed.iter().filter_map(|(speed, printed)| {
        let Speed::Cipher { cipher, direction, record_bytes, threads } = *speed else { return None };
        let bytes_per_s = *printed.figures.first()?;
        Some(AeadRow {
            algorithm: cipher,
            provider: Library::OpenSsl,
            direction,
            record_bytes: record_bytes as u64,
            threads: threads as u64,
            whole_record: speed.is_whole_record(),
            speed: RecordSpeed {
                bytes_per_s,
                bytes_per_s_low: None,
                bytes_per_s_high: None,
                ns_per_record: (threads * record_bytes) as f64 * 1e9 / bytes_per_s,
                ns_per_record_low: None,
                ns_per_record_high: None,
                repetitions: 1,
            },
        })
    });
    let mut rows: Vec<_> = own.chain(openssl).collect();
    rows.sort_by_key(|row| (row.threads, row.algorithm, row.provider, row.direction, row.record_bytes));
    rows
}

pub(super) fn record_layer(plan: &CryptoPlan, measured: &Measured) -> Vec<RecordLayerRow> {
    let rows = plan.arms.iter().zip(&measured.ns).flat_map(|(arm, parts)| {
        let Arm::RecordLayer { provider, suite, record_bytes } = *arm else { return Vec::new() };
        let row = |direction: Direction, ns: &[f64]| {
            Some(RecordLayerRow {
                suite,
                version: suite.version(),
                provider: provider.into(),
                direction,
                record_bytes: record_bytes as u64,
                speed: record_speed(record_bytes, 1, ns)?,
            })
        };
        Direction::ALL.into_iter().zip(parts).filter_map(|(direction, ns)| row(direction, ns)).collect()
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|row| (row.suite, row.provider, row.direction, row.record_bytes));
    rows
}

pub(super) fn primitives(plan: &CryptoPlan, measured: &Measured) -> Vec<PrimitiveRow> {
    let own = plan.arms.iter().zip(&measured.ns).filter_map(|(arm, [ns, _])| {
        let Arm::PublicKey { provider, algorithm, operation } = *arm else { return None };
        Some(PrimitiveRow { algorithm, operation, provider: provider.into(), speed: operation_speed(ns)? })
    });
    let openssl = measured.printed.iter().flat_map(|(speed, printed)| {
        let Speed::PublicKey(algorithm) = *speed else { return Vec::new() };
        let row = |(operation, per_s): (&_, &f64)| PrimitiveRow {
            algorithm,
            operation: *operation,
            provider: Library::OpenSsl,
            speed: OperationSpeed { ns: 1e9 / per_s, ns_low: None, ns_high: None, per_s: *per_s, repetitions: 1 },
        };
        speed.operations().iter().zip(&printed.figures).map(row).collect()
    });
    let mut rows: Vec<_> = own.chain(openssl).collect();
    rows.sort_by_key(|row| (row.algorithm, row.operation, row.provider));
    rows
}

pub(super) fn handshakes(plan: &CryptoPlan, measured: &Measured) -> Vec<HandshakeRow> {
    let rows = plan.arms.iter().zip(&measured.ns).filter_map(|(arm, [client, server])| {
        let Arm::Handshakes(spec) = *arm else { return None };
        let full = spec.kind == Handshake::Full;
        let exchanged = full || spec.suite.version() == TlsVersion::V13;
        Some(HandshakeRow {
            suite: spec.suite,
            version: spec.suite.version(),
            certificate: full.then_some(spec.key_type),
            group: exchanged.then_some(spec.group),
            handshake: spec.kind,
            provider: spec.provider.into(),
            client: operation_speed(client)?,
            server: operation_speed(server)?,
        })
    });
    let mut rows: Vec<_> = rows.collect();
    // The certificate that is cheaper to sign with first, as everywhere.
    let ecdsa_first = |key: Option<KeyType>| key.map(|key| key == KeyType::Rsa);
    rows.sort_by_key(|row| (row.suite, row.handshake, row.group, ecdsa_first(row.certificate), row.provider));
    rows
}

/// What a reader should know of the figures of `document`.
pub(super) fn warnings(document: &CryptoDocument) -> Vec<Remark> {
    let mut warnings = Vec::new();
    let taken = |share: f64| format!("{:.0} %", (1.0 - share) * 100.0);
    let mut warn = |code: &str, text: String| warnings.push(Remark { code: code.to_owned(), text });
    if let Some((fewest, most)) = document.repetitions_made()
        && fewest < MIN_REPETITIONS as u64
    {
        let made = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
        warn("few_repetitions", format!("{made} repetitions are too few for intervals: {MIN_REPETITIONS} give one"));
    }
    let CpuShare { one_thread, several_threads } = document.cpu_share;
    if let Some(share) = one_thread.filter(|share| *share < OWN_SHARE) {
        let taken = taken(share);
        warn(
            "busy_machine",
            format!(
                "other programs had {taken} of the time of the core that measured; what they interrupted is left out, what they did to the caches is not"
            ),
        );
    }
    if let Some(share) = several_threads.filter(|share| *share < OWN_SHARE) {
        let taken = taken(share);
        warn(
            "busy_cores",
            format!(
                "other programs had {taken} of the time of all cores: the figures of several threads are what was left"
            ),
        );
    }
    let FrequencyRecord { before, after } = &document.frequency;
    let steady = |before: f64, after: f64| (after / before - 1.0).abs() <= STEADY_FREQUENCY;
    if let Some((before, after)) = before.as_ref().zip(after.as_ref()).map(|(b, a)| (b.mean_mhz, a.mean_mhz))
        && !steady(before, after)
    {
        warn(
            "frequency",
            format!("the cores ran at {before:.0} MHz before and at {after:.0} MHz after: the figures are of both"),
        );
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::crypto::{CoreFrequency, fixture};

    #[test]
    fn the_fastest_time_is_the_highest_rate() {
        let ns: Vec<f64> = (1..=12).map(|i| f64::from(i) * 100.0).collect();
        let speed = record_speed(1024, 1, &ns).unwrap();
        assert_eq!((speed.ns_per_record, speed.repetitions), (650.0, 12));
        assert_eq!((speed.ns_per_record_low, speed.ns_per_record_high), (Some(300.0), Some(1000.0)));
        let per_s = |ns: f64| 1024.0 * 1e9 / ns;
        assert_eq!(speed.bytes_per_s, per_s(650.0));
        assert_eq!((speed.bytes_per_s_low, speed.bytes_per_s_high), (Some(per_s(1000.0)), Some(per_s(300.0))));
        let few = operation_speed(&ns[..5]).unwrap();
        assert_eq!((few.ns, few.per_s, few.ns_low, few.ns_high), (300.0, 1e9 / 300.0, None, None));
        // Four threads make four records in the time that each of them takes for one.
        let four = record_speed(1024, 4, &ns).unwrap();
        assert_eq!((four.bytes_per_s, four.ns_per_record), (speed.bytes_per_s, 4.0 * speed.ns_per_record));
        assert_eq!((four.ns_per_record_low, four.ns_per_record_high), (Some(1200.0), Some(4000.0)));
        assert!(record_speed(64, 1, &[]).is_none() && operation_speed(&[]).is_none());
    }

    #[test]
    fn a_reader_is_told_what_disturbed_the_figures_and_nothing_else() {
        let codes = |document: &CryptoDocument| warnings(document).into_iter().map(|w| w.code).collect::<Vec<_>>();
        let at = |mean_mhz| Some(CoreFrequency { min_mhz: mean_mhz, mean_mhz, max_mhz: mean_mhz });
        let mut document = fixture::document();
        document.cpu_share = CpuShare { one_thread: Some(0.96), several_threads: Some(1.0) };
        document.frequency = FrequencyRecord { before: at(2000.0), after: at(2090.0) };
        assert_eq!(codes(&document), [""; 0]);
        document.cpu_share = CpuShare { one_thread: Some(0.94), several_threads: Some(0.5) };
        document.frequency.after = at(1800.0);
        document.aead[0].speed.repetitions = 5;
        assert_eq!(codes(&document), ["few_repetitions", "busy_machine", "busy_cores", "frequency"]);
        let told = warnings(&document);
        assert!(
            told[2].text.contains("50 %") && told[3].text.contains("2000 MHz before and at 1800 MHz after"),
            "{told:?}"
        );
        // Nothing is known: nothing is said.
        document.cpu_share = CpuShare { one_thread: None, several_threads: None };
        document.frequency.after = None;
        document.aead[0].speed.repetitions = 12;
        assert_eq!(codes(&document), [""; 0]);
    }
}
