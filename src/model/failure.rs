//! How a request, a session or a connection can fail: one enum for all, with a detail as second level.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds of failure. Their serialized names are part of the documents' contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The host name has no address.
    Resolve,
    /// Nothing listens at the address.
    ConnectRefused,
    /// The TCP handshake did not end in time.
    ConnectTimeout,
    /// No route, or the network refused.
    ConnectUnreachable,
    /// The peer reset the connection.
    Reset,
    /// The peer closed before the answer began, or during the handshake.
    ClosedEarly,
    /// The peer closed in the middle of an answer, or without close_notify where that ends the body.
    Truncated,
    /// The peer sent a TLS alert; the detail names it.
    TlsAlert,
    /// The peer broke the TLS protocol, or a record failed authentication.
    TlsProtocol,
    /// The server's certificate was refused; the detail is the cause.
    Certificate,
    /// Version, suite, group, certificate type or ALPN other than what was asked for.
    NegotiatedOther,
    /// A resumption was asked for and the server made a full handshake.
    ResumptionRefused,
    /// What came back is not HTTP.
    HttpProtocol,
    /// The status is not one that counts as success; the detail is the status.
    Status,
    /// No complete answer within `--timeout`.
    Timeout,
    /// This machine ran out of ports.
    LocalPorts,
    /// This process ran out of descriptors.
    LocalDescriptors,
}

impl FailureKind {
    /// Every kind, in the order in which they are listed.
    pub const ALL: [Self; 17] = [
        Self::Resolve,
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::ConnectUnreachable,
        Self::Reset,
        Self::ClosedEarly,
        Self::Truncated,
        Self::TlsAlert,
        Self::TlsProtocol,
        Self::Certificate,
        Self::NegotiatedOther,
        Self::ResumptionRefused,
        Self::HttpProtocol,
        Self::Status,
        Self::Timeout,
        Self::LocalPorts,
        Self::LocalDescriptors,
    ];

    /// The name in documents, such as `connect_refused`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectUnreachable => "connect_unreachable",
            Self::Reset => "reset",
            Self::ClosedEarly => "closed_early",
            Self::Truncated => "truncated",
            Self::TlsAlert => "tls_alert",
            Self::TlsProtocol => "tls_protocol",
            Self::Certificate => "certificate",
            Self::NegotiatedOther => "negotiated_other",
            Self::ResumptionRefused => "resumption_refused",
            Self::HttpProtocol => "http_protocol",
            Self::Status => "status",
            Self::Timeout => "timeout",
            Self::LocalPorts => "local_ports",
            Self::LocalDescriptors => "local_descriptors",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One failure: its kind, and what distinguishes it within the kind (an alert's name, a certificate's cause, a status).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Failure {
    /// The kind.
    pub kind: FailureKind,
    /// The detail; empty where the kind says it all. Bounded in length, and free of control characters.
    detail: Cow<'static, str>,
}

/// The statuses in three digits each.
static STATUSES: [[u8; 3]; 1000] = {
    let mut texts = [[b'0'; 3]; 1000];
    let mut status = 0;
    while status < texts.len() {
        let digits = [status / 100, status / 10 % 10, status % 10];
        texts[status] = [b'0' + digits[0] as u8, b'0' + digits[1] as u8, b'0' + digits[2] as u8];
        status += 1;
    }
    texts
};

impl Failure {
    /// The longest detail kept, in characters: details may quote what a server sent.
    const MAX_DETAIL: usize = 200;

    /// A failure of `kind` with `detail`, which is cut and cleaned of control characters.
    pub fn new(kind: FailureKind, detail: impl AsRef<str>) -> Self {
        let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let detail: String = detail.as_ref().chars().take(Self::MAX_DETAIL).map(clean).collect();
        Self { kind, detail: detail.into() }
    }

    /// A status, 0 to 999, that does not count as success. Allocates nothing: a server may answer every request so.
    pub fn status(status: u16) -> Self {
        // Digits are always text; a status beyond three digits cannot be read from a head.
        let text = STATUSES.get(usize::from(status)).and_then(|digits| std::str::from_utf8(digits).ok());
        Self { kind: FailureKind::Status, detail: Cow::Borrowed(text.unwrap_or_default()) }
    }

    /// The detail; empty where the kind says it all.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<FailureKind> for Failure {
    fn from(kind: FailureKind) -> Self {
        Self { kind, detail: Cow::Borrowed("") }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() { self.kind.fmt(f) } else { write!(f, "{}: {}", self.kind, self.detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_serialized_ones() {
        for kind in FailureKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }

    #[test]
    fn a_status_is_its_three_digits() {
        for status in [100, 204, 503, 999] {
            let failure = Failure::status(status);
            assert_eq!((failure.kind, failure.detail()), (FailureKind::Status, status.to_string().as_str()));
            assert_eq!(failure, Failure::new(FailureKind::Status, status.to_string()));
        }
    }

    #[test]
    fn a_detail_is_bounded_and_clean() {
        let failure = Failure::new(FailureKind::HttpProtocol, "\x1b[31m".to_owned() + &"x".repeat(1000));
        assert_eq!(failure.detail().chars().count(), Failure::MAX_DETAIL);
        assert!(!failure.detail().contains('\x1b'));
    }
}
