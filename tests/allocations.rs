//! In steady state the generator allocates nothing for a request that rustls does not allocate itself. The engine runs in this process,
//! under an allocator that counts, against an endpoint in another; what rustls needs is counted on a bare connection to the same.

mod common;

use std::alloc::System;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use shakedown::engine;
use shakedown::engine::control::StopFlag;
use shakedown::model::load::{Arrivals, LoadChoice, LoadPlan};
use shakedown::model::plan::RunPlan;
use shakedown::model::request::{ExpectStatus, Method, RequestPlan};
use shakedown::model::suite::Suite;
use shakedown::model::target::Target;
use shakedown::model::tls::{TlsChoice, TlsPlan, Trust};
use shakedown::tls::config::ClientMaterial;
use shakedown::units::Rate;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use common::endpoint::Endpoint;
use common::noise::alone;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations so far, those that grew included.
fn allocations() -> f64 {
    let stats = ALLOCATOR.stats();
    (stats.allocations + stats.reallocations) as f64
}

/// What two runs may differ in besides, for each request and record.
const TOLERATED: f64 = 0.05;

/// In a closed loop more requests take more time, and each fiftieth of a second has its own account: less than one for four requests.
const TOLERATED_WITH_TIME: f64 = 0.25;

/// How long an open loop is measured.
const WINDOW: Duration = Duration::from_secs(1);

/// A request that is sent over and over.
struct Work {
    path: &'static str,
    /// The length of its body; with one it is a POST.
    body: Option<usize>,
    /// How many a second in an open loop, at the least: one in each slice. Compared with three times as many.
    per_second: u32,
    /// How many in a closed loop; compared with twice as many.
    requests: u64,
    /// The full records in which each comes or goes, at least 1.
    records: f64,
}

/// What ends a run.
#[derive(Clone, Copy)]
enum Load {
    /// A closed loop, after so many requests.
    Closed(u64),
    /// An open loop with so many arrivals a second, after [`WINDOW`].
    Open(u32),
}

impl Work {
    const fn get(path: &'static str, per_second: u32, requests: u64, records: f64) -> Self {
        Self { path, body: None, per_second, requests, records }
    }

    const fn post(body: usize, per_second: u32, requests: u64, records: f64) -> Self {
        Self { path: "/sink", body: Some(body), per_second, requests, records }
    }
}

/// A run on two connections.
fn plan(endpoint: &Endpoint, suite: Suite, work: &Work, load: Load) -> RunPlan {
    let url = endpoint.url(work.path);
    let request = RequestPlan {
        method: if work.body.is_some() { Method::post() } else { Method::get() },
        path: url.path.clone(),
        host: url.authority.clone(),
        headers: Vec::new(),
        body_bytes: work.body.map(|length| length as u64),
        expect_status: ExpectStatus::default(),
        body: vec![b'x'; work.body.unwrap_or(0)].into(),
    };
    let mut tls = TlsPlan::new(TlsChoice { suites: vec![suite], ..TlsChoice::default() }).unwrap();
    tls.trust = Trust::Ca(endpoint.ca());
    let choice = LoadChoice {
        connections: NonZeroUsize::new(2),
        threads: NonZeroUsize::new(1),
        warmup: Some(Duration::ZERO),
        timeout: Some(Duration::from_secs(60)),
        ..LoadChoice::default()
    };
    let load = match load {
        Load::Closed(requests) => {
            let max_requests = NonZeroU64::new(requests);
            LoadChoice { duration: Some(Duration::from_secs(60)), max_requests, ..choice }
        }
        Load::Open(per_second) => {
            let rate = Rate::per_second(f64::from(per_second));
            LoadChoice { duration: Some(WINDOW), rate, arrivals: Some(Arrivals::Constant), ..choice }
        }
    };
    RunPlan { target: Target::new(url), request, tls, load: LoadPlan::new(load, NonZeroUsize::MIN, 0).unwrap() }
}

fn address(endpoint: &Endpoint) -> SocketAddr {
    endpoint.url("/").endpoint.to_string().parse().unwrap()
}

/// Allocations of a whole run, and its requests.
fn of_a_run(endpoint: &Endpoint, suite: Suite, work: &Work, load: Load) -> (f64, u64) {
    let plan = plan(endpoint, suite, work, load);
    let material = ClientMaterial::load(&plan.tls).unwrap();
    let before = allocations();
    let outcome = engine::run(&plan, &material, &[address(endpoint)], &StopFlag::default(), &mut |_| ()).unwrap();
    let after = allocations();
    let counts = &outcome.ledger.counts;
    assert_eq!((counts.opened, counts.sent), (2, counts.attempted));
    (after - before, counts.sent)
}

/// The engine's allocations for a request: what more requests add to a run, divided by how many they are.
fn of_the_engine(endpoint: &Endpoint, suite: Suite, work: &Work, [few, many]: [Load; 2]) -> f64 {
    let (few, requests) = of_a_run(endpoint, suite, work, few);
    let (many, more) = of_a_run(endpoint, suite, work, many);
    assert!(more > requests);
    (many - few) / (more - requests) as f64
}

