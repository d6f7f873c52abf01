//! Servers that misbehave, in front of one that meets the policy and of one that has a suite too many: the second must never pass, and the
//! first only where the fault hides nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::command::{audit, refusal};
use super::common::fixture::free_port;
use super::hello::{Hello, alert, server_hello};
use super::nginx::{Nginx, Site};
use super::proxy::{Deed, Proxy};
use super::truth::{SIX, six_and};
use super::world::{HOST, World};

/// The suite too many, ECDHE-RSA-AES256-GCM-SHA384, and its code.
const EXTRA: &str = "ECDHE-RSA-AES256-GCM-SHA384";
const EXTRA_CODE: u16 = 0xc030;

type Judge = Box<dyn Fn(&Hello) -> Deed + Send + Sync>;

/// A way to misbehave, and the exit codes that are right in front of a server that meets the policy, and in front of one that does not.
struct Fault {
    name: &'static str,
    judge: fn() -> Judge,
    good: &'static [i32],
    bad: &'static [i32],
}

/// What cannot be seen through: the audit cannot tell, whichever server is behind it.
const fn opaque(name: &'static str, judge: fn() -> Judge) -> Fault {
    Fault { name, judge, good: &[3], bad: &[3] }
}

/// What can be seen through, and must be.
const fn harmless(name: &'static str, judge: fn() -> Judge) -> Fault {
    Fault { name, judge, good: &[0], bad: &[1] }
}

/// What may be seen through or not; it must only not be taken for an answer.
const fn doubtful(name: &'static str, judge: fn() -> Judge) -> Fault {
    Fault { name, judge, good: &[0, 3], bad: &[1, 3] }
}

/// What leaves questions open, though a suite too many may show before.
const fn partial(name: &'static str, judge: fn() -> Judge) -> Fault {
    Fault { name, judge, good: &[3], bad: &[1, 3] }
}

/// Every connection meets the same.
fn always(deed: Deed) -> Judge {
    Box::new(move |_| deed.clone())
}

/// What is refused meets this instead.
fn refusing(deed: Deed) -> Judge {
    always(Deed::ForwardUnlessRefused(Box::new(deed)))
}

/// Whoever offers the suite too many meets this.
fn hiding(deed: Deed) -> Judge {
    Box::new(move |hello| if hello.offers(EXTRA_CODE) { deed.clone() } else { Deed::Forward })
}

/// Hellos of more than 512 bytes meet this.
fn long(deed: Deed) -> Judge {
    Box::new(move |hello| if hello.length > 512 { deed.clone() } else { Deed::Forward })
}

/// More connections than `most` within half a second meet this.
fn throttle(most: usize, deed: Deed) -> Judge {
    let window = Mutex::new((Instant::now(), 0));
    Box::new(move |_| {
        let mut window = window.lock().unwrap();
        if window.0.elapsed() > Duration::from_millis(500) {
            *window = (Instant::now(), 0);
        }
        window.1 += 1;
        if window.1 > most { deed.clone() } else { Deed::Forward }
    })
}

/// After so many connections all others meet this.
fn after(count: usize, deed: Deed) -> Judge {
    Box::new(move |hello| if hello.nth >= count { deed.clone() } else { Deed::Forward })
}

/// Every third refusal is another.
fn every_third_refusal(deed: Deed) -> Judge {
    let refusals = AtomicUsize::new(0);
    Box::new(move |_| {
        let nth = refusals.fetch_add(1, Ordering::Relaxed);
        if nth % 3 == 2 { Deed::ForwardUnlessRefused(Box::new(deed.clone())) } else { Deed::Forward }
    })
}

/// A suite that the client did not offer.
fn unoffered() -> Judge {
    Box::new(|hello| {
        let suite = (0..).find(|suite| !hello.offers(*suite)).expect("nobody offers all");
        Deed::Say(server_hello(0x0303, suite))
    })
}

const HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn noise() -> Vec<u8> {
    (0..997_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn half_a_hello() -> Vec<u8> {
    server_hello(0x0303, 0xc02f)[..30].to_vec()
}

/// How long an audit waits for an answer here, and for all of them: long, unless it is the fault that there are none.
const PATIENT: [&str; 2] = ["3s", "30s"];
const BRIEF: [&str; 2] = ["250ms", "8s"];

/// Audits both servers behind each fault, several at once: most of the time is spent waiting.
fn assert_no_false_pass([timeout, budget]: [&str; 2], faults: &[Fault]) {
    let world = World::new();
    let (pair, six, extra) = (world.pair("site", &[HOST]), SIX.join(":"), six_and(EXTRA));
    let sites = [Site::new(&pair, &six), Site::new(&pair, &extra)];
    let _nginx = Nginx::start(world.root(), &sites);
    let cases: Vec<_> =
        faults.iter().flat_map(|fault| [(fault, &sites[0], fault.good), (fault, &sites[1], fault.bad)]).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((fault, site, codes)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let proxy = Proxy::start(site.port, (fault.judge)());
            let audited = audit(&proxy.url(), &["--ca", world.ca(), "--timeout", timeout, "--budget", budget]);
            let behind = if site.port == sites[0].port { "a good server" } else { "a bad server" };
            let what = format!("{} before {behind}", fault.name);
            assert!(codes.contains(&audited.code), "{what}: expected {codes:?}: {}", audited.told());
            if audited.code == 3 {
                assert!(!audited.document.open.is_empty(), "{what}: nothing is said to be open");
            }
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
}

#[test]
#[ignore = "needs nginx"]
fn servers_that_answer_nothing() {
    assert_no_false_pass(
        BRIEF,
        &[
            opaque("a tarpit", || always(Deed::Hang)),
            opaque("a trickle", || always(Deed::Trickle(noise()))),
            opaque("warnings without end", || always(Deed::Trickle(vec![21, 3, 3, 0, 2, 1, 90]))),
            opaque("half a hello and silence", || always(Deed::SayAndHang(half_a_hello()))),
            partial("silence for refusals", || refusing(Deed::Hang)),
            partial("silence after forty connections", || after(40, Deed::Hang)),
            opaque("silence for those who offer it", || hiding(Deed::Hang)),
            doubtful("silence for long hellos", || long(Deed::Hang)),
        ],
    );
}

#[test]
#[ignore = "needs nginx"]
fn servers_that_end_connections() {
    assert_no_false_pass(
        PATIENT,
        &[
            opaque("resets", || always(Deed::Reset)),
            opaque("closes", || always(Deed::Close)),
            harmless("a close for every refusal", || refusing(Deed::Close)),
            doubtful("a close for every third refusal", || every_third_refusal(Deed::Close)),
            partial("a reset for every refusal", || refusing(Deed::Reset)),
            partial("resets after forty connections", || after(40, Deed::Reset)),
            partial("closes after forty connections", || after(40, Deed::Close)),
            opaque("a reset for those who offer it", || hiding(Deed::Reset)),
            opaque("a close for those who offer it", || hiding(Deed::Close)),
            doubtful("a reset for long hellos", || long(Deed::Reset)),
            doubtful("a close for long hellos", || long(Deed::Close)),
        ],
    );
}

#[test]
#[ignore = "needs nginx"]
fn servers_that_say_what_they_do_not_mean() {
    assert_no_false_pass(
        PATIENT,
        &[
            opaque("garbage", || always(Deed::Say(noise()))),
            opaque("HTTP in the clear", || always(Deed::Say(HTTP.to_vec()))),
            opaque("half a hello", || always(Deed::Say(half_a_hello()))),
            opaque("an internal error", || always(Deed::Say(alert(80)))),
            opaque("a suite that was not offered", unoffered),
            partial("garbage for refusals", || refusing(Deed::Say(noise()))),
            opaque("garbage for those who offer it", || hiding(Deed::Say(noise()))),
            opaque("HTTP for those who offer it", || hiding(Deed::Say(HTTP.to_vec()))),
            opaque("an internal error for those who offer it", || hiding(Deed::Say(alert(80)))),
            opaque("half a hello for those who offer it", || hiding(Deed::Say(half_a_hello()))),
            opaque("a suite not offered for those who offer it", || hiding(Deed::Say(server_hello(0x0303, 0x5a5b)))),
            doubtful("a decode error for long hellos", || long(Deed::Say(alert(50)))),
            doubtful("a handshake failure for long hellos", || long(Deed::Say(alert(40)))),
            partial("handshake failures after forty connections", || after(40, Deed::Say(alert(40)))),
        ],
    );
}

#[test]
#[ignore = "needs nginx"]
fn servers_that_throttle_and_recover() {
    assert_no_false_pass(
        PATIENT,
        &[
            harmless("resets beyond a rate", || throttle(60, Deed::Reset)),
            harmless("closes beyond a rate", || throttle(60, Deed::Close)),
            doubtful("handshake failures beyond a rate", || throttle(60, Deed::Say(alert(40)))),
        ],
    );
}

/// The front reads so many suites and no more, as servers with a fixed buffer do.
#[test]
#[ignore = "needs nginx"]
fn servers_that_read_only_the_first_suites() {
    assert_no_false_pass(
        PATIENT,
        &[
            doubtful("the first sixteen suites", || always(Deed::ForwardFirst(16))),
            doubtful("the first forty suites", || always(Deed::ForwardFirst(40))),
        ],
    );
}

/// A balancer sends connections to two servers, one of which has a suite too many.
#[test]
#[ignore = "needs nginx"]
fn a_balancer_with_one_bad_server() {
    let world = World::new();
    let (pair, six, extra) = (world.pair("site", &[HOST]), SIX.join(":"), six_and(EXTRA));
    let sites = [Site::new(&pair, &six), Site::new(&pair, &extra)];
    let _nginx = Nginx::start(world.root(), &sites);
    let bad = sites[1].port;
    // Every second or third connection, beginning with the first or a later one.
    for (every, from) in [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)] {
        let proxy =
            Proxy::start(
                sites[0].port,
                move |hello| {
                    if hello.nth % every == from { Deed::ForwardTo(bad) } else { Deed::Forward }
                },
            );
        let audited = audit(&proxy.url(), &["--ca", world.ca()]);
        assert_ne!(audited.code, 0, "one in {every} from {from}: {}", audited.told());
    }
}

#[test]
#[ignore = "needs nginx"]
fn another_version_than_was_asked_for() {
    let world = World::new();
    let (pair, six) = (world.pair("site", &[HOST]), SIX.join(":"));
    let site = Site::new(&pair, &six);
    let _nginx = Nginx::start(world.root(), std::slice::from_ref(&site));
    // Whatever it is asked for, it speaks TLS 1.1.
    let proxy = Proxy::start(site.port, |hello| Deed::Say(server_hello(0x0302, hello.suites[0])));
    let audited = audit(&proxy.url(), &["--ca", world.ca(), "--timeout", PATIENT[0]]);
    assert_eq!(audited.code, 1, "{}", audited.told());
    assert!(audited.findings("versions.lowest")[0].observed.contains("TLSv1.1"), "{}", audited.told());
    // To those who ask for less it says TLS 1.2: a higher version than was offered is no acceptance of the lower one.
    let proxy = Proxy::start(site.port, |hello| {
        if hello.asks_for() < 0x0303 { Deed::Say(server_hello(0x0303, hello.suites[0])) } else { Deed::Forward }
    });
    let audited = audit(&proxy.url(), &["--ca", world.ca(), "--timeout", PATIENT[0]]);
    assert!(matches!(audited.code, 0 | 3), "{}", audited.told());
}

#[test]
fn nobody_at_the_door() {
    let (code, said) = refusal(&format!("https://localhost:{}/", free_port()), &["--budget", "20s"]);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("refused"), "{said}");
}
