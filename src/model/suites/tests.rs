//! What a comparison consists of, and what it refuses.

use super::*;
use crate::model::load::Pace;
use crate::model::target::HttpsUrl;
use crate::model::tls::TlsChoice;

fn choice() -> SuitesChoice {
    SuitesChoice {
        workloads: Vec::new(),
        sizes: vec![1 << 20, 1024, 1024],
        objects: Objects::new("/bytes/{bytes}", "/sink").unwrap(),
        baseline: None,
        rounds: 7,
        trial: Duration::from_millis(400),
        load_share: Some(0.5),
        every_certificate: true,
        seed: 42,
        load: LoadChoice::default(),
        cores: NonZeroUsize::new(2).unwrap(),
    }
}

fn plan_of(tls: TlsChoice, choice: SuitesChoice) -> Result<SuitesPlan, String> {
    let url: HttpsUrl = "https://localhost/small".parse().unwrap();
    let request = RequestPlan { headers: vec!["X-Key: v".parse().unwrap()], ..RequestPlan::get(&url) };
    SuitesPlan::new(Target::new(url), request, TlsPlan::new(tls).unwrap(), choice)
}

fn plan() -> SuitesPlan {
    plan_of(TlsChoice::default(), choice()).unwrap()
}

#[test]
fn every_suite_meets_every_certificate_that_it_can_be_used_with() {
    let plan = plan();
    assert_eq!(plan.arms().len(), 12, "three of TLS 1.2 and three of TLS 1.3 for each type");
    let distinct: BTreeSet<_> = plan.arms().iter().collect();
    assert_eq!(distinct.len(), 12);
    for arm in plan.arms() {
        assert!(arm.suite.key_type().is_none_or(|kind| kind == arm.certificate) && !arm.control);
    }
    let once = plan_of(TlsChoice::default(), SuitesChoice { every_certificate: false, ..choice() }).unwrap();
    let suites: BTreeSet<_> = once.arms().iter().map(|arm| arm.suite).collect();
    assert_eq!((once.arms().len(), suites.len()), (9, 9));
    let rsa = TlsChoice { cert_type: Some(KeyType::Rsa), version: Some(TlsVersion::V12), ..TlsChoice::default() };
    let plan = plan_of(rsa, choice()).unwrap();
    assert_eq!(plan.arms().len(), 3);
    assert!(plan.arms().iter().all(|arm| arm.certificate == KeyType::Rsa));
}

#[test]
fn sizes_are_sorted_and_each_stands_once() {
    let bulk = |direction, bytes| Workload::Bulk(direction, bytes);
    assert_eq!(
        plan().workloads(),
        [
            Workload::FullHandshake,
            Workload::ResumedHandshake,
            Workload::Request,
            bulk(Direction::Download, 1024),
            bulk(Direction::Download, 1 << 20),
            bulk(Direction::Upload, 1024),
            bulk(Direction::Upload, 1 << 20),
        ]
    );
}

#[test]
fn a_run_offers_its_arm_alone_and_does_what_its_workload_says() {
    let plan = plan();
    for arm in plan.arms() {
        for workload in plan.workloads() {
            let run = plan.run_plan(*arm, *workload, Intensity::Full, 1).unwrap();
            assert_eq!((run.tls.suites(), run.tls.cert_type()), (&[arm.suite][..], Some(arm.certificate)));
            assert_eq!(run.tls.versions(), [arm.suite.version()]);
            assert_eq!(run.load.pace(), Pace::Closed);
            assert_eq!(run.load.unit() == Unit::Sessions, workload.counts_handshakes());
            let resumed = if *workload == Workload::ResumedHandshake { 1.0 } else { 0.0 };
            assert_eq!(run.tls.resumption.share(), resumed);
            assert_eq!(run.request.headers.len(), 1, "the user's headers go with every request");
        }
    }
    let arm = plan.arms()[0];
    let path = |workload| plan.run_plan(arm, workload, Intensity::Full, 1).unwrap().request;
    assert_eq!(path(Workload::Request).path, "/small");
    assert_eq!(path(Workload::Bulk(Direction::Download, 1024)).path, "/bytes/1024");
    let upload = path(Workload::Bulk(Direction::Upload, 1024));
    assert_eq!((upload.path.as_str(), upload.method.as_str(), upload.body.len()), ("/sink", "POST", 1024));
}

#[test]
fn all_arms_of_a_round_see_the_same_arrivals_and_rounds_differ() {
    let plan = plan();
    let rate = Rate::per_second(100.0).unwrap();
    let pace = |arm: usize, round| {
        plan.run_plan(plan.arms()[arm], Workload::FullHandshake, Intensity::At(rate), round).unwrap().load.pace()
    };
    assert_eq!(pace(0, 1), pace(11, 1));
    assert_ne!(pace(0, 1), pace(0, 2));
}

