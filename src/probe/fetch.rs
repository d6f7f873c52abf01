//! A file over plain HTTP, as certificates name the places of revocation lists: one GET, bounded in time and size.
//!
//! The request is HTTP/1.0, so that the answer ends with the connection and has no transfer coding.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// The largest file that is read. Lists of large authorities have a few MiB.
const MAX_BYTES: usize = 32 << 20;

/// The most header lines of an answer.
const MAX_HEADERS: usize = 64;

/// Fetches `url`.
///
/// # Errors
/// Why it could not be fetched, in words.
pub fn fetch(url: &str, timeout: Duration) -> Result<Vec<u8>, String> {
    let deadline = Instant::now() + timeout;
    let parsed = url::Url::parse(url).map_err(|error| format!("{url} is no URL: {error}"))?;
    if parsed.scheme() != "http" {
        return Err(format!("{url} is not http://, and no other scheme is fetched"));
    }
    let host = parsed.host_str().ok_or_else(|| format!("{url} names no host"))?;
    let addresses = (host.trim_matches(['[', ']']), parsed.port().unwrap_or(80)).to_socket_addrs();
    let address = addresses.map_err(|error| format!("{host}: {error}"))?.next();
    let address = address.ok_or_else(|| format!("{host} has no address"))?;
    let io = |error: std::io::Error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("{url}: no answer in time"),
        _ => format!("{url}: {error}"),
    };
    let mut stream = TcpStream::connect_timeout(&address, timeout).map_err(io)?;
    let path = &parsed[url::Position::BeforePath..url::Position::AfterQuery];
    let authority = &parsed[url::Position::BeforeHost..url::Position::AfterPort];
    let request = format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\nAccept: */*\r\n\r\n");
    stream.set_write_timeout(Some(timeout)).map_err(io)?;
    stream.write_all(request.as_bytes()).map_err(io)?;
    let answer =
        read_to_end(&mut stream, deadline).map_err(io)?.ok_or_else(|| format!("{url}: more than {MAX_BYTES} bytes"))?;
    content(&answer).map(<[u8]>::to_vec).map_err(|why| format!("{url}: {why}"))
}

/// All that comes until the end; `None` where that is too much.
fn read_to_end(stream: &mut TcpStream, deadline: Instant) -> std::io::Result<Option<Vec<u8>>> {
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer)? {
            0 => return Ok(Some(answer)),
            _ if answer.len() > MAX_BYTES => return Ok(None),
            n => answer.extend_from_slice(&buffer[..n]),
        }
    }
}

/// The content of a whole answer with status 200.
fn content(answer: &[u8]) -> Result<&[u8], String> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(len) =
        head.parse(answer).map_err(|error| format!("the answer is not HTTP: {error}"))?
    else {
        return Err("the answer ends within its head".to_owned());
    };
    let status = head.code.unwrap_or_default();
    if status != 200 {
        return Err(format!("status {status}"));
    }
    let body = &answer[len..];
    for header in head.headers.iter() {
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("an answer to HTTP/1.0 has a transfer coding".to_owned());
        }
        if header.name.eq_ignore_ascii_case("content-length") {
            let stated = std::str::from_utf8(header.value).ok().and_then(|value| value.trim().parse().ok());
            if stated != Some(body.len()) {
                return Err(format!("{} bytes came, which is not the Content-Length", body.len()));
            }
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use proptest::prelude::*;

    use super::*;

    const ENOUGH: Duration = Duration::from_secs(10);

    /// A server that answers one connection, and the URL of a file there.
    fn serve(answer: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/ca.crl?x=1", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let n = stream.read(&mut request).unwrap();
            assert!(request[..n].starts_with(b"GET /ca.crl?x=1 HTTP/1.0\r\nHost: 127.0.0.1:"));
            stream.write_all(answer).unwrap();
        });
        url
    }

    #[test]
    fn a_file_is_fetched_whole_or_not_at_all() {
        assert_eq!(fetch(&serve(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), ENOUGH).unwrap(), b"abc");
        assert_eq!(fetch(&serve(b"HTTP/1.0 200 OK\r\n\r\nabc"), ENOUGH).unwrap(), b"abc");
        for (answer, why) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc"[..], "not the Content-Length"),
            (b"HTTP/1.1 404 Not Found\r\n\r\n", "status 404"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "transfer coding"),
            (b"HTTP/1.1 200", "within its head"),
            (b"\x30\x82\x01\x00", "not HTTP"),
        ] {
            let error = fetch(&serve(answer), ENOUGH).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn only_plain_http_is_fetched() {
        for url in ["https://127.0.0.1/x", "ldap://127.0.0.1/x", "file:///etc/passwd", "x"] {
            assert!(fetch(url, ENOUGH).is_err(), "{url}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(answer in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = content(&answer);
        }
    }
}
