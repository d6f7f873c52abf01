//! A few lines of HTTP/1.1 for the figures of a run: one request to a connection, one connection at a time, all of it bounded in length and time.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest head of a request that is read.
const MAX_HEAD: usize = 8 << 10;

/// The most header fields.
const MAX_HEADERS: usize = 64;

/// How long a client may take, from its connection to the end of the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait when no connection can be accepted: a load that uses up all descriptors must not get a thread that turns in a circle.
const RESPITE: Duration = Duration::from_millis(100);

/// Where to listen, as the user wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether others than this machine may be let in.
    pub anywhere: bool,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum CannotListen {
    /// The address is not this machine's alone.
    #[error(
        "{0} can be reached from elsewhere: the figures of a run are for this machine alone, such as 127.0.0.1, unless --listen-anywhere says otherwise"
    )]
    NotLoopback(SocketAddr),
    /// The system refused.
    #[error("cannot listen at {0}: {1}")]
    Refused(SocketAddr, io::Error),
}

/// What is answered: a media type and a body; `None` where there is no such path.
pub type Answer = dyn Fn(&str) -> Option<(&'static str, Vec<u8>)> + Send + Sync;

/// The server, whose thread ends with this.
pub struct Server {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves what `answer` has.
    ///
    /// # Errors
    /// [`CannotListen`].
    pub fn start(listen: Listen, answer: Arc<Answer>) -> Result<Self, CannotListen> {
        if !listen.address.ip().is_loopback() && !listen.anywhere {
            return Err(CannotListen::NotLoopback(listen.address));
        }
        let refused = |error| CannotListen::Refused(listen.address, error);
        let listener = TcpListener::bind(listen.address).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let ended = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&ended);
        let thread = std::thread::Builder::new().name("live".to_owned()).spawn(move || {
            for client in listener.incoming() {
                if until.load(Ordering::SeqCst) {
                    return;
                }
                match client {
                    // A client that goes away, or asks for nothing, is its own affair.
                    Ok(client) => drop(serve(client, listen.anywhere, &*answer)),
                    Err(_) => std::thread::sleep(RESPITE),
                }
            }
        });
        Ok(Self { address, ended, thread: Some(thread.map_err(refused)?) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // It waits for a connection; this is the last one. An address that stands for all is reached by the loopback one.
        let ip = match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            ip => ip,
        };
        if TcpStream::connect_timeout(&SocketAddr::new(ip, self.address.port()), PATIENCE).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn serve(mut client: TcpStream, anywhere: bool, answer: &Answer) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let head = read_head(&mut client, deadline)?;
    let response = respond(&head, anywhere, answer);
    send(&mut client, &response, deadline)?;
    client.shutdown(std::net::Shutdown::Write)?;
    // What a client still sends is read, for a little while: closing over it would reset what it has not read yet.
    client.set_read_timeout(Some(Duration::from_millis(100)))?;
    let _ = client.read(&mut [0; 256]);
    Ok(())
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Sends `response`, all of it by `deadline`: a timeout of the socket alone begins anew with each piece that a slow reader takes.
fn send(client: &mut TcpStream, mut response: &[u8], deadline: Instant) -> io::Result<()> {
    while !response.is_empty() {
        client.set_write_timeout(Some(left(deadline)?))?;
        match client.write(response)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => response = &response[n..],
        }
    }
    Ok(())
}

fn read_head(client: &mut TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while head.len() < MAX_HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        client.set_read_timeout(Some(left(deadline)?))?;
        match client.read(&mut buffer)? {
            0 => break,
            n => head.extend_from_slice(&buffer[..n]),
        }
    }
    Ok(head)
}

/// The whole response to `head`.
fn respond(head: &[u8], anywhere: bool, answer: &Answer) -> Vec<u8> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut fields);
    let plain = |status, text: &str| response(status, "text/plain; charset=utf-8", text.as_bytes(), true);
    if !matches!(request.parse(head), Ok(httparse::Status::Complete(_))) {
        return plain("400 Bad Request", "this is no HTTP/1.1 request\n");
    }
    let with_body = match request.method {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return plain("405 Method Not Allowed", "GET and HEAD alone\n"),
    };
    let host = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case("host"));
    let host = host.map(|field| std::str::from_utf8(field.value).unwrap_or("?"));
    // A page elsewhere can have its own name lead here, and would then read what is answered. A browser always says by which name it came.
    if !anywhere && host.is_some_and(|host| !is_local(host)) {
        return plain("421 Misdirected Request", "the Host header names no address of this machine\n");
    }
    let path = request.path.unwrap_or_default();
    match answer(path.split('?').next().unwrap_or_default()) {
        Some((media, body)) => response("200 OK", media, &body, with_body),
        None => plain("404 Not Found", "here are / and /metrics\n"),
    }
}

