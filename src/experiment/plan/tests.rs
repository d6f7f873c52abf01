//! Plans against arithmetic by hand: the examples of `docs/plan.md`, and what must be refused.

use proptest::prelude::*;

use super::fixture::{ask, capacity, compared, one_suite, searched, three};
use super::*;
use crate::record::fixture;

const AT: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * b.abs()
}

fn planned(sources: &[(String, Source)], ask: &Ask) -> PlanDocument {
    plan(sources, ask, AT).unwrap()
}

fn answer(document: &PlanDocument) -> &Answer {
    document.rows[0].answer.as_ref().unwrap()
}

fn codes(remarks: &[Remark]) -> Vec<&str> {
    remarks.iter().map(|remark| remark.code.as_str()).collect()
}

#[test]
fn requests_by_a_search_for_capacity() {
    // Example 1. 20 000 ÷ 5000 = 4 servers' worth; at 70 % each that is 4 ÷ 0.7 = 5.71, so 6, and 1 to spare; each then has 4 ÷ 6 = 2/3.
    let sources = [searched("requests", capacity("requests", 0.0, None, 5000.0))];
    let document = planned(&sources, &ask("20000 req/s"));
    let found = answer(&document);
    assert!(close(found.one_server_load, 4.0) && close(found.load, 2.0 / 3.0), "{found:?}");
    assert_eq!((found.servers, found.servers_with_spare, found.at_most), (6, 7, false));
    assert_eq!(found.uses[0].capacity_high_per_s, Some(5100.0));
    let expected = ["same_servers", "lower_end", "headroom", "spare", "objectives", "kept", "requests_alike", "storm"];
    assert_eq!(codes(&document.assumptions), expected);
    // Nobody asked how many handshakes it carries.
    assert_eq!(document.rows[0].storm, None);
}

#[test]
fn a_demand_that_fits_exactly_needs_no_further_server() {
    // 4 ÷ (1 − 0.2) = 5. In binary 0.8 is not exact, and neither is the quotient of many a pair.
    let sources = [searched("requests", capacity("requests", 0.0, None, 5000.0))];
    let exact = Ask { headroom: "20%".parse().unwrap(), spare: 0, ..ask("20000 req/s") };
    assert_eq!(
        (answer(&planned(&sources, &exact)).servers, answer(&planned(&sources, &exact)).servers_with_spare),
        (5, 5)
    );
    let more = Ask { headroom: "20%".parse().unwrap(), ..ask("20001 req/s") };
    assert_eq!(answer(&planned(&sources, &more)).servers, 6);
    let little = Ask { headroom: "0%".parse().unwrap(), ..ask("1 req/s") };
    assert_eq!(answer(&planned(&sources, &little)).servers, 1);
}

#[test]
fn a_mix_by_three_searches() {
    // Example 2. 2000 sessions/s, of which 20 % = 400 full ÷ 1000 = 0.4, and 80 % = 1600 resumed ÷ 4000 = 0.4; 12 × 2000 = 24 000 requests
    // ÷ 8000 = 3. Together 3.8 servers' worth; ÷ 0.7 = 5.43, so 6, each at 3.8 ÷ 6 = 63.3 %.
    let document = planned(&three(), &ask("2000 new sessions/s, 80% resumed, 12 requests each of 4 KiB"));
    let found = answer(&document);
    assert!(close(found.one_server_load, 3.8) && close(found.load, 3.8 / 6.0), "{found:?}");
    let shares: Vec<f64> = found.uses.iter().map(|part| part.demand_per_s / part.capacity_per_s).collect();
    assert!(shares.iter().zip([0.4, 0.4, 3.0]).all(|(found, expected)| close(*found, expected)), "{shares:?}");
    assert_eq!((found.servers, found.servers_with_spare), (6, 7));
    assert!(codes(&document.assumptions).contains(&"additive") && codes(&document.assumptions).contains(&"answers"));
    // Example 3: a million full handshakes on 6 servers of 1000/s each: 166.7 s; beside a demand that leaves 1 − 3.8/6 = 36.7 % free: 454.5 s.
    let storm = document.rows[0].storm.as_ref().unwrap();
    assert_eq!((storm.sessions, storm.servers), (1_000_000, 6));
    assert!(!storm.at_most && !storm.beside_demand_at_most);
    assert!(close(storm.alone_s, 1e6 / 6000.0) && close(storm.beside_demand_s.unwrap(), 1e6 / 2200.0), "{storm:?}");
}