/// A connection with nothing around rustls but buffers that never grow.
struct Bare {
    tls: UnbufferedClientConnection,
    tcp: TcpStream,
    incoming: Vec<u8>,
    filled: usize,
    outgoing: Vec<u8>,
}

impl Bare {
    fn connect(config: &Arc<ClientConfig>, address: SocketAddr) -> Self {
        let name = ServerName::from(address.ip());
        let tls = UnbufferedClientConnection::new(Arc::clone(config), name).unwrap();
        let tcp = TcpStream::connect(address).unwrap();
        tcp.set_nodelay(true).unwrap();
        Self { tls, tcp, incoming: vec![0; 256 << 10], filled: 0, outgoing: vec![0; 2 << 20] }
    }

    /// Sends `request` as soon as that can be, and reads until `content` bytes of plaintext have come, or with `None` the end of a head.
    /// Gives the plaintext's length, and what the head says of the body's.
    fn exchange(&mut self, request: &[u8], content: Option<usize>) -> usize {
        let (mut to_send, mut got, mut pending, mut wanted) = (Some(request), 0, 0, content);
        loop {
            let UnbufferedStatus { mut discard, state } =
                self.tls.process_tls_records(&mut self.incoming[..self.filled]);
            let mut starved = false;
            match state.unwrap() {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.unwrap();
                        discard += record.discard;
                        got += record.payload.len();
                        wanted = wanted.or_else(|| response_length(record.payload));
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    pending += data.encode(&mut self.outgoing[pending..]).unwrap();
                }
                ConnectionState::TransmitTlsData(data) => {
                    self.tcp.write_all(&self.outgoing[..std::mem::take(&mut pending)]).unwrap();
                    data.done();
                }
                ConnectionState::WriteTraffic(mut traffic) => match to_send.take() {
                    Some(request) => {
                        let length = traffic.encrypt(request, &mut self.outgoing).unwrap();
                        self.tcp.write_all(&self.outgoing[..length]).unwrap();
                    }
                    None => starved = true,
                },
                ConnectionState::BlockedHandshake => starved = true,
                state => panic!("{state:?}"),
            }
            self.incoming.copy_within(discard..self.filled, 0);
            self.filled -= discard;
            if wanted.is_some_and(|wanted| got >= wanted) {
                assert_eq!(Some(got), wanted);
                return got;
            }
            if starved {
                let read = self.tcp.read(&mut self.incoming[self.filled..]).unwrap();
                assert!(read > 0, "the endpoint closed");
                self.filled += read;
            }
        }
    }
}

/// The length of a response that begins so: its head's, and of its body what the head says.
fn response_length(start: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(start).ok()?;
    let head = text.find("\r\n\r\n")? + 4;
    let (_, length) = text.split_once("content-length: ")?;
    Some(head + length.split('\r').next()?.parse::<usize>().unwrap())
}

/// Allocations of bare rustls for a request.
fn of_rustls(endpoint: &Endpoint, suite: Suite, work: &Work) -> f64 {
    let plan = plan(endpoint, suite, work, Load::Closed(work.requests));
    let config = ClientMaterial::load(&plan.tls).unwrap().configs(1).full;
    let mut bare = Bare::connect(&config, address(endpoint));
    let RequestPlan { method, path, host, body, .. } = &plan.request;
    let head = format!("{} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n", method.as_str(), body.len());
    let request = [head.as_bytes(), body].concat();
    let length = bare.exchange(&request, None);
    let before = allocations();
    for _ in 0..work.requests {
        bare.exchange(&request, Some(length));
    }
    (allocations() - before) / work.requests as f64
}

const WORK: [Work; 6] = [
    Work::get("/", 1_000, 5_000, 1.0),
    // An answer that fails, each time for the same reason.
    Work::get("/missing", 1_000, 5_000, 1.0),
    Work::get("/bytes/16384", 600, 2_000, 1.0),
    Work::get("/bytes/1048576", 60, 100, 64.0),
    Work::post(16 << 10, 600, 2_000, 1.0),
    Work::post(1 << 20, 60, 100, 64.0),
];

#[test]
fn a_request_costs_no_allocation_beyond_those_of_rustls() {
    let _alone = alone();
    let endpoint = Endpoint::start(&[]);
    for suite in [Suite::Aes128GcmSha256, Suite::EcdheEcdsaAes128Gcm, Suite::EcdheEcdsaAes128Cbc] {
        for work in &WORK {
            let floor = of_rustls(&endpoint, suite, work);
            // One at least, or nothing is counted.
            assert!(floor >= 1.0, "{suite} {}: rustls allocates {floor}", work.path);
            let open = [work.per_second, 3 * work.per_second].map(Load::Open);
            let closed = [work.requests, 2 * work.requests].map(Load::Closed);
            for (loads, name, tolerated) in [(open, "open", TOLERATED), (closed, "closed", TOLERATED_WITH_TIME)] {
                let engine = of_the_engine(&endpoint, suite, work, loads);
                let what = format!("{suite} {} with {} bytes, {name}", work.path, work.body.unwrap_or(0));
                println!("{what}: {engine:.3} for a request, of which {floor:.3} are rustls's");
                let own = engine - floor;
                assert!(own <= tolerated * work.records, "{what}: {engine} for a request, rustls alone {floor}");
            }
        }
    }
}
