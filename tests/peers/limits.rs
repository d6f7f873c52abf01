//! Where this machine is what fails: no local ports, no descriptors, no route. Such a run ends with a document that says so, where it could
//! make connections at all. The limits are those of a network namespace, or of the process: nothing of the machine changes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use shakedown::model::failure::FailureKind;
use shakedown::record::run::RunDocument;

use super::generator::{BINARY, Ran, document_of, run_by};

/// Ways to a network namespace of one's own: as root; by a user namespace; by sudo.
const NAMESPACES: [&[&str]; 3] =
    [&["unshare", "--net"], &["unshare", "--map-root-user", "--net"], &["sudo", "-n", "unshare", "--net"]];

/// Brings the loopback interface up, prepares what the first argument says, starts an endpoint at the second, and runs the rest of the
/// command line beside it; the endpoint's stdin ends with this shell.
const WITH_ENDPOINT: &str = r#"
ip link set lo up && eval "$1" || exit 99
"$0" serve --listen "$2" -t 1 > "$3" 2>&1 & endpoint=$!
until grep -q listening "$3"; do kill -0 $endpoint || exit 98; sleep 0.02; done
shift 3
"$@" & run=$!
wait $run; code=$?
kill $endpoint; wait $endpoint
exit $code"#;

/// A shell with [`WITH_ENDPOINT`] in a namespace of its own; the command to run comes last.
fn alone(prepare: &str, listen: &str, log: &Path) -> Command {
    static USABLE: OnceLock<&[&str]> = OnceLock::new();
    let enter = USABLE.get_or_init(|| {
        let usable = |way: &&&[&str]| {
            let mut trial = Command::new(way[0]);
            trial.args(&way[1..]).arg("true").stdin(Stdio::null()).stderr(Stdio::null());
            trial.status().is_ok_and(|status| status.success())
        };
        NAMESPACES.iter().find(usable).expect("a network namespace: as root, by a user namespace, or by sudo")
    });
    let mut command = Command::new(enter[0]);
    command.args(&enter[1..]).args(["sh", "-c", WITH_ENDPOINT, BINARY, prepare, listen]).arg(log);
    command
}

/// A run in a namespace of its own, against an endpoint there; by `program` and its arguments, which end in [`BINARY`].
fn run(prepare: &str, host: &str, program: &[&str], args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("{host}:8443");
    let mut command = alone(prepare, &address, &folder.path().join("log"));
    command.args(program);
    run_by(command, &format!("https://{address}/"), &[args, &["--insecure", "--json"]].concat())
}

/// That a run is INVALID for `code` alone, but for noise, and that `kind` is what failed.
fn assert_exhausted(ran: &Ran, code: &str, kind: FailureKind) -> RunDocument {
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    let document = document_of(ran);
    let noise = ["dispatch_lag", "scheduling_gap"];
    let reasons: Vec<_> = document.verdict.reasons.iter().map(|reason| &*reason.code).collect();
    assert!(reasons.contains(&code), "{reasons:?}");
    assert!(reasons.iter().all(|reason| *reason == code || noise.contains(reason)), "{reasons:?}");
    assert!(document.connections.opened > 0 && document.counts.succeeded > 0, "{:?}", document.counts);
    let failures = &document.connections.failures;
    assert!(failures.keys().eq([&kind]), "{failures:?}");
    document
}

#[test]
#[ignore = "needs unshare and ip"]
fn ports_that_run_out_void_the_run() {
    let few = "echo 40000 40003 > /proc/sys/net/ipv4/ip_local_port_range";
    for pace in [&[][..], &["--rate", "100/s"]] {
        let ran = run(few, "127.0.0.1", &[BINARY], &[&["-c", "8"], pace].concat());
        let document = assert_exhausted(&ran, "local_ports", FailureKind::LocalPorts);
        assert_eq!(document.connections.opened, 4, "{pace:?}: as many as there are ports");
        assert!(ran.stderr.contains("warning: 8 connections"), "{}", ran.stderr);
    }
}

#[test]
#[ignore = "needs prlimit, unshare and ip"]
fn descriptors_that_run_out_void_the_run() {
    for pace in [&[][..], &["--rate", "100/s"]] {
        let program = ["prlimit", "--nofile=40:40", BINARY];
        let ran = run("true", "127.0.0.1", &program, &[&["-c", "64"], pace].concat());
        let document = assert_exhausted(&ran, "local_descriptors", FailureKind::LocalDescriptors);
        assert!((1..40).contains(&document.connections.opened), "{pace:?}: {:?}", document.connections);
        assert!(ran.stderr.contains("warning: 64 connections"), "{}", ran.stderr);
    }
}

#[test]
#[ignore = "needs unshare and ip"]
fn a_route_that_is_lost_makes_the_server_unreachable() {
    // The address goes away in the middle of the run, and with it the only way there.
    let lose = "ip addr add 192.0.2.1/32 dev lo; { sleep 1.5; ip addr del 192.0.2.1/32 dev lo; } &";
    let args = ["--requests-per-connection", "1", "--warmup", "0", "--duration", "4s", "--connect-timeout", "500ms"];
    let ran = run(lose, "192.0.2.1", &[BINARY], &args);
    let document = document_of(&ran);
    let failures = &document.counts.failures;
    assert!(document.counts.succeeded > 0 && failures.contains_key(&FailureKind::ConnectUnreachable), "{failures:?}");
    let detail = document.failure_details.iter().find(|detail| detail.kind == FailureKind::ConnectUnreachable);
    assert!(detail.is_some_and(|detail| detail.detail.contains("unreachable")), "{detail:?}");
    assert!(failures.keys().all(|kind| *kind != FailureKind::LocalPorts), "{failures:?}");
}