#[test]
fn the_same_mix_by_one_search_of_it() {
    // The search was made with the mix as a whole: 500 sessions/s. 2000 ÷ 500 = 4; ÷ 0.7 = 5.71, so 6.
    let sources = [searched("mix", capacity("sessions", 0.8, Some(12), 500.0))];
    let document = planned(&sources, &ask("2000 sessions/s, 80% resumed, 12 requests each"));
    assert_eq!((answer(&document).servers, answer(&document).uses[0].operation.as_str()), (6, "mix"));
    // Of another mix it says nothing.
    let other = plan(&sources, &ask("2000 sessions/s, 70% resumed, 12 requests each"), AT).unwrap_err();
    assert!(other.to_string().contains("full handshakes"), "{other}");
    // By requests: 12 on each connection, at 6000 requests/s in all.
    let sources = [searched("mix", capacity("requests", 0.8, Some(12), 6000.0))];
    let document = planned(&sources, &ask("24000 req/s, 80% resumed, 12 requests each"));
    assert!(close(answer(&document).one_server_load, 4.0));
}

#[test]
fn sizes_between_those_that_were_measured() {
    // Example 4. 1 KiB takes 1/8000 s = 125 µs, 16 KiB 1/2000 s = 500 µs. 4 KiB are 3/15 of the way: 125 + 0.2 × 375 = 200 µs, 5000/s.
    let sources = [compared("suites", one_suite())];
    let of = |size: &str| {
        let document = planned(&sources, &ask(&format!("20000 req/s of {size}")));
        let part = answer(&document).uses[0].clone();
        (part.capacity_per_s, part.sized.as_deref().map(str::to_owned), part.lower_bound)
    };
    let (rate, sized, bound) = of("4KiB");
    assert!(close(rate, 5000.0), "{rate}");
    assert_eq!((sized.as_deref(), bound), (Some("interpolated"), None));
    assert_eq!(of("16KiB"), (2000.0, None, None));
    // Smaller than the smallest: no faster than that; larger than the largest: twice as large takes twice as long.
    assert_eq!(of("100"), (8000.0, Some("nearest".into()), Some("size".into())));
    assert_eq!(of("32KiB"), (1000.0, Some("nearest".into()), Some("size".into())));
}

#[test]
fn a_mix_by_suite_with_its_storm() {
    // 0.4 + 0.4 as above, and 24 000 requests of 4 KiB ÷ 5000 = 4.8: 5.6 servers' worth, ÷ 0.7 = 8 exactly.
    let sources = [compared("suites", one_suite())];
    let document = planned(&sources, &ask("2000 sessions/s, 80% resumed, 12 requests each of 4KiB"));
    let found = answer(&document);
    assert!(close(found.one_server_load, 5.6), "{found:?}");
    assert_eq!((found.servers, found.servers_with_spare), (8, 9));
    // Example 5: a million ÷ (8 × 1000/s) = 125 s; beside 70 % of load it takes 125 ÷ 0.3 = 416.7 s.
    let storm = document.rows[0].storm.as_ref().unwrap();
    assert!(close(storm.alone_s, 125.0) && close(storm.beside_demand_s.unwrap(), 125.0 / 0.3), "{storm:?}");
    assert_eq!(document.rows[0].suite, Some(Suite::EcdheRsaAes128Gcm));
    assert!(document.laws.is_empty());
}

