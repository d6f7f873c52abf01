//! As many are measured, sent and given up as were asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use shakedown::model::failure::FailureKind;

use super::arrivals::schedule;
use super::common::noise::beside_others;
use super::common::server::{Answer, Server};
use super::common::{assert_only_noise, only_failures, run};

#[test]
fn as_many_requests_as_asked_for_are_measured() {
    let _beside = beside_others();
    let open = ["--rate", "200/s", "-c", "8", "-t", "2", "--requests", "31"];
    let fewer_than_connections = ["-c", "8", "-t", "2", "--requests", "3"];
    let each_its_own = ["-c", "4", "-t", "2", "--requests", "21", "--requests-per-connection", "1"];
    for (args, asked) in [(&open[..], 31), (&fewer_than_connections, 3), (&each_its_own, 21)] {
        for warmup in ["0", "200ms"] {
            let server = Server::start(|_| {
                std::thread::sleep(Duration::from_millis(5));
                Answer::ok()
            });
            let document = run(&server, &[args, &["--warmup", warmup, "--duration", "10s"]].concat());
            assert_only_noise(&document);
            let counts = &document.counts;
            assert_eq!((counts.scheduled, counts.succeeded), (asked, asked), "{args:?} after {warmup}: {counts:?}");
            assert_eq!(server.seen(), counts.sent + counts.warmup.sent, "{args:?} after {warmup}");
            assert!(warmup != "0" || counts.warmup.sent == 0, "{args:?}: {counts:?}");
        }
    }
}

#[test]
fn arrivals_that_find_no_connection_are_unsent_and_censor_the_response() {
    let _beside = beside_others();
    let server = Server::start(|_| Answer::Hang);
    let args = ["--rate", "60/s", "-c", "2", "-t", "1", "--timeout", "400ms", "--warmup", "0", "--duration", "2s"];
    let document = run(&server, &args);
    assert_only_noise(&document);
    let timeouts = only_failures(&document, FailureKind::Timeout);
    let counts = &document.counts;
    assert!(counts.unsent > timeouts && counts.succeeded == 0, "{counts:?}");
    assert_eq!(counts.scheduled, schedule(&document).1.len() as u64);
    let response = document.latency.response.as_ref().unwrap();
    assert_eq!((response.count, response.censored), (0, counts.unsent + timeouts));
    let known = response.quantiles.iter().filter(|quantile| quantile.ns.is_some());
    assert!(known.clone().count() > 0 && known.clone().all(|quantile| quantile.at_least), "{response:?}");
    assert!(document.verdict.warnings.iter().any(|warning| warning.code == "unsent"), "{:?}", document.verdict);
    assert_eq!(server.seen(), counts.sent);
}

#[test]
fn sessions_carry_the_requests_that_were_planned() {
    let _beside = beside_others();
    let server = Server::start(|_| Answer::ok());
    let args = ["--rate", "60/s", "--unit", "sessions", "--requests-per-connection", "3", "-c", "32", "-t", "2"];
    let document = run(&server, &[&args[..], &["--warmup", "200ms", "--duration", "1500ms"]].concat());
    assert_only_noise(&document);
    let counts = &document.counts;
    let (before, inside) = schedule(&document);
    assert_eq!((counts.unit.as_str(), counts.scheduled), ("sessions", inside.len() as u64));
    assert_eq!((counts.succeeded, counts.sent), (counts.scheduled, 3 * counts.scheduled));
    assert_eq!((server.seen(), counts.warmup.sent), (counts.sent + counts.warmup.sent, 3 * before.len() as u64));
    assert_eq!(document.connections.opened, (before.len() + inside.len()) as u64);
    let in_threes = server.log().iter().fold(BTreeMap::new(), |mut per, entry| {
        *per.entry(entry.connection).or_insert(0) += 1;
        per
    });
    assert!(in_threes.values().all(|requests| *requests == 3), "{in_threes:?}");
}
