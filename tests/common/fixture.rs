//! What all the servers have in common: a free port, a process that ends with the test, an HTTP request in the clear.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long a server may take to come up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Below the range from which the kernel takes the local ports of connections, where a load test would collide with itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A port of 127.0.0.1 that nothing listens on; no two calls in this process give the same one.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Two test processes at once start at different places.
    let start = (std::process::id() % 97) as u16 * 120;
    for _ in PORTS {
        let offset = (start + NEXT.fetch_add(1, Ordering::Relaxed)) % (PORTS.end - PORTS.start);
        let port = PORTS.start + offset;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port in {PORTS:?}");
}

/// A server's process, killed when dropped.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// Waits until `ready`; fails when the process ends first.
    pub(crate) fn wait_until(&mut self, name: &str, mut ready: impl FnMut() -> bool) {
        let start = Instant::now();
        while !ready() {
            if let Ok(Some(status)) = self.0.try_wait() {
                panic!("{name} ended by itself: {status}");
            }
            assert!(start.elapsed() < PATIENCE, "{name} does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The answer to a GET of `path` in the clear, head and body; `None` while nothing answers.
pub(crate) fn get(port: u16, path: &str) -> Option<String> {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    socket.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    Some(answer)
}
