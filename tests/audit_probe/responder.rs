//! A server of raw bytes: it reads a ClientHello and answers as a script says, with suites and versions that no library speaks.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use shakedown::model::registry::SuiteCode;
use shakedown::model::survey::Version;

/// What a ClientHello offers.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    pub(crate) version: u16,
    pub(crate) suites: Vec<u16>,
    pub(crate) groups: Vec<u16>,
    pub(crate) schemes: Vec<u16>,
    pub(crate) sni: bool,
    /// Bytes in all.
    pub(crate) length: usize,
}

/// What a server answers, and how it ends.
pub(crate) enum Script {
    /// These bytes, then an orderly end.
    Say(Vec<u8>),
    /// These bytes one after the other, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// A TCP reset.
    Reset,
    /// Nothing, until the client goes.
    Hang,
}

/// A server that behaves as its script says; its threads end with the test's process.
pub(crate) struct Responder {
    pub(crate) address: SocketAddr,
}

impl Responder {
    /// `script` is given the connection's number, from 0, and what its hello offers.
    pub(crate) fn start(script: impl Fn(usize, &Offer) -> Script + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(script);
        std::thread::spawn(move || {
            for (nth, socket) in listener.incoming().enumerate() {
                let (Ok(socket), script) = (socket, Arc::clone(&script)) else { continue };
                std::thread::spawn(move || {
                    // A client that goes away is no fault of the server's.
                    let _ = serve(socket, |offer| script(nth, offer));
                });
            }
        });
        Self { address }
    }
}

fn serve(mut socket: TcpStream, script: impl Fn(&Offer) -> Script) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let mut header = [0; 5];
    socket.read_exact(&mut header)?;
    let mut body = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
    socket.read_exact(&mut body)?;
    match script(&offer(&body)) {
        Script::Say(bytes) => {
            socket.write_all(&bytes)?;
            socket.shutdown(Shutdown::Write)?;
        }
        Script::Drip(bytes, pause) => {
            for byte in bytes {
                std::thread::sleep(pause);
                socket.write_all(&[byte])?;
            }
        }
        Script::Reset => {
            rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
            return Ok(());
        }
        Script::Hang => {}
    }
    // Until the client has closed, too: no reset.
    let mut rest = Vec::new();
    socket.read_to_end(&mut rest).map(drop)
}

/// Takes what stands after its length in `width` bytes.
fn counted<'b>(bytes: &mut &'b [u8], width: usize) -> &'b [u8] {
    let (length, rest) = bytes.split_at(width);
    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let (content, rest) = rest.split_at(length);
    *bytes = rest;
    content
}

fn numbers(bytes: &[u8]) -> Vec<u16> {
    bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
}

fn offer(message: &[u8]) -> Offer {
    let mut body = &message[4..];
    let version = u16::from_be_bytes([body[0], body[1]]);
    body = &body[34..];
    counted(&mut body, 1);
    let suites = numbers(counted(&mut body, 2));
    counted(&mut body, 1);
    let (groups, schemes) = Default::default();
    let mut offer = Offer { version, suites, groups, schemes, sni: false, length: message.len() + 5 };
    if body.is_empty() {
        return offer;
    }
    let mut extensions = counted(&mut body, 2);
    while !extensions.is_empty() {
        let code = u16::from_be_bytes([extensions[0], extensions[1]]);
        extensions = &extensions[2..];
        let mut content = counted(&mut extensions, 2);
        match code {
            0 => offer.sni = true,
            10 => offer.groups = numbers(counted(&mut content, 2)),
            13 => offer.schemes = numbers(counted(&mut content, 2)),
            43 => offer.version = numbers(counted(&mut content, 1))[0],
            _ => {}
        }
    }
    offer
}

/// A record.
pub(crate) fn record(kind: u8, fragment: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1], &u16::try_from(fragment.len()).unwrap().to_be_bytes()[..], fragment].concat()
}

/// A fatal alert.
pub(crate) fn alert(description: u8) -> Vec<u8> {
    record(21, &[2, description])
}

/// A ServerHello, and in TLS 1.2 and before a ServerHelloDone, as handshake messages.
pub(crate) fn hello(version: u16, suite: u16) -> Vec<u8> {
    let mut body = version.min(0x0303).to_be_bytes().to_vec();
    body.extend([5; 32]);
    body.push(0);
    body.extend(suite.to_be_bytes());
    body.push(0);
    let mut done = vec![14, 0, 0, 0];
    if version == 0x0304 {
        let extensions = [0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 0x1d];
        body.extend([0, extensions.len() as u8]);
        body.extend(extensions);
        done.clear();
    }
    let mut message = vec![2];
    message.extend(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
    [message, body, done].concat()
}

/// What a server speaks: suites by version, in its order of preference.
#[derive(Clone)]
pub(crate) struct Truth(pub(crate) Vec<(Version, Vec<SuiteCode>)>);

impl Truth {
    pub(crate) fn new(versions: &[(Version, &[&str])]) -> Self {
        let parse = |names: &&[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
        Self(versions.iter().map(|(version, names)| (*version, parse(names))).collect())
    }

    /// As the prober should find it.
    pub(crate) fn suites(&self) -> super::Suites {
        self.0.iter().flat_map(|(version, suites)| suites.iter().map(|suite| (*version, *suite))).collect()
    }

    /// The suite that it would choose.
    pub(crate) fn choice(&self, offer: &Offer) -> Result<u16, u8> {
        let Some((_, suites)) = self.0.iter().find(|(version, _)| version.code() == offer.version) else {
            return Err(70);
        };
        suites.iter().map(|suite| suite.0).find(|suite| offer.suites.contains(suite)).ok_or(40)
    }

    /// The answer of a server that does everything right.
    pub(crate) fn answer(&self, offer: &Offer) -> Vec<u8> {
        match self.choice(offer) {
            Ok(suite) => record(22, &hello(offer.version, suite)),
            Err(description) => alert(description),
        }
    }
}
