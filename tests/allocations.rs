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
use shakedown::model::load::{LoadChoice, LoadPlan};
use shakedown::model::plan::RunPlan;
use shakedown::model::request::{ExpectStatus, Method, RequestPlan};
use shakedown::model::suite::Suite;
use shakedown::model::target::Target;
use shakedown::model::tls::{TlsChoice, TlsPlan, Trust};
use shakedown::tls::config::ClientMaterial;
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

/// What the end of a run may add to a request.
const TOLERATED: f64 = 0.05;

/// What a slice of the window may cost, some tens of which there are in a second: recorders, and their way to the coordinator.
const FOR_A_SLICE: f64 = 60.0;

/// A request that is sent over and over.
struct Work {
    path: &'static str,
    /// The length of its body; with one it is a POST.
    body: Option<usize>,
    /// How many are compared with twice as many.
    requests: u64,
}

impl Work {
    const fn get(path: &'static str, requests: u64) -> Self {
        Self { path, body: None, requests }
    }

    const fn post(body: usize, requests: u64) -> Self {
        Self { path: "/sink", body: Some(body), requests }
    }
}

/// A closed loop of two connections that ends after `requests`.
fn plan(endpoint: &Endpoint, suite: Suite, work: &Work, requests: u64) -> RunPlan {
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
    let load = LoadChoice {
        connections: NonZeroUsize::new(2),
        threads: NonZeroUsize::new(1),
        duration: Some(Duration::from_secs(60)),
        warmup: Some(Duration::ZERO),
        max_requests: NonZeroU64::new(requests),
        ..LoadChoice::default()
    };
    RunPlan { target: Target::new(url), request, tls, load: LoadPlan::new(load, NonZeroUsize::MIN, 0).unwrap() }
}

fn address(endpoint: &Endpoint) -> SocketAddr {
    endpoint.url("/").endpoint.to_string().parse().unwrap()
}

/// Allocations of a whole run of this many requests, and the slices that it had.
fn of_a_run(endpoint: &Endpoint, suite: Suite, work: &Work, requests: u64) -> (f64, f64) {
    let plan = plan(endpoint, suite, work, requests);
    let material = ClientMaterial::load(&plan.tls).unwrap();
    let before = allocations();
    let outcome = engine::run(&plan, &material, &[address(endpoint)], &StopFlag::default(), &mut |_| ()).unwrap();
    let after = allocations();
    assert_eq!((outcome.ledger.counts.sent, outcome.ledger.counts.opened), (requests, 2));
    (after - before, outcome.slice_rates.len() as f64)
}

/// The engine's allocations for a request, and how many may be a slice's: what as many requests again add to a run.
fn of_the_engine(endpoint: &Endpoint, suite: Suite, work: &Work) -> (f64, f64) {
    let (once, slices) = of_a_run(endpoint, suite, work, work.requests);
    let (twice, more_slices) = of_a_run(endpoint, suite, work, 2 * work.requests);
    let for_slices = FOR_A_SLICE * (more_slices - slices + 2.0).max(2.0);
    ((twice - once) / work.requests as f64, for_slices / work.requests as f64)
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
    let plan = plan(endpoint, suite, work, work.requests);
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
    Work::get("/", 10_000),
    Work::get("/missing", 5_000),
    Work::get("/bytes/16384", 4_000),
    Work::get("/bytes/1048576", 300),
    Work::post(16 << 10, 4_000),
    Work::post(1 << 20, 300),
];

#[test]
fn a_request_costs_no_allocation_beyond_those_of_rustls() {
    let _alone = alone();
    let endpoint = Endpoint::start(&[]);
    for suite in [Suite::Aes128GcmSha256, Suite::EcdheEcdsaAes128Gcm, Suite::EcdheEcdsaAes128Cbc] {
        for work in &WORK {
            let floor = of_rustls(&endpoint, suite, work);
            let (engine, slices) = of_the_engine(&endpoint, suite, work);
            let what = format!("{suite} {} with {} bytes", work.path, work.body.unwrap_or(0));
            println!("{what}: {engine} for a request, of which {floor} are rustls's");
            // One at least, or nothing is counted.
            assert!(floor >= 1.0, "{what}: rustls allocates {floor}");
            let most = floor + TOLERATED + slices;
            assert!(engine <= most, "{what}: {engine} for a request, rustls alone {floor}, slices at most {slices}");
        }
    }
}
