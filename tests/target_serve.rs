//! The embedded endpoint, spoken to by blocking clients: every suite, both certificates, exact counts.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use shakedown::model::failure::FailureKind;
use shakedown::model::suite::{Group, Suite, TlsVersion};
use shakedown::model::tls::Provider;
use shakedown::target::{Config, HandshakeKind, Report, STOP_BOUND, Server, TargetError};
use shakedown::tls::provider;

fn config() -> Config {
    Config::new(local(), 1)
}

fn local() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn start(config: &Config) -> Server {
    Server::start(config).unwrap()
}

/// What a client offers, before it is made into a rustls configuration.
struct Offer {
    suites: Vec<Suite>,
    groups: Vec<Group>,
    rsa_only: bool,
    resumption: bool,
}

impl Offer {
    fn suites(suites: impl IntoIterator<Item = Suite>) -> Self {
        Self { suites: suites.into_iter().collect(), groups: vec![Group::X25519], rsa_only: false, resumption: false }
    }

    fn all() -> Self {
        Self::suites(Suite::all())
    }

    fn client(self, server: &Server) -> Client {
        let mut provider = (*provider::provider(Provider::AwsLc, &self.suites, &self.groups)).clone();
        if self.rsa_only {
            let full = provider.signature_verification_algorithms;
            let mapping = full.mapping.iter().copied().filter(|(scheme, _)| format!("{scheme:?}").starts_with("RSA"));
            let mapping = Box::leak(mapping.collect::<Vec<_>>().into_boxed_slice());
            provider.signature_verification_algorithms = WebPkiSupportedAlgorithms { all: full.all, mapping };
        }
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(server.ca_pem().as_bytes()).unwrap()).unwrap();
        let versions: Vec<_> = [(TlsVersion::V12, &rustls::version::TLS12), (TlsVersion::V13, &rustls::version::TLS13)]
            .into_iter()
            .filter(|(version, _)| self.suites.iter().any(|suite| suite.version() == *version))
            .map(|(_, supported)| supported)
            .collect();
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        if !self.resumption {
            config.resumption = Resumption::disabled();
        }
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Client { config: Arc::new(config), addr: server.addr() }
    }
}

struct Client {
    config: Arc<ClientConfig>,
    addr: SocketAddr,
}

struct Connection(StreamOwned<ClientConnection, TcpStream>);

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Client {
    fn connect(&self) -> io::Result<Connection> {
        let tcp = TcpStream::connect(self.addr)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = StreamOwned::new(ClientConnection::new(Arc::clone(&self.config), name).unwrap(), tcp);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Connection(stream))
    }
}

impl Connection {
    fn send(&mut self, method: &str, path: &str, body: &[u8]) {
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{length}\r\n");
        self.0.write_all(head.as_bytes()).unwrap();
        self.0.write_all(body).unwrap();
        self.0.flush().unwrap();
    }

    fn request(&mut self, method: &str, path: &str, body: &[u8]) -> Answer {
        self.send(method, path, body);
        self.receive(method == "HEAD")
    }

    fn get(&mut self, path: &str) -> Answer {
        self.request("GET", path, &[])
    }

    fn receive(&mut self, head_only: bool) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = if head_only { 0 } else { header(&head, "content-length").unwrap().parse().unwrap() };
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        Answer { status: head[9..12].parse().unwrap(), head, body }
    }

    /// The OID of the key in the certificate that the server showed.
    fn server_key(&self) -> &'static str {
        let der = &self.0.conn.peer_certificates().unwrap()[0];
        let (_, certificate) = x509_parser::parse_x509_certificate(der).unwrap();
        match certificate.public_key().algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.1" => "rsa",
            "1.2.840.10045.2.1" => "ecdsa",
            other => panic!("{other}"),
        }
    }

    /// Ends the session as a client should, and waits until the server has, too.
    fn close(mut self) {
        self.0.conn.send_close_notify();
        let _ = self.0.conn.write_tls(&mut self.0.sock);
        let _ = self.0.sock.shutdown(std::net::Shutdown::Write);
        let _ = io::copy(&mut self.0.sock, &mut io::sink());
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| line.split_once(": ").filter(|(key, _)| *key == name)).map(|(_, value)| value)
}

