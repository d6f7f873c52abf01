//! Reads a server's answer to a ClientHello, up to where encryption begins: any bytes in any pieces, and nothing is taken on trust.
//!
//! No sockets here. Records are put together before they are read, handshake messages are put together from records, and what comes out
//! does not depend on how the bytes were cut.

/// Most bytes that an answer may have; real ones have some thousand.
pub const MAX_ANSWER: usize = 1 << 18;

/// Most bytes in a record's fragment: 2^14, and 2048 where it is encrypted (RFC 5246, 6.2.3).
const MAX_FRAGMENT: usize = (1 << 14) + 2048;

/// The random value that makes a ServerHello a HelloRetryRequest (RFC 8446, 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11,
    0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;

/// What a ServerHello or a HelloRetryRequest chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerHello {
    /// The version by its two bytes: from supported_versions where it is there, or else the older field.
    pub version: u16,
    /// The suite by its two bytes.
    pub suite: u16,
    /// The method of compression; 0 is none.
    pub compression: u8,
    /// Whether it is a HelloRetryRequest.
    pub retry: bool,
    /// The group in key_share (TLS 1.3).
    pub group: Option<u16>,
    /// The codes of all its extensions.
    pub extensions: Vec<u16>,
    /// The protocol chosen by ALPN.
    pub alpn: Option<Vec<u8>>,
}

/// How the key is agreed on, from a ServerKeyExchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// A named group.
    Group(u16),
    /// Diffie-Hellman with a prime of the server's own.
    Prime(Vec<u8>),
}

/// An answer, as far as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flight {
    /// The server's hello.
    pub hello: Option<ServerHello>,
    /// The certificates as sent, in DER.
    pub certificates: Vec<Vec<u8>>,
    /// The stapled OCSP response, in DER.
    pub staple: Option<Vec<u8>>,
    /// The bytes of a ServerKeyExchange, which only the suite can explain.
    pub key_exchange: Option<Vec<u8>>,
    /// The first fatal alert, or a warning that the connection is closed, by its description.
    pub alert: Option<u8>,
}

/// What is wrong with an answer, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Garbage(pub String);

/// Puts an answer together.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes of a record that is not whole.
    pending: Vec<u8>,
    /// Bytes of a handshake message that is not whole.
    message: Vec<u8>,
    flight: Flight,
    seen: usize,
    ended: bool,
    failed: Option<Garbage>,
}

impl Reader {
    /// Takes what came next; whether all is there that can be read.
    ///
    /// # Errors
    /// [`Garbage`] where the bytes are not TLS, now and ever after. [`Reader::flight`] still has what came before.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<bool, Garbage> {
        if let Some(garbage) = &self.failed {
            return Err(garbage.clone());
        }
        self.pending.extend(bytes);
        while !self.ended {
            match self.record() {
                Ok(true) => {}
                Ok(false) => break,
                Err(garbage) => {
                    self.failed = Some(garbage.clone());
                    return Err(garbage);
                }
            }
        }
        Ok(self.ended)
    }

    /// What has been read.
    pub fn flight(&self) -> &Flight {
        &self.flight
    }

    /// The same, for keeps.
    pub fn into_flight(self) -> Flight {
        self.flight
    }

    /// Whether nothing came but warnings, all of them whole.
    pub fn is_silent(&self) -> bool {
        self.pending.is_empty() && self.message.is_empty() && self.flight == Flight::default()
    }

    /// Reads one record of `pending`; whether there was a whole one.
    fn record(&mut self) -> Result<bool, Garbage> {
        let Some((&[kind, major, _, high, low], rest)) = self.pending.split_first_chunk::<5>() else {
            return Ok(false);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(20..=24).contains(&kind) || major != 3 {
            return Err(not_tls(&[kind, major, 0, high, low], &self.pending));
        }
        if length > MAX_FRAGMENT {
            return Err(Garbage(format!("a record of {length} bytes")));
        }
        let Some(fragment) = rest.get(..length) else { return Ok(false) };
        let fragment = fragment.to_vec();
        self.pending.drain(..5 + length);
        self.seen += 5 + length;
        if self.seen > MAX_ANSWER {
            return Err(Garbage("an answer without end".to_owned()));
        }
        match kind {
            HANDSHAKE => self.handshake(&fragment)?,
            ALERT => self.alerts(&fragment)?,
            // Whatever else comes in the clear, such as a ChangeCipherSpec for middleboxes, is after the hello.
            _ if self.flight.hello.is_some() => self.ended = true,
            _ => return Err(Garbage("application data before a hello".to_owned())),
        }
        Ok(true)
    }

    fn alerts(&mut self, fragment: &[u8]) -> Result<(), Garbage> {
        let &[level, description] = fragment else {
            return Err(Garbage(format!("an alert of {} bytes", fragment.len())));
        };
        // A warning such as unrecognized_name is no answer; close_notify (0) is the end, whatever its level.
        if level != 1 || description == 0 {
            self.flight.alert = Some(description);
            self.ended = true;
        }
        Ok(())
    }

    fn handshake(&mut self, fragment: &[u8]) -> Result<(), Garbage> {
        self.message.extend(fragment);
        while let Some((&[kind, a, b, c], rest)) = self.message.split_first_chunk::<4>() {
            let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if length > MAX_ANSWER {
                return Err(Garbage(format!("a handshake message of {length} bytes")));
            }
            let Some(body) = rest.get(..length) else { break };
            let body = body.to_vec();
            self.message.drain(..4 + length);
            self.one_message(kind, &body)?;
            if self.ended {
                break;
            }
        }
        Ok(())
    }

    fn one_message(&mut self, kind: u8, body: &[u8]) -> Result<(), Garbage> {
        let broken = |what: &str| Garbage(format!("a broken {what}"));
        let flight = &mut self.flight;
        match (kind, &flight.hello) {
            // HelloRequest says nothing.
            (0, None) if body.is_empty() => {}
            (2, None) => {
                let hello = server_hello(body).ok_or_else(|| broken("ServerHello"))?;
                // From here TLS 1.3 is encrypted.
                self.ended = hello.version >= 0x0304;
                flight.hello = Some(hello);
            }
            (_, None) => return Err(Garbage(format!("handshake message {kind} before a hello"))),
            (11, Some(_)) => flight.certificates = certificates(body).ok_or_else(|| broken("Certificate"))?,
            (22, Some(_)) => flight.staple = staple(body).ok_or_else(|| broken("CertificateStatus"))?,
            (12, Some(_)) => flight.key_exchange = Some(body.to_vec()),
            (14, Some(_)) => self.ended = true,
            (2, Some(_)) => return Err(Garbage("a second hello".to_owned())),
            _ => {}
        }
        Ok(())
    }
}