#[test]
fn at_full_load_windows_begin_at_any_point_of_a_turn() {
    let plan = plan();
    let arm = plan.arms()[0];
    let warmup = |round, load| plan.run_plan(arm, Workload::Request, load, round).unwrap().load.warmup.as_secs_f64();
    let all: Vec<f64> = (0..200).map(|round| warmup(round, Intensity::Full)).collect();
    assert!(all.iter().all(|s| (0.04..0.12).contains(s)), "{all:?}");
    let mean = all.iter().sum::<f64>() / 200.0;
    assert!((mean - 0.08).abs() < 0.008, "{mean}");
    assert_eq!(warmup(7, Intensity::Full), all[7], "the same seed, the same windows");
    let rate = Intensity::At(Rate::per_second(100.0).unwrap());
    assert_eq!(warmup(1, rate), warmup(2, rate));
}

#[test]
fn orders_are_permutations_that_a_seed_repeats() {
    let plan = plan();
    let sorted = |mut order: Vec<usize>| {
        order.sort_unstable();
        order
    };
    for round in 0..20 {
        for what in 0..5 {
            let order = plan.order(round, what, 14);
            assert_eq!(sorted(order.clone()), (0..14).collect::<Vec<_>>());
            assert_eq!(order, plan.order(round, what, 14));
        }
    }
    // Each arm stands first about as often as any other.
    let mut first = [0; 14];
    (0..1400).for_each(|round| first[plan.order(round, 1, 14)[0]] += 1);
    assert!(first.iter().all(|n| (60..=140).contains(n)), "{first:?}");
    let other = plan_of(TlsChoice::default(), SuitesChoice { seed: 43, ..choice() }).unwrap();
    assert!((0..5).any(|round| plan.order(round, 0, 14) != other.order(round, 0, 14)));
}

#[test]
fn the_baseline_is_gcm_of_tls_1_2_or_what_comes_next_or_what_was_asked_for() {
    let plan = plan();
    let of = |accepted: &[Arm]| plan.baseline(accepted, KeyType::Rsa).map(|arm| arm.suite);
    let all = plan.arms().to_vec();
    assert_eq!(of(&all), Some(Suite::EcdheRsaAes128Gcm));
    let only_13: Vec<_> = all.iter().copied().filter(|arm| arm.suite.version() == TlsVersion::V13).collect();
    assert_eq!(of(&only_13), Some(Suite::Aes128GcmSha256));
    let chacha: Vec<_> =
        all.iter().copied().filter(|arm| arm.suite.cipher() == RecordCipher::ChaCha20Poly1305).collect();
    assert!(of(&chacha).is_some());
    assert_eq!(plan.baseline(&all[..6], KeyType::Rsa), None, "no arm with that certificate");
    let asked = SuitesChoice { baseline: Some(Suite::ChaCha20Poly1305Sha256), ..choice() };
    let asked = plan_of(TlsChoice::default(), asked).unwrap();
    assert_eq!(asked.baseline(&all, KeyType::Ecdsa).unwrap().suite, Suite::ChaCha20Poly1305Sha256);
}

#[test]
fn how_much_it_is_follows_from_rows_and_rounds() {
    // Twelve arms and two controls under seven workloads; one round at full load only, seven more at the common rate too.
    let extent = plan().greatest_extent();
    assert_eq!((extent.rows, extent.runs), (14 * 7, 14 * 7 * 15));
    assert_eq!(extent.loaded, Duration::from_millis(480) * (14 * 7 * 15));
    assert!(extent.about() > extent.loaded);
    let full_only = plan_of(TlsChoice::default(), SuitesChoice { load_share: None, ..choice() }).unwrap();
    assert_eq!(full_only.extent(3).runs, 3 * 8);
    let rsa = TlsChoice { suites: vec![Suite::EcdheRsaAes128Gcm], ..TlsChoice::default() };
    assert_eq!(plan_of(rsa, choice()).unwrap().greatest_extent().rows, 2 * 7);
    assert_eq!(plan().extent(0).about(), Duration::ZERO);
}

#[test]
fn what_makes_no_sense_names_its_option() {
    let refused = |choice: SuitesChoice| plan_of(TlsChoice::default(), choice).unwrap_err();
    for (option, choice) in [
        ("--rounds", SuitesChoice { rounds: 4, ..choice() }),
        ("--load-share", SuitesChoice { load_share: Some(0.99), ..choice() }),
        ("--size", SuitesChoice { sizes: vec![0], ..choice() }),
        ("--size", SuitesChoice { sizes: vec![(1 << 30) + 1], ..choice() }),
        ("--trial", SuitesChoice { trial: Duration::from_millis(99), ..choice() }),
        ("--size", SuitesChoice { sizes: Vec::new(), workloads: vec![WorkloadKind::Download], ..choice() }),
    ] {
        let error = refused(choice);
        assert!(error.contains(option), "{option}: {error}");
    }
    let narrow = TlsChoice { suites: vec![Suite::EcdheRsaAes128Gcm], ..TlsChoice::default() };
    let asked = SuitesChoice { baseline: Some(Suite::EcdheRsaChaCha20), ..choice() };
    assert!(plan_of(narrow, asked).unwrap_err().contains("--baseline"));
    for (download, upload) in [("bytes/{bytes}", "/"), ("/bytes", "/"), ("/{bytes}", "sink"), ("/{bytes} x", "/")] {
        assert!(Objects::new(download, upload).unwrap_err().starts_with("--"), "{download} {upload}");
    }
    assert!("speed".parse::<WorkloadKind>().unwrap_err().contains("resumed"));
}
