//! Servers that do everything that could be taken for a refusal. Whatever they do, no suite that they speak is missing without a word.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use shakedown::model::registry::SuiteCode;
use shakedown::model::survey::{Answer, Depth, Place, Preference, Refusal, Trouble, Version};
use shakedown::probe::{Limits, Prober};

use super::responder::{Responder, Script, Truth, alert, hello, record};
use super::{LIMITS, accepted, assert_exact, assert_no_false_answer, probe};

/// Where the test has to wait until the prober gives up.
const IMPATIENT: Limits = Limits { answer: Duration::from_millis(400), back_off: Duration::from_millis(400), ..LIMITS };

/// One of each age.
fn truth() -> Truth {
    Truth::new(&[
        (Version::Ssl3, &["RC4-MD5"]),
        (Version::Tls10, &["AES128-SHA", "DES-CBC3-SHA"]),
        (Version::Tls12, &["ECDHE-RSA-AES128-GCM-SHA256", "AES256-SHA", "TLS_RSA_WITH_ARIA_128_CBC_SHA256", "0xCC13"]),
    ])
}

fn short(responder: &Responder, limits: Limits) -> Place {
    probe(responder.address, Some("server.example"), limits, Depth::Short)
}

#[test]
fn old_versions_and_unregistered_suites_are_found_exactly() {
    let truth = truth();
    let told = truth.clone();
    let server = Responder::start(move |_, offer| Script::Say(told.answer(offer)));
    let place = probe(server.address, Some("server.example"), LIMITS, Depth::Full);
    assert_exact(&place, &truth.suites());
    let orders: Vec<_> = place.preference.iter().map(|(_, order)| order.clone()).collect();
    let server_decides = Answer::Accepted(Preference::Server);
    assert_eq!(orders[1..], [server_decides.clone(), server_decides]);
    assert!(matches!(orders[0], Answer::NotAsked(_)));
    assert_exact(&probe(server.address, None, LIMITS, Depth::Short), &truth.suites());
}

#[test]
fn a_server_that_takes_whatever_comes_first_is_seen_to() {
    let server = Responder::start(|_, offer| {
        Script::Say(if offer.version == 0x0303 { record(22, &hello(0x0303, offer.suites[0])) } else { alert(70) })
    });
    let place = probe(server.address, None, LIMITS, Depth::Full);
    let found = accepted(&place);
    assert!(SuiteCode::registered().all(|suite| found.contains(&(Version::Tls12, suite))));
    assert!([0x0a0a, 0xfafa, 0xcc13, 0xfeff].iter().all(|code| found.contains(&(Version::Tls12, SuiteCode(*code)))));
    assert!(place.open.is_empty(), "{:?}", place.open);
    assert_eq!(place.preference, [(Version::Tls12, Answer::Accepted(Preference::Client))]);
}

#[test]
fn answers_in_pieces_after_a_warning_are_read() {
    let truth = truth();
    let told = truth.clone();
    let server = Responder::start(move |_, offer| {
        let warning = record(21, &[1, 112]);
        let answer = match told.choice(offer) {
            Ok(suite) => hello(offer.version, suite).chunks(7).flat_map(|piece| record(22, piece)).collect(),
            Err(description) => alert(description),
        };
        Script::Say([warning, answer].concat())
    });
    assert_exact(&short(&server, LIMITS), &truth.suites());
}

#[test]
fn closing_without_a_word_is_a_refusal_where_it_is_always_so() {
    let truth = truth();
    let told = truth.clone();
    let server = Responder::start(move |_, offer| {
        Script::Say(told.choice(offer).map_or_else(|_| Vec::new(), |suite| record(22, &hello(offer.version, suite))))
    });
    let place = short(&server, LIMITS);
    assert_exact(&place, &truth.suites());
    let tls13 = &place.versions.iter().find(|(version, _)| *version == Version::Tls13).unwrap().1;
    assert_eq!(*tls13, Answer::Refused(Refusal::Close));
}

#[test]
fn closing_now_and_then_is_no_refusal() {
    for every in [3, 7, 20] {
        let truth = truth();
        let told = truth.clone();
        let server = Responder::start(move |nth, offer| {
            Script::Say(if nth % every == every - 1 { Vec::new() } else { told.answer(offer) })
        });
        assert_no_false_answer(&short(&server, IMPATIENT), &truth.suites());
    }
}