/// The report once `done` holds, or the last one after five seconds: what a client has seen, the server may count a moment later.
fn eventually(server: &Server, done: impl Fn(&Report) -> bool) -> Report {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let report = server.counters();
        if done(&report) || Instant::now() > deadline {
            return report;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn every_suite_is_negotiated_when_it_alone_is_offered_or_served() {
    let server = start(&config());
    for suite in Suite::all() {
        let mut connection = Offer::suites([suite]).client(&server).connect().unwrap();
        assert_eq!(connection.get("/").body.len(), 64, "{suite}");
        if let Some(key) = suite.key_type() {
            assert_eq!(connection.server_key(), key.to_string(), "{suite}");
        }
        let narrow = start(&Config { suites: vec![suite], ..config() });
        let mut connection = Offer::all().client(&narrow).connect().unwrap();
        assert_eq!(connection.get("/").status, 200, "{suite}");
        let report = narrow.stop();
        assert_eq!(report.handshakes.len(), 1);
        assert_eq!((report.handshakes[0].suite, report.handshakes[0].count), (suite, 1));
        assert_eq!(report.handshakes[0].version, suite.version());
    }
    let report = server.stop();
    assert!(Suite::all().all(|suite| report.handshakes.iter().any(|row| row.suite == suite && row.count == 1)));
    assert!(report.handshakes.iter().all(|row| row.group == Some(Group::X25519) && row.kind == HandshakeKind::Full));
    assert_eq!((report.requests, report.connections, report.failed_handshakes.len()), (9, 9, 0));
}

#[test]
fn both_providers_serve_every_suite() {
    for provider in [Provider::AwsLc, Provider::Ring] {
        let server = start(&Config { provider, ..config() });
        for suite in Suite::all() {
            let mut connection = Offer::suites([suite]).client(&server).connect().unwrap();
            assert_eq!(connection.get("/bytes/50000").body.len(), 50_000, "{provider:?} {suite}");
        }
    }
}

#[test]
fn the_clients_order_and_signature_schemes_decide() {
    let server = start(&config());
    let negotiated = |offer: Offer| {
        let connection = offer.client(&server).connect().unwrap();
        let suite = connection.0.conn.negotiated_cipher_suite().unwrap().suite();
        (Suite::from_code(u16::from(suite)).unwrap(), connection.server_key())
    };
    let rsa_only = |suites: &[Suite]| Offer { rsa_only: true, ..Offer::suites(suites.iter().copied()) };
    use Suite as S;
    assert_eq!(negotiated(Offer::all()), (S::Aes128GcmSha256, "ecdsa"));
    let offer = Offer::suites([S::ChaCha20Poly1305Sha256, S::Aes128GcmSha256]);
    assert_eq!(negotiated(offer), (S::ChaCha20Poly1305Sha256, "ecdsa"));
    assert_eq!(negotiated(rsa_only(&[S::Aes256GcmSha384])), (S::Aes256GcmSha384, "rsa"));
    let offer = Offer::suites([S::EcdheRsaChaCha20, S::EcdheEcdsaAes128Gcm]);
    assert_eq!(negotiated(offer), (S::EcdheRsaChaCha20, "rsa"));
    let offer = Offer::suites([S::EcdheEcdsaAes128Gcm, S::EcdheRsaChaCha20]);
    assert_eq!(negotiated(offer), (S::EcdheEcdsaAes128Gcm, "ecdsa"));
    let offer = rsa_only(&[S::EcdheEcdsaAes128Gcm, S::EcdheRsaChaCha20]);
    assert_eq!(negotiated(offer), (S::EcdheRsaChaCha20, "rsa"));
}

#[test]
fn groups_and_retries_are_counted_as_they_were() {
    let server = start(&config());
    for group in [Group::Secp256r1, Group::Secp384r1, Group::X25519MlKem768] {
        let offer = Offer { groups: vec![group], ..Offer::suites([Suite::Aes128GcmSha256]) };
        offer.client(&server).connect().unwrap().get("/");
    }
    let report = server.stop();
    let groups: Vec<_> = report.handshakes.iter().map(|row| row.group.unwrap()).collect();
    assert_eq!(groups, [Group::Secp256r1, Group::Secp384r1, Group::X25519MlKem768]);

    let server = start(&Config { provider: Provider::Ring, ..config() });
    // The first group is one that the server lacks, and the second comes without a key share.
    let groups = vec![Group::X25519MlKem768, Group::Secp256r1];
    let offer = Offer { groups, ..Offer::suites([Suite::Aes128GcmSha256]) };
    offer.client(&server).connect().unwrap().get("/");
    let row = &server.stop().handshakes[0];
    assert_eq!((row.group, row.kind), (Some(Group::Secp256r1), HandshakeKind::FullWithHrr));
}

#[test]
fn the_table_of_answers_holds() {
    let server = start(&config());
    let mut connection = Offer::all().client(&server).connect().unwrap();
    for path in ["/", "/?query", "/delay/0", "/bytes/64"] {
        let answer = connection.get(path);
        assert_eq!((answer.status, answer.body.len()), (200, 64), "{path}");
        let head = connection.request("HEAD", path, &[]);
        assert_eq!((head.status, header(&head.head, "content-length")), (200, Some("64")), "{path}");
    }
    let big = connection.get("/bytes/3000001").body;
    assert_eq!(big.len(), 3_000_001);
    assert!(big.chunks(64).all(|line| big.starts_with(line)));
    assert_eq!(connection.get("/bytes/0").body.len(), 0);
    let head = connection.request("HEAD", "/bytes/1073741824", &[]);
    assert_eq!(header(&head.head, "content-length"), Some("1073741824"));
    let begun = Instant::now();
    assert_eq!(connection.get("/delay/60").body.len(), 64);
    assert!(begun.elapsed() >= Duration::from_millis(60));
    for (method, path, status) in [
        ("GET", "/nothing", 404),
        ("POST", "/nothing", 404),
        ("GET", "/bytes/x", 400),
        ("GET", "/bytes/1073741825", 400),
        ("GET", "/delay/60001", 400),
        ("GET", "/sink", 405),
        ("DELETE", "/", 405),
        ("PUT", "/bytes/1", 405),
    ] {
        let answer = connection.request(method, path, &[]);
        assert_eq!((answer.status, answer.body.len()), (status, 0), "{method} {path}");
        assert_eq!(header(&answer.head, "allow").is_some(), status == 405);
    }
    let report = server.stop();
    assert_eq!((report.requests, report.responses, report.connections), (20, 20, 1));
    assert_eq!(report.bytes_out, 5 * 64 + 3_000_001);
}

#[test]
fn the_sink_counts_every_byte() {
    let server = start(&config());
    let mut connection = Offer::all().client(&server).connect().unwrap();
    let body = vec![7; 8 << 20];
    assert_eq!(connection.request("POST", "/sink", &body).body, b"8388608");
    assert_eq!(connection.request("POST", "/sink", &[]).body, b"0");
    connection.0.write_all(b"POST /sink HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    connection.0.write_all(b"5\r\nhello\r\n0\r\n\r\n").unwrap();
    assert_eq!(connection.receive(false).body, b"5");
    let report = server.stop();
    assert_eq!((report.bytes_in, report.bytes_out, report.requests), ((8 << 20) + 5, 7 + 1 + 1, 3));
}

#[test]
fn requests_and_connections_are_counted_exactly_across_threads() {
    let server = start(&Config { threads: 3, ..config() });
    let client = Offer::all().client(&server);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let mut connection = client.connect().unwrap();
                    (0..20).for_each(|_| assert_eq!(connection.get("/").body.len(), 64));
                    connection.close();
                }
            });
        }
    });
    let report = eventually(&server, |report| report.open_connections == 0);
    assert_eq!((report.connections, report.open_connections), (40, 0));
    assert_eq!((report.requests, report.responses, report.bytes_out), (800, 800, 800 * 64));
    assert_eq!(report.handshakes_of(HandshakeKind::Full), 40);
    assert!(report.cpu > Duration::ZERO && report.cpu < 4 * report.wall, "{report:?}");
    let later = server.stop();
    assert!(later.cpu >= report.cpu && later.since(&report).requests == 0);
}