#[test]
fn a_lower_bound_of_capacity_is_an_upper_bound_of_servers() {
    let with = |limited_by: Option<&str>, upper: Option<f64>, warned: bool| {
        let mut document = capacity("requests", 0.0, None, 5000.0);
        document.capacity.limited_by = limited_by.map(str::to_owned);
        document.capacity.upper = upper;
        if warned {
            document.warnings.push(remark("shared_host", "cores were shared"));
        }
        let document = planned(&[searched("requests", document)], &ask("20000 req/s"));
        (answer(&document).at_most, answer(&document).uses[0].lower_bound.clone(), answer(&document).servers)
    };
    assert_eq!(with(Some("server"), Some(5100.0), false), (false, None, 6));
    for (limited_by, upper, warned, reason) in [
        (Some("client"), None, false, "client"),
        (Some("connections"), Some(5100.0), false, "connections"),
        (Some("search_range"), None, false, "search_range"),
        (None, Some(9000.0), false, "unfinished"),
        (Some("server"), None, false, "unfinished"),
        (Some("server"), Some(5100.0), true, "shared_host"),
    ] {
        assert_eq!(with(limited_by, upper, warned), (true, Some(reason.to_owned()), 6));
    }
    let mut suites = one_suite();
    for (rate_of, reason) in [("client", Some("client")), ("both", Some("shared_host")), ("server", None)] {
        suites.arms.iter_mut().for_each(|arm| arm.rate_of = rate_of.into());
        let document = planned(&[compared("suites", suites.clone())], &ask("20000 req/s"));
        assert_eq!(answer(&document).uses[0].lower_bound.as_deref(), reason);
        let storm = document.rows[0].storm.as_ref().unwrap();
        assert_eq!((storm.at_most, storm.beside_demand_at_most), (reason.is_some(), reason.is_some()));
    }
    // Where only the requests' capacity is a bound, so is what they leave free.
    suites.arms[2].rate_of = "client".into();
    let document = planned(&[compared("suites", suites)], &ask("20000 req/s"));
    let storm = document.rows[0].storm.as_ref().unwrap();
    assert!(!storm.at_most && storm.beside_demand_at_most);
}

#[test]
fn the_storm_by_suite_where_only_a_search_answers_the_demand() {
    // 20 000 ÷ 5000 ÷ 0.7: 6 servers by the search. By the suite a million ÷ (6 × 1000/s) = 166.7 s; beside 2/3 of load thrice that.
    let mut suites = one_suite();
    suites.arms.retain(|arm| arm.workload == "full_handshake");
    let sources = [searched("requests", capacity("requests", 0.0, None, 5000.0)), compared("suites", suites)];
    let document = planned(&sources, &ask("20000 req/s"));
    let row = &document.rows[1];
    assert!(row.answer.is_none() && row.unanswered.as_ref().unwrap().contains("--workload request"), "{row:?}");
    let storm = row.storm.as_ref().unwrap();
    assert!(close(storm.alone_s, 1e6 / 6000.0) && close(storm.beside_demand_s.unwrap(), 500.0), "{storm:?}");
}

#[test]
fn what_the_documents_do_not_answer_is_refused() {
    let refused = |sources: &[(String, Source)], demand: &str| plan(sources, &ask(demand), AT).unwrap_err().to_string();
    let requests = || capacity("requests", 0.0, None, 5000.0);
    let full = || capacity("sessions", 0.0, Some(0), 1000.0);
    let error = refused(&[searched("a", requests())], "500 sessions/s");
    assert!(error.contains("capacity of full handshakes is not known") && error.contains("--unit sessions"), "{error}");
    let error = refused(&[searched("a", full())], "500 sessions/s, 50% resumed");
    assert!(error.contains("resumed handshakes") && error.contains("--resumption resumed"), "{error}");
    let error = refused(&[searched("a", full())], "20000 req/s");
    assert!(error.contains("capacity of requests"), "{error}");
    let mut small = one_suite();
    small.arms.retain(|arm| arm.workload != "bulk");
    let error = refused(&[compared("suites", small)], "20000 req/s of 4KiB");
    assert!(error.contains("--workload download --size 4.00 KiB"), "{error}");
    let mut dead = requests();
    (dead.capacity.lower, dead.capacity.text) = (None, "not even 100/s is carried".into());
    let error = refused(&[searched("dead", dead)], "20000 req/s");
    assert!(error.contains("dead found no capacity: not even 100/s"), "{error}");
    let error = refused(&[searched("a", requests()), searched("b", requests())], "20000 req/s");
    assert!(error.contains("a and b both give the capacity of requests"), "{error}");
    let error = refused(&[compared("a", one_suite()), compared("b", one_suite())], "20000 req/s");
    assert!(error.contains("a and b both give"), "{error}");
}