#[test]
fn closing_now_and_then_is_none_either_where_refusals_are_closes() {
    for every in [3, 7, 20] {
        let truth = truth();
        let told = truth.clone();
        let server = Responder::start(move |nth, offer| match told.choice(offer) {
            Ok(suite) if nth % every != every - 1 => Script::Say(record(22, &hello(offer.version, suite))),
            _ => Script::Say(Vec::new()),
        });
        assert_no_false_answer(&short(&server, IMPATIENT), &truth.suites());
    }
}

#[test]
fn an_alert_to_everyone_now_and_then_is_no_refusal() {
    // As from one of several servers behind an address that is set up differently, or from one that is overloaded.
    for description in [40, 80] {
        let truth = truth();
        let told = truth.clone();
        let server = Responder::start(move |nth, offer| {
            Script::Say(if nth % 40 >= 25 { alert(description) } else { told.answer(offer) })
        });
        assert_no_false_answer(&short(&server, IMPATIENT), &truth.suites());
    }
}

#[test]
fn alerts_of_another_kind_are_refusals_where_they_are_the_manner() {
    let truth = truth();
    let told = truth.clone();
    let server = Responder::start(move |_, offer| {
        Script::Say(told.choice(offer).map_or_else(|_| alert(47), |suite| record(22, &hello(offer.version, suite))))
    });
    assert_exact(&short(&server, LIMITS), &truth.suites());
}

#[test]
fn long_hellos_that_choke_a_server_are_made_shorter() {
    for how in ["hang", "reset", "alert", "close"] {
        for most in [255, 400] {
            let truth = truth();
            let told = truth.clone();
            let server = Responder::start(move |_, offer| match how {
                _ if offer.length <= most => Script::Say(told.answer(offer)),
                "hang" => Script::Hang,
                "reset" => Script::Reset,
                "alert" => Script::Say(alert(40)),
                _ => Script::Say(Vec::new()),
            });
            let place = short(&server, IMPATIENT);
            assert_no_false_answer(&place, &truth.suites());
            assert_eq!(accepted(&place), truth.suites(), "{how} above {most}");
        }
    }
}