#[test]
fn an_open_connection_goes_to_the_thread_with_the_fewest() {
    let server = start(&Config { threads: 2, ..config() });
    let client = Offer::all().client(&server);
    let mut open: Vec<_> = (0..4).map(|_| client.connect().unwrap()).collect();
    // A delay on one thread must not hold up answers on any connection.
    open[0].send("GET", "/delay/1000", &[]);
    let begun = Instant::now();
    open[1..].iter_mut().for_each(|connection| assert_eq!(connection.get("/").status, 200));
    assert!(begun.elapsed() < Duration::from_millis(800));
    assert_eq!(open[0].receive(false).status, 200);
    assert_eq!(server.counters().open_connections, 4);
}

#[test]
fn resumption_is_on_or_off_in_both_versions() {
    for (tickets, expected) in [(true, HandshakeKind::Resumed), (false, HandshakeKind::Full)] {
        let server = start(&Config { tickets, threads: 2, ..config() });
        for suite in [Suite::Aes128GcmSha256, Suite::EcdheRsaAes128Gcm] {
            let client = Offer { resumption: true, ..Offer::suites([suite]) }.client(&server);
            for _ in 0..3 {
                client.connect().unwrap().get("/");
            }
        }
        let report = server.stop();
        let resumed = if tickets { 4 } else { 0 };
        assert_eq!(report.handshakes_of(HandshakeKind::Resumed), resumed, "{report:?}");
        assert_eq!(report.handshakes_of(HandshakeKind::Full), 6 - resumed);
        let last = report.handshakes.iter().rfind(|row| row.version == TlsVersion::V12).unwrap();
        assert_eq!((last.kind, last.group.is_none()), (expected, tickets));
    }
}

