//! The little that a server in the middle must know of TLS: what a ClientHello asks for, and how to answer one by hand.

/// What a client asks for in its first message.
#[derive(Debug, Clone)]
pub(crate) struct Hello {
    /// How many connections there were before this one.
    pub(crate) nth: usize,
    /// The length of the record, with its head, in bytes.
    pub(crate) length: usize,
    /// In the field that versions up to TLS 1.2 have.
    pub(crate) version: u16,
    pub(crate) suites: Vec<u16>,
    /// What the extension says, which only TLS 1.3 needs.
    pub(crate) supported_versions: Vec<u16>,
    /// The groups of key agreement.
    pub(crate) groups: Vec<u16>,
}

/// The extensions of interest (IANA "TLS ExtensionType Values").
const SUPPORTED_GROUPS: u16 = 10;
const SUPPORTED_VERSIONS: u16 = 43;

impl Hello {
    /// Reads a whole record; `None` where it is no ClientHello.
    pub(crate) fn parse(nth: usize, record: &[u8]) -> Option<Self> {
        let mut at = Bytes(record);
        if at.take(1)? != [22] {
            return None;
        }
        at.take(4)?;
        if at.take(1)? != [1] {
            return None;
        }
        at.take(3)?;
        let version = at.u16()?;
        at.take(32)?;
        let session = at.take(1)?[0];
        at.take(session.into())?;
        let suites = at.block()?.u16s();
        let compressions = at.take(1)?[0];
        at.take(compressions.into())?;
        let mut hello =
            Self { nth, length: record.len(), version, suites, supported_versions: Vec::new(), groups: Vec::new() };
        let mut extensions = at.block().unwrap_or(Bytes(&[]));
        while let (Some(kind), Some(body)) = (extensions.u16(), extensions.block()) {
            match kind {
                SUPPORTED_GROUPS => hello.groups = Bytes(body.0.get(2..)?).u16s(),
                SUPPORTED_VERSIONS => hello.supported_versions = Bytes(body.0.get(1..)?).u16s(),
                _ => {}
            }
        }
        Some(hello)
    }

    /// The highest version that it asks for.
    pub(crate) fn asks_for(&self) -> u16 {
        self.supported_versions.iter().copied().filter(|version| *version <= 0x0304).max().unwrap_or(self.version)
    }

    /// `record` as if it had offered no more than the first `most` suites.
    pub(crate) fn shortened(record: &[u8], most: usize) -> Vec<u8> {
        // Before the suites come 5 bytes of record head, 4 of message head, version, random and the session identifier.
        let at = 44 + usize::from(record[43]);
        let count = usize::from(u16::from_be_bytes([record[at], record[at + 1]])) / 2;
        let kept = most.min(count);
        let mut short = [&record[..at + 2 + 2 * kept], &record[at + 2 + 2 * count..]].concat();
        short[at..at + 2].copy_from_slice(&((2 * kept) as u16).to_be_bytes());
        let length = short.len();
        short[3..5].copy_from_slice(&((length - 5) as u16).to_be_bytes());
        short[7..9].copy_from_slice(&((length - 9) as u16).to_be_bytes());
        short
    }

    pub(crate) fn offers(&self, suite: u16) -> bool {
        self.suites.contains(&suite)
    }
}

struct Bytes<'b>(&'b [u8]);

impl<'b> Bytes<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn block(&mut self) -> Option<Self> {
        let length = self.u16()?;
        self.take(length.into()).map(Bytes)
    }

    fn u16s(&self) -> Vec<u16> {
        self.0.chunks_exact(2).map(|two| u16::from_be_bytes([two[0], two[1]])).collect()
    }
}

/// A handshake record with a ServerHello that chooses `suite` in `version`, which is at most TLS 1.2, and nothing after it.
pub(crate) fn server_hello(version: u16, suite: u16) -> Vec<u8> {
    let [major, minor] = version.to_be_bytes();
    let mut body = vec![major, minor];
    body.extend([0x5a; 32]);
    body.push(0);
    body.extend(suite.to_be_bytes());
    body.push(0);
    let mut message = vec![2, 0, 0, body.len() as u8];
    message.extend(body);
    let mut record = vec![22, major, minor, 0, message.len() as u8];
    record.extend(message);
    record
}

/// A record with a fatal alert.
pub(crate) fn alert(description: u8) -> Vec<u8> {
    vec![21, 3, 3, 0, 2, 2, description]
}
