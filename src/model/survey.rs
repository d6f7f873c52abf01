//! What an endpoint answered when it was asked what it accepts: the observations of an audit, before any policy judges them.

use std::fmt;
use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registry::SuiteCode;
use super::suite::KeyType;

/// A protocol version that a server can be asked for, refused ones included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Version {
    /// SSL 3.0, RFC 6101.
    #[serde(rename = "SSLv3")]
    Ssl3,
    /// TLS 1.0, RFC 2246.
    #[serde(rename = "TLSv1.0")]
    Tls10,
    /// TLS 1.1, RFC 4346.
    #[serde(rename = "TLSv1.1")]
    Tls11,
    /// TLS 1.2, RFC 5246.
    #[serde(rename = "TLSv1.2")]
    Tls12,
    /// TLS 1.3, RFC 8446.
    #[serde(rename = "TLSv1.3")]
    Tls13,
}

impl Version {
    /// All five, oldest first.
    pub const ALL: [Self; 5] = [Self::Ssl3, Self::Tls10, Self::Tls11, Self::Tls12, Self::Tls13];

    /// The two bytes that stand for the version in a hello.
    pub fn code(self) -> u16 {
        match self {
            Self::Ssl3 => 0x0300,
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    /// The name in documents, such as `TLSv1.2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ssl3 => "SSLv3",
            Self::Tls10 => "TLSv1.0",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A refusal that can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// A fatal alert with this description (RFC 8446, 6).
    Alert(u8),
    /// The server closed cleanly without an alert, and is known to answer so whatever it refuses.
    Close,
    /// The server chose another version than the one that was asked for; its two bytes.
    OtherVersion(u16),
}

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// No answer in time, though the canary was answered.
    Timeout,
    /// The connection was reset, or closed in the middle of an answer.
    Reset,
    /// The server closed without a word, and is not known to refuse in that way.
    Closed,
    /// An alert that is no refusal in itself, and is not how the server is known to refuse; its description.
    Alert(u8),
    /// The server does not answer hellos of this many bytes as it answers shorter ones.
    TooLong(usize),
    /// No connection could be opened; the system's words.
    Connect(String),
    /// The canary, a hello that was accepted before, was no longer answered: the server throttles or has gone.
    Throttled,
    /// What came back is not TLS, or breaks the protocol; what was wrong.
    Garbage(String),
    /// The server chose what was not offered.
    Unoffered(String),
    /// The time or the number of connections that the audit may use was spent.
    Budget,
    /// The audit was interrupted.
    Interrupted,
}

/// One of the four outcomes of a question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Answer<T = ()> {
    /// The server took it.
    Accepted(T),
    /// The server refused it.
    Refused(Refusal),
    /// It cannot be told.
    Inconclusive(Trouble),
    /// It was not asked; why.
    NotAsked(&'static str),
}

/// Whether an accepted suite was also used for a whole handshake.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Confirmed {
    /// A full handshake with it succeeded.
    Yes,
    /// Neither rustls nor our CBC suites speak it: the server's choice in its hello is what is known.
    NotSpoken,
    /// The server chose it, but the handshake failed; why.
    Failed(String),
    /// It was left open whether a handshake succeeds.
    Unknown(Trouble),
}

/// A suite that the server chose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AcceptedSuite {
    /// In which version.
    pub version: Version,
    /// Which, registered or not.
    pub suite: SuiteCode,
    /// The kind of certificate that came with it; `None` where none was shown or the kind is another.
    pub certificate: Option<KeyType>,
    /// Whether it carried a whole handshake.
    pub confirmed: Confirmed,
}

/// A set of questions that stayed without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OpenQuestion {
    /// In which version.
    pub version: Version,
    /// The suites that are neither known to be accepted nor known to be refused; empty where the question was another.
    pub suites: Vec<SuiteCode>,
    /// What was asked, in words, such as "64 suites with an RSA certificate".
    pub question: String,
    /// Why there is no answer.
    pub trouble: Trouble,
}

/// Whose order of suites decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preference {
    /// The server's.
    Server,
    /// The client's.
    Client,
}

/// A certificate chain as the server sent it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SentChain {
    /// The kind of key in its first certificate; `None` where it is neither RSA nor an elliptic curve's.
    pub key: Option<KeyType>,
    /// The certificates in DER, in the order in which they came.
    pub certificates: Vec<Vec<u8>>,
    /// The OCSP responses that were stapled to the first of them, in DER: each different one once.
    pub staples: Vec<Vec<u8>>,
}

/// A fact that no rule of the bundled policies decides on, reported as information.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Trait {
    /// Such as `compression` or `secure_renegotiation`.
    pub name: &'static str,
    /// What was seen: `Accepted` holds it in words, such as "yes" or "h2, http/1.1".
    pub answer: Answer<String>,
}

/// Everything that was learnt at one address under one server name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The address and port.
    pub address: SocketAddr,
    /// The name in the SNI extension; `None`: the extension was left out.
    pub sni: Option<String>,
    /// Each version that was asked for.
    pub versions: Vec<(Version, Answer)>,
    /// Each suite that the server chose, by version and certificate.
    pub accepted: Vec<AcceptedSuite>,
    /// What stayed open about versions and suites. Where this is empty, every suite that is not in `accepted` was refused.
    pub open: Vec<OpenQuestion>,
    /// Whose order decides, by version.
    pub preference: Vec<(Version, Answer<Preference>)>,
    /// Groups by code, with IANA's name where there is one.
    pub groups: Vec<(u16, Answer)>,
    /// Information beyond versions, suites and groups.
    pub traits: Vec<Trait>,
    /// Each different chain that was sent.
    pub chains: Vec<SentChain>,
}

/// How much is asked at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Versions and suites, and the chains: what a policy decides on.
    Short,
    /// Also preference, groups and traits.
    Full,
}