#[test]
fn failed_handshakes_are_counted_by_cause() {
    let server = start(&Config { suites: vec![Suite::EcdheRsaAes128Gcm], ..config() });
    assert!(Offer::suites([Suite::Aes128GcmSha256]).client(&server).connect().is_err());
    assert!(Offer::suites([Suite::EcdheEcdsaAes128Gcm]).client(&server).connect().is_err());
    drop(TcpStream::connect(server.addr()).unwrap());
    TcpStream::connect(server.addr()).unwrap().write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let report = eventually(&server, |report| report.failed_handshakes.iter().map(|row| row.count).sum::<u64>() == 4);
    let causes: Vec<_> = report.failed_handshakes.iter().map(|row| row.cause.as_str()).collect();
    assert_eq!(causes.len(), 4, "{causes:?}");
    // Each in the words of this program: a kind, and perhaps a detail.
    let is_kind = |cause: &&str| FailureKind::ALL.iter().any(|kind| cause.split(':').next() == Some(kind.name()));
    assert!(causes.iter().all(is_kind) && causes.contains(&"closed_early"), "{causes:?}");
    assert!(report.handshakes.is_empty() && report.requests == 0);
}

#[test]
fn a_reset_before_the_clients_finished_is_a_failed_handshake() {
    let server = start(&config());
    let client = Offer::all().client(&server);
    let mut tcp = TcpStream::connect(client.addr).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut session = ClientConnection::new(Arc::clone(&client.config), name).unwrap();
    session.write_tls(&mut tcp).unwrap();
    rustix::net::sockopt::set_socket_linger(&tcp, Some(Duration::ZERO)).unwrap();
    drop(tcp);
    let report = eventually(&server, |report| !report.failed_handshakes.is_empty());
    let failed: Vec<_> = report.failed_handshakes.iter().map(|row| (row.cause.as_str(), row.count)).collect();
    assert_eq!((failed, report.handshakes.len()), (vec![("reset", 1)], 0));
}