impl Flight {
    /// How the key is agreed on, if the ServerKeyExchange is one of a suite with ECDHE, or of one with DHE (RFC 8422, 5.4; RFC 5246,
    /// 7.4.3).
    pub fn agreement(&self, elliptic: bool) -> Option<Agreement> {
        let body = self.key_exchange.as_deref()?;
        if elliptic {
            let &[3, high, low, ..] = body else { return None };
            return Some(Agreement::Group(u16::from_be_bytes([high, low])));
        }
        let prime = Bytes(body).counted(2)?;
        let leading = prime.iter().take_while(|byte| **byte == 0).count();
        Some(Agreement::Prime(prime[leading..].to_vec()))
    }
}

/// What these bytes may be, where they are not TLS.
fn not_tls(header: &[u8; 5], all: &[u8]) -> Garbage {
    let starts = |text: &[u8]| all.starts_with(text);
    let guess = if starts(b"HTTP/") || starts(b"<html") || starts(b"<!DOC") || starts(b"<HTML") {
        "not TLS but HTTP in the clear"
    } else if starts(b"SSH-") {
        "not TLS but SSH"
    } else if starts(b"220") || starts(b"* OK") || starts(b"+OK") {
        "not TLS but a mail or file server's greeting"
    } else if header[0] & 0x80 != 0 && header[2] == 0 && all.get(2) == Some(&4) {
        "an answer of SSL 2"
    } else {
        "not TLS"
    };
    Garbage(guess.to_owned())
}

/// Bytes that are read from the front.
struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn number(&mut self, width: usize) -> Option<usize> {
        Some(self.take(width)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    fn u16(&mut self) -> Option<u16> {
        self.number(2).and_then(|number| u16::try_from(number).ok())
    }

    /// What stands after its length in `width` bytes.
    fn counted(&mut self, width: usize) -> Option<&'b [u8]> {
        let count = self.number(width)?;
        self.take(count)
    }
}

fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let mut bytes = Bytes(body);
    let version = bytes.u16()?;
    let retry = bytes.take(32)? == RETRY;
    let session = bytes.counted(1)?;
    if session.len() > 32 {
        return None;
    }
    let suite = bytes.u16()?;
    let compression = *bytes.take(1)?.first()?;
    let mut hello = ServerHello { version, suite, compression, retry, group: None, extensions: Vec::new(), alpn: None };
    // A hello without extensions may end here (RFC 5246, 7.4.1.3).
    if bytes.0.is_empty() {
        return Some(hello);
    }
    let mut extensions = Bytes(bytes.counted(2)?);
    if !bytes.0.is_empty() {
        return None;
    }
    while !extensions.0.is_empty() {
        let code = extensions.u16()?;
        let mut content = Bytes(extensions.counted(2)?);
        match code {
            43 => hello.version = content.u16()?,
            51 => hello.group = Some(content.u16()?),
            16 => hello.alpn = Some(Bytes(content.counted(2)?).counted(1)?.to_vec()),
            _ => {}
        }
        hello.extensions.push(code);
    }
    Some(hello)
}

fn certificates(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut bytes = Bytes(body);
    let mut list = Bytes(bytes.counted(3)?);
    let mut found = Vec::new();
    while !list.0.is_empty() {
        found.push(list.counted(3)?.to_vec());
    }
    bytes.0.is_empty().then_some(found)
}

/// The OCSP response of a CertificateStatus (RFC 6066, 8): `None` inside where the status is of another type or empty.
fn staple(body: &[u8]) -> Option<Option<Vec<u8>>> {
    let mut bytes = Bytes(body);
    if bytes.number(1)? != 1 {
        return Some(None);
    }
    let response = bytes.counted(3)?;
    Some((!response.is_empty()).then(|| response.to_vec()))
}

#[cfg(test)]
mod tests;
