//! When and why a certificate was revoked, in the words of RFC 5280, 5.3.1, which OCSP shares (RFC 6960, 4.2.1).

use std::fmt;

use time::OffsetDateTime;

/// A revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// Since when.
    pub at: OffsetDateTime,
    /// Why, where the authority says so.
    pub reason: Option<Reason>,
}

/// Why a certificate was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reason(u8);

impl Reason {
    /// By the content of the value that stands for it; `None` where it is no such value.
    pub(super) fn read(enumerated: &[u8]) -> Option<Self> {
        match enumerated {
            [code] => Some(Self(*code)),
            _ => None,
        }
    }

    /// The name in RFC 5280, such as `keyCompromise`.
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "unspecified",
            1 => "keyCompromise",
            2 => "cACompromise",
            3 => "affiliationChanged",
            4 => "superseded",
            5 => "cessationOfOperation",
            6 => "certificateHold",
            8 => "removeFromCRL",
            9 => "privilegeWithdrawn",
            10 => "aACompromise",
            _ => "a reason that is not defined",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "revoked on {}", self.at.date())?;
        self.reason.map_or(Ok(()), |reason| write!(f, " ({reason})"))
    }
}