#[test]
fn stop_lets_answers_out_closes_idle_connections_and_is_bounded() {
    let server = start(&Config { threads: 2, ..config() });
    let client = Offer::all().client(&server);
    let (mut idle, mut busy, mut late) =
        (client.connect().unwrap(), client.connect().unwrap(), client.connect().unwrap());
    let silent = TcpStream::connect(server.addr()).unwrap();
    idle.get("/");
    busy.send("GET", "/delay/300", &[]);
    late.send("GET", "/delay/60000", &[]);
    eventually(&server, |report| report.requests == 3);
    let addr = server.addr();
    let begun = Instant::now();
    let stopping = std::thread::spawn(move || server.stop());
    assert_eq!(idle.0.read(&mut [0; 1]).unwrap(), 0, "closed with close_notify");
    assert_eq!(busy.receive(false).status, 200);
    let report = stopping.join().unwrap();
    assert!(begun.elapsed() < STOP_BOUND, "{:?}", begun.elapsed());
    assert!(late.0.read(&mut [0; 1]).is_err(), "cut off");
    assert_eq!((report.requests, report.responses, report.open_connections), (3, 2, 0));
    assert!(TcpStream::connect(addr).is_err());
    drop(silent);
}

#[test]
fn an_idle_server_stops_at_once_and_two_live_side_by_side() {
    let (one, two) = (start(&config()), start(&Config { threads: 2, pin: Some(vec![0]), ..config() }));
    assert_ne!((one.addr(), one.ca_pem()), (two.addr(), two.ca_pem()));
    Offer::all().client(&one).connect().unwrap().get("/");
    let begun = Instant::now();
    assert_eq!(one.stop().requests, 1);
    assert!(begun.elapsed() < Duration::from_secs(1));
    Offer::all().client(&two).connect().unwrap().get("/");
    assert_eq!(two.stop().requests, 1);
}

#[test]
fn what_cannot_be_started_is_refused_with_its_cause() {
    let refused = |config: Config| Server::start(&config).err().unwrap();
    assert!(matches!(refused(Config { threads: 0, ..config() }), TargetError::Threads(0)));
    assert!(matches!(refused(Config { suites: vec![], ..config() }), TargetError::NoSuites));
    let pin = refused(Config { pin: Some(vec![100_000]), ..config() });
    assert!(pin.to_string().contains("core 100000"), "{pin}");
    let running = start(&config());
    let taken = refused(Config { listen: running.addr(), ..config() });
    assert!(taken.to_string().contains(&running.addr().to_string()), "{taken}");
    let name = refused(Config { extra_names: vec!["no such näme".to_owned()], ..config() });
    assert!(matches!(name, TargetError::Certificate(_)));
}

#[test]
#[ignore = "needs curl"]
fn curl_gets_what_it_asks_for_with_each_suite() {
    let server = start(&config());
    let directory = tempfile::tempdir().unwrap();
    let ca = directory.path().join("ca.pem");
    shakedown::target::ca::write_pem(&ca, server.ca_pem()).unwrap();
    for suite in Suite::all() {
        let choice = match suite.version() {
            TlsVersion::V12 => ["--tls-max", "1.2", "--ciphers", suite.openssl()],
            TlsVersion::V13 => ["--tlsv1.3", "--http1.1", "--tls13-ciphers", suite.openssl()],
        };
        let url = format!("https://localhost:{}/bytes/200000", server.addr().port());
        let output = Command::new("curl").args(["-sS4", "--cacert"]).arg(&ca).args(choice).arg(url).output().unwrap();
        assert!(output.status.success(), "{suite}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout.len(), 200_000, "{suite}");
    }
    assert_eq!(server.stop().handshakes.len(), 9);
}
