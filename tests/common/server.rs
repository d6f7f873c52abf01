//! A small TLS server that is not ours: blocking, a thread per connection, on rustls' buffered API. It notes when each request head
//! arrived and when its answer was written, and behaves as the test's closures say.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};
use tempfile::TempDir;

/// One request in the server's log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// The connection's number, in the order of acceptance.
    pub(crate) connection: usize,
    /// When the end of the head had been read.
    pub(crate) arrived: Instant,
    /// When the answer had been written.
    pub(crate) completed: Option<Instant>,
}

/// A request, as behaviours see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request {
    /// Its place in the log.
    pub(crate) index: usize,
    /// The number of its connection.
    pub(crate) connection: usize,
    /// When it arrived.
    pub(crate) arrived: Instant,
    /// What its connection negotiated.
    pub(crate) suite: rustls::CipherSuite,
}

/// What becomes of a request.
pub(crate) enum Answer {
    /// These bytes; the connection stays open.
    Send(Vec<u8>),
    /// These bytes and the end, announced by close_notify or not.
    Close { bytes: Vec<u8>, notify: bool },
    /// These bytes, and after a while the end without another read.
    Abandon { bytes: Vec<u8>, after: Duration },
    /// A TCP reset.
    Reset,
    /// Nothing, until the client goes.
    Hang,
}

impl Answer {
    /// 200 with a small body.
    pub(crate) fn ok() -> Self {
        Self::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec())
    }
}

type OnRequest = Box<dyn Fn(Request) -> Answer + Send + Sync>;
type OnAccept = Box<dyn Fn(usize, &mut TcpStream) -> bool + Send + Sync>;

struct Inner {
    config: Arc<ServerConfig>,
    log: Mutex<Vec<Entry>>,
    on_request: OnRequest,
    on_accept: OnAccept,
}

/// The server; its threads end with the test's process.
pub(crate) struct Server {
    inner: Arc<Inner>,
    port: u16,
    folder: TempDir,
}

impl Server {
    /// A server that answers each request with what `on_request` returns.
    pub(crate) fn start(on_request: impl Fn(Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_with(on_request, |_, _| true)
    }

    /// As [`Server::start`]; `on_accept` sees each new connection first, and says whether TLS may begin on it.
    pub(crate) fn start_with(
        on_request: impl Fn(Request) -> Answer + Send + Sync + 'static,
        on_accept: impl Fn(usize, &mut TcpStream) -> bool + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let inner = Arc::new(Inner {
            config: Arc::new(config),
            log: Mutex::default(),
            on_request: Box::new(on_request),
            on_accept: Box::new(on_accept),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            for (connection, tcp) in listener.incoming().enumerate() {
                let (Ok(tcp), shared) = (tcp, Arc::clone(&shared)) else { continue };
                std::thread::spawn(move || {
                    // A client that goes away is no fault of the server's.
                    let _ = shared.serve(connection, tcp);
                });
            }
        });
        Self { inner, port, folder }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}/", self.port)
    }

    /// The certificate's file.
    pub(crate) fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The key's file.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.inner.log.lock().unwrap()
    }

    /// The log so far, by arrival.
    pub(crate) fn log(&self) -> Vec<Entry> {
        let mut log = self.lock().clone();
        log.sort_by_key(|entry| entry.arrived);
        log
    }

    /// Requests seen so far.
    pub(crate) fn seen(&self) -> u64 {
        self.lock().len() as u64
    }

    /// Waits until `n` requests have been seen.
    pub(crate) fn await_requests(&self, n: u64) {
        let begun = Instant::now();
        while self.seen() < n {
            assert!(begun.elapsed() < Duration::from_secs(20), "only {} of {n} requests came", self.seen());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Inner {
    fn serve(&self, connection: usize, mut tcp: TcpStream) -> io::Result<()> {
        tcp.set_nodelay(true)?;
        if !(self.on_accept)(connection, &mut tcp) {
            return Ok(());
        }
        let mut tls = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        while read_head(&mut tls, &mut tcp)? {
            let arrived = Instant::now();
            let index = {
                let mut log = self.log.lock().unwrap();
                log.push(Entry { connection, arrived, completed: None });
                log.len() - 1
            };
            let suite = tls.negotiated_cipher_suite().expect("the handshake is complete").suite();
            let bytes = match (self.on_request)(Request { index, connection, arrived, suite }) {
                Answer::Send(bytes) => bytes,
                Answer::Close { bytes, notify } => {
                    send(&mut tls, &mut tcp, &bytes)?;
                    if notify {
                        tls.send_close_notify();
                    }
                    flush(&mut tls, &mut tcp)?;
                    // In order: an end that is no reset, however much the client has still to say.
                    tcp.shutdown(std::net::Shutdown::Write)?;
                    return wait_for_the_end(&mut tcp);
                }
                Answer::Abandon { bytes, after } => {
                    send(&mut tls, &mut tcp, &bytes)?;
                    self.complete(index);
                    std::thread::sleep(after);
                    return Ok(());
                }
                Answer::Reset => {
                    rustix::net::sockopt::set_socket_linger(&tcp, Some(Duration::ZERO))?;
                    return Ok(());
                }
                Answer::Hang => return wait_for_the_end(&mut tcp),
            };
            send(&mut tls, &mut tcp, &bytes)?;
            self.complete(index);
        }
        Ok(())
    }

    fn complete(&self, index: usize) {
        let now = Instant::now();
        self.log.lock().unwrap()[index].completed = Some(now);
    }
}

/// Reads one request head, to its empty line, and forgets what came of a body with it; false at the connection's end.
fn read_head(tls: &mut ServerConnection, tcp: &mut TcpStream) -> io::Result<bool> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match tls.reader().read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(read) => head.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if head.windows(4).any(|end| end == b"\r\n\r\n") {
            return Ok(true);
        }
        flush(tls, tcp)?;
        if tls.read_tls(tcp)? == 0 {
            return Ok(false);
        }
        if let Err(error) = tls.process_new_packets() {
            flush(tls, tcp)?;
            return Err(io::Error::other(error));
        }
    }
}

fn send(tls: &mut ServerConnection, tcp: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    tls.writer().write_all(bytes)?;
    flush(tls, tcp)
}

fn flush(tls: &mut ServerConnection, tcp: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(tcp)?;
    }
    Ok(())
}

/// Reads and forgets until the client has closed.
pub(crate) fn wait_for_the_end(tcp: &mut TcpStream) -> io::Result<()> {
    io::copy(tcp, &mut io::sink()).map(|_| ())
}
