//! A load generator and latency profiler for HTTPS: opens many TLS 1.2 and 1.3 sessions with each allowed cipher suite and
//! measures handshakes and requests so that every figure can be trusted. `docs/architecture.md` is the map.

pub mod bench;
pub mod certs;
pub mod cli;
pub mod engine;
pub mod experiment;
pub mod host;
pub mod http;
pub mod live;
pub mod model;
pub mod pacing;
pub mod probe;
pub mod record;
pub mod report;
pub mod stats;
pub mod target;
pub mod tls;
pub mod units;