#[test]
fn a_tarpit_leaves_everything_open() {
    let hang = Responder::start(|_, _| Script::Hang);
    let drip = Responder::start(|_, _| Script::Drip(record(21, &[1, 90]).repeat(100_000), Duration::from_millis(20)));
    for server in [hang, drip] {
        let begun = Instant::now();
        let place = short(&server, IMPATIENT);
        assert!(place.accepted.is_empty());
        assert!(
            place.versions.iter().all(|(_, answer)| *answer == Answer::Inconclusive(Trouble::Timeout)),
            "{place:?}"
        );
        let asked: usize = place.open.iter().map(|open| open.suites.len()).sum();
        assert!(asked > 5 * 355, "{asked}");
        assert!(begun.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn garbage_is_named_and_decides_nothing() {
    let answers: [(&[u8], &str); 3] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (b"\x05\x01hello there", "not TLS"),
        (&[22, 3, 1, 0, 4, 2, 0, 0, 0], "ServerHello"),
    ];
    for (bytes, hint) in answers {
        let server = Responder::start(move |_, _| Script::Say(bytes.to_vec()));
        let place = short(&server, IMPATIENT);
        assert!(place.accepted.is_empty());
        for (version, answer) in &place.versions {
            let Answer::Inconclusive(Trouble::Garbage(what)) = answer else { panic!("{version}: {answer:?}") };
            assert!(what.contains(hint), "{what}");
        }
    }
}

#[test]
fn what_was_not_offered_is_not_accepted() {
    let server = Responder::start(|_, offer| Script::Say(record(22, &hello(offer.version, 0x002f))));
    let place = short(&server, IMPATIENT);
    assert!(place.accepted.iter().all(|row| row.suite == SuiteCode(0x002f)), "{:?}", place.accepted);
    let unoffered = |version| {
        place.open.iter().any(|open| open.version == version && matches!(open.trouble, Trouble::Unoffered(_)))
    };
    assert!(Version::ALL.into_iter().all(unoffered), "{:?}", place.open);
}

#[test]
fn a_server_that_resets_when_it_is_busy_is_waited_for() {
    let truth = truth();
    let (told, recent) = (truth.clone(), Mutex::new(Vec::<Instant>::new()));
    let server = Responder::start(move |_, offer| {
        let mut recent = recent.lock().unwrap();
        recent.retain(|at| at.elapsed() < Duration::from_millis(100));
        recent.push(Instant::now());
        if recent.len() > 10 { Script::Reset } else { Script::Say(told.answer(offer)) }
    });
    assert_exact(&short(&server, LIMITS), &truth.suites());
}

#[test]
fn a_server_that_goes_away_leaves_the_rest_open() {
    for last in [5, 30, 45] {
        let truth = truth();
        let told = truth.clone();
        let server = Responder::start(
            move |nth, offer| if nth > last { Script::Reset } else { Script::Say(told.answer(offer)) },
        );
        let place = short(&server, IMPATIENT);
        assert_no_false_answer(&place, &truth.suites());
        assert!(!place.open.is_empty());
    }
}

#[test]
fn limits_end_the_questions_and_refuse_nothing() {
    let truth = truth();
    for connections in [0, 1, 3, 17, 40] {
        let told = truth.clone();
        let server = Responder::start(move |_, offer| Script::Say(told.answer(offer)));
        let place = short(&server, Limits { connections, ..LIMITS });
        assert_no_false_answer(&place, &truth.suites());
        assert!(place.open.iter().all(|open| open.trouble == Trouble::Budget) && !place.open.is_empty());
    }
    let server = Responder::start(|_, _| Script::Hang);
    let place = short(&server, Limits { total: Duration::from_millis(300), ..LIMITS });
    assert!(place.versions.iter().all(|(_, answer)| *answer == Answer::Inconclusive(Trouble::Budget)), "{place:?}");
    let stop = || true;
    let place = Prober::new(LIMITS, &stop, |_| {}).place(server.address, None, Depth::Full);
    assert!(place.versions.iter().all(|(_, answer)| *answer == Answer::Inconclusive(Trouble::Interrupted)));
}

#[test]
fn nobody_listens() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let place = probe(address, None, IMPATIENT, Depth::Full);
    assert!(place.versions.iter().all(|(_, answer)| matches!(answer, Answer::Inconclusive(Trouble::Connect(_)))));
}

#[test]
fn a_name_that_is_not_served_is_refused_as_a_whole() {
    let truth = truth();
    let told = truth.clone();
    let server = Responder::start(move |_, offer| Script::Say(if offer.sni { alert(112) } else { told.answer(offer) }));
    let place = short(&server, LIMITS);
    // SSL 3.0 has no names.
    for (version, answer) in &place.versions[1..] {
        assert_eq!(*answer, Answer::Refused(Refusal::Alert(112)), "{version}");
    }
    assert!(place.open.is_empty(), "{:?}", place.open);
    assert_exact(&probe(server.address, None, LIMITS, Depth::Short), &truth.suites());
}

#[test]
fn suites_that_only_one_group_or_one_kind_of_certificate_brings_to_light_are_found() {
    let base = Truth::new(&[(Version::Tls12, &["ECDHE-RSA-AES128-GCM-SHA256"])]);
    let extra: SuiteCode = "ECDHE-RSA-AES256-GCM-SHA384".parse().unwrap();
    for only in ["P-521", "RSA", "P-521 in the list"] {
        let told = base.clone();
        let server = Responder::start(move |_, offer| {
            let shown = match only {
                "P-521" => offer.groups == [0x19],
                "RSA" => !offer.schemes.is_empty() && offer.schemes.iter().all(|scheme| scheme & 0xff != 3),
                _ => offer.groups.contains(&0x19),
            };
            let takes = shown && offer.version == 0x0303 && offer.suites.contains(&extra.0);
            Script::Say(if takes { record(22, &hello(0x0303, extra.0)) } else { told.answer(offer) })
        });
        let depth = if only == "P-521" { Depth::Full } else { Depth::Short };
        let found = accepted(&probe(server.address, None, LIMITS, depth));
        assert!(found.contains(&(Version::Tls12, extra)), "{only}: {found:?}");
    }
}