#[test]
fn what_cannot_be_trusted_carries_no_plan() {
    let trusted = planned(&[compared("suites", fixture::suites())], &ask("200 sessions/s"));
    assert!(trusted.reasons.is_empty());
    let untrusted = planned(&[compared("suites", fixture::untrusted_suites())], &ask("200 sessions/s"));
    assert_eq!(codes(&untrusted.reasons), ["not_trusted"]);
    // No row is of a baseline again.
    let suites: Vec<_> = trusted.rows.iter().map(|row| (row.suite, row.certificate)).collect();
    assert_eq!(suites.len(), suites.iter().collect::<std::collections::HashSet<_>>().len());
}

#[test]
fn the_law_is_of_trials_that_say_something() {
    let mut document = capacity("requests", 0.0, None, 5000.0);
    // One that is INVALID, one that the client limited: far off the curve, and left out like the one of an overload.
    for (valid, client_limited) in [(false, false), (true, true)] {
        let mut other = document.trials[0].clone();
        (other.valid, other.client_limited, other.achieved_per_s) = (valid, client_limited, 10.0);
        document.trials.push(other);
    }
    let planned = planned(&[searched("requests", document)], &ask("20000 req/s"));
    let law = &planned.laws[0].law;
    let fit = law.fit.as_ref().unwrap();
    assert_eq!(law.points.len(), 7);
    // √((1 − 1/16) ÷ (3/5120)) = √1600 = 40, beyond the 32 that were measured.
    let knee = fit.knee_concurrency.unwrap();
    assert!(
        knee.low < 40.0 && knee.high.is_none_or(|high| high > 40.0) && fit.knee_extrapolated == Some(true),
        "{fit:?}"
    );
    assert!(fit.sigma.low < 0.0625 && fit.sigma.high.unwrap() > 0.0625 && fit.describes_well, "{fit:?}");
}

proptest! {
    #[test]
    fn the_servers_suffice_and_one_fewer_does_not(
        rate in 1_u32..10_000_000, capacity_per_s in 1.0..1e6_f64, headroom in 0_u32..100, spare in 0_u32..5
    ) {
        let sources = [searched("requests", capacity("requests", 0.0, None, capacity_per_s))];
        let ask = Ask { headroom: format!("{headroom}%").parse().unwrap(), spare, ..ask(&format!("{rate} req/s")) };
        let document = planned(&sources, &ask);
        let found = answer(&document);
        let full = 1.0 - f64::from(headroom) / 100.0;
        let worth = f64::from(rate) / capacity_per_s;
        prop_assert!(found.load <= full * (1.0 + 1e-8), "{found:?}");
        prop_assert!(found.servers == 1 || worth / (found.servers - 1) as f64 > full * (1.0 - 1e-8), "{found:?}");
        prop_assert_eq!(found.servers_with_spare, found.servers + u64::from(spare));
    }
}

#[test]
fn what_a_search_left_open_is_told() {
    let mut wide = capacity("requests", 0.0, None, 5000.0);
    (wide.capacity.precise, wide.capacity.upper) = (false, Some(50_000.0));
    let document = planned(&[searched("requests", wide)], &ask("20000 req/s"));
    let remarks = &document.documents[0].remarks;
    assert!(
        remarks
            .iter()
            .any(|one| one.code == "wide_interval" && one.text.contains("between 5 000 and 50 000 requests/s")),
        "{remarks:?}"
    );
    let mut turned = capacity("requests", 0.0, None, 5000.0);
    turned.capacity.upper = Some(4000.0);
    let refused = plan(&[searched("requests", turned)], &ask("20000 req/s"), OffsetDateTime::UNIX_EPOCH).unwrap_err();
    assert!(matches!(refused, CannotPlan::Damaged { .. }), "{refused}");
}

#[test]
fn searches_of_different_endpoints_are_told() {
    let mix = ask("200 sessions/s, 12 requests each");
    let told = |document: &PlanDocument| {
        let differ = document.assumptions.iter().find(|one| one.code == "different_searches");
        differ.map(|one| one.text.clone())
    };
    assert_eq!(told(&planned(&three(), &mix)), None);
    let mut sources = three();
    let Source::Capacity(other) = &mut sources[2].1 else { unreachable!() };
    other.target.url = "https://other.example/".to_owned();
    other.plan.groups.clear();
    let text = told(&planned(&sources, &mix)).unwrap();
    assert!(text.contains("endpoints, in their versions, suites or groups"), "{text}");
}