/// Whether `host`, with a port or without, names this machine as only it can be named by itself.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The page brings a policy of its own, which cannot say who may frame it: only a header can.
fn response(status: &str, media: &str, body: &[u8], with_body: bool) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {media}\r\ncontent-length: {}\r\nconnection: close\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\ncontent-security-policy: frame-ancestors 'none'\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), if with_body { body } else { &[] }].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(path: &str) -> Option<(&'static str, Vec<u8>)> {
        (path == "/metrics").then(|| ("text/plain", b"42\n".to_vec()))
    }

    fn status(head: &str) -> String {
        let response = String::from_utf8(respond(head.as_bytes(), false, &answer)).unwrap();
        response.split(' ').nth(1).unwrap().to_owned()
    }

    #[test]
    fn only_what_is_there_is_answered_and_only_to_this_machine() {
        assert_eq!(status("GET /metrics HTTP/1.1\r\nHost: localhost:9090\r\n\r\n"), "200");
        assert_eq!(status("GET /metrics?x=1 HTTP/1.1\r\nhost: [::1]:9090\r\n\r\n"), "200");
        assert_eq!(status("GET /../etc HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), "404");
        assert_eq!(status("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n"), "421");
        assert_eq!(status("GET /metrics HTTP/1.1\r\nHost: localhost.evil.example\r\n\r\n"), "421");
        assert_eq!(status("GET /metrics HTTP/1.0\r\n\r\n"), "200");
        assert_eq!(status("POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"), "405");
        assert_eq!(status("\x16\x03\x01"), "400");
        let head = respond(b"HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", false, &answer);
        assert!(head.ends_with(b"\r\n\r\n") && String::from_utf8_lossy(&head).contains("content-length: 3"));
        assert!(String::from_utf8_lossy(&head).contains("\r\ncontent-security-policy: frame-ancestors 'none'\r\n"));
    }

    proptest! {
        #[test]
        fn no_request_is_too_strange(head in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(respond(&head, false, &answer).starts_with(b"HTTP/1.1 4"));
        }
    }

    #[test]
    fn it_listens_where_it_is_told_and_ends() {
        let listen = |address: &str, anywhere| Listen { address: address.parse().unwrap(), anywhere };
        assert!(matches!(
            Server::start(listen("0.0.0.0:0", false), Arc::new(answer)),
            Err(CannotListen::NotLoopback(_))
        ));
        let server = Server::start(listen("127.0.0.1:0", false), Arc::new(answer)).unwrap();
        let address = server.address();
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n42\n"), "{text}");
        assert!(matches!(
            Server::start(Listen { address, anywhere: false }, Arc::new(answer)),
            Err(CannotListen::Refused(..))
        ));
        drop(server);
        assert!(TcpListener::bind(address).is_ok(), "the port is free again");
        drop(Server::start(listen("0.0.0.0:0", true), Arc::new(answer)).unwrap());
    }

    /// Far more than the buffers of two sockets hold.
    fn long_answer(_: &str) -> Option<(&'static str, Vec<u8>)> {
        Some(("text/plain", vec![b'x'; 64 << 20]))
    }

    #[test]
    fn a_reader_that_never_finishes_does_not_hold_up_the_end() {
        let listen = Listen { address: "127.0.0.1:0".parse().unwrap(), anywhere: false };
        let server = Server::start(listen, Arc::new(long_answer)).unwrap();
        let mut client = TcpStream::connect(server.address()).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let reader = std::thread::spawn(move || {
            // Enough at a time for the server to get rid of a piece whenever it has nearly lost patience.
            let (mut buffer, mut taken) = (vec![0; 1 << 20], 0);
            while !until.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(500));
                match client.read(&mut buffer) {
                    Ok(n) if n > 0 => taken += n,
                    _ => break,
                }
            }
            taken
        });
        std::thread::sleep(Duration::from_millis(200));
        drop(server);
        over.store(true, Ordering::SeqCst);
        let taken = reader.join().unwrap();
        assert!(taken > 0 && taken < 48 << 20, "{taken}: the server waited until a slow reader had it all");
    }
}
