//! What a server's certificates are worth: facts about a chain as it was sent, from its bytes and the time alone.
//!
//! Nothing here opens a socket or a file, and there is no clock: [`inspect`] is a function of what it is given. It judges nothing by a
//! policy; it says what holds. The path is webpki's, as in the load engine, whose rules about trust it shares
//! ([`crate::model::x509`]); revocation is looked up for each certificate by itself. What could not be decided has a name of its own, and
//! never reads as good. RFC 5280 (certificates, revocation lists), RFC 6960 (OCSP), RFC 9525 (names).

mod algorithms;
mod chain;
mod crl;
mod der;
mod facts;
mod names;
mod ocsp;
mod parsed;
mod path;
mod revoked;
mod roots;
mod signature;
#[cfg(test)]
mod testing;

pub use algorithms::{Key, MIN_RSA_BITS};
pub use chain::Order;
pub use crl::{Crl, CrlStatus, Undecided};
pub use facts::{Facts, Validity};
pub use names::{Mismatch, Names};
pub use ocsp::{Fault, Refused, Staple};
pub use path::{Broken, Path};
pub use revoked::{Reason, Revocation};
pub use roots::{Roots, Unreadable};

use time::OffsetDateTime;

use crate::model::survey::SentChain;
use crate::model::target::Host;
use chain::Links;
use parsed::{Parsed, clean};

/// The certificates of a chain that are looked at, from the first: each is checked against each, and a server may send any number.
pub const MOST: usize = 32;

/// Against what a chain is held.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The name or address for which the certificate must be.
    pub host: &'a Host,
    /// What is trusted.
    pub trust: &'a Roots,
    /// The revocation lists at hand.
    pub crls: &'a [Crl],
    /// The moment for which everything is told.
    pub now: OffsetDateTime,
}

/// What there is to say of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Each certificate that could be read, in the order in which they came; the server's own is the first.
    pub certificates: Vec<Inspected>,
    /// Those that could not be read, by position, and why. No path uses them.
    pub unreadable: Vec<(usize, String)>,
    /// How many came after the first [`MOST`], which were not looked at.
    pub ignored: usize,
    /// How they stand.
    pub order: Order,
    /// Where they lead.
    pub path: Path,
    /// Whether the server's own is for the host.
    pub names: Names,
    /// What the stapled OCSP response says of the server's own; where several were sent, the worst of them.
    pub staple: Staple,
}

/// One certificate of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Where it stood in what was sent; 0 is the server's own.
    pub position: usize,
    /// What it says of itself.
    pub facts: Facts,
    /// Whether it is valid in time.
    pub validity: Validity,
    /// What the revocation lists say of it.
    pub crl: CrlStatus,
}

impl Inspection {
    /// The server's own certificate.
    pub fn leaf(&self) -> &Inspected {
        &self.certificates[0]
    }
}

/// Why there is nothing to say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Nothing {
    /// No certificate was sent.
    #[error("the server sent no certificate")]
    NoCertificate,
    /// The server's own certificate cannot be read; why.
    #[error("the server's certificate cannot be read: {0}")]
    Unreadable(String),
}

/// Looks at a chain. Any bytes may be in it.
pub fn inspect(chain: &SentChain, context: &Context<'_>) -> Result<Inspection, Nothing> {
    let (mut certs, mut unreadable) = (Vec::new(), Vec::new());
    for (position, der) in chain.certificates.iter().enumerate().take(MOST) {
        match Parsed::read(position, der) {
            Ok(cert) => certs.push(cert),
            Err(cause) if position == 0 => return Err(Nothing::Unreadable(clean(&cause))),
            Err(cause) => unreadable.push((position, clean(&cause))),
        }
    }
    let Some(leaf) = certs.first() else { return Err(Nothing::NoCertificate) };
    let links = Links::new(&certs);
    let inspected = |(at, cert): (usize, &Parsed<'_>)| {
        let issuer = links.issuer(&certs, at, context.trust);
        Inspected {
            position: cert.position,
            facts: Facts::of(cert),
            validity: facts::validity(cert, context.now),
            crl: match links.signed_itself(at) {
                true => CrlStatus::Root,
                false => crl::status(context.crls, cert, issuer.as_ref(), context.now),
            },
        }
    };
    let certificates: Vec<_> = certs.iter().enumerate().map(inspected).collect();
    let issuer = links.issuer(&certs, 0, context.trust);
    Ok(Inspection {
        names: names::names(leaf.der, &certificates[0].facts, context.host),
        staple: ocsp::worst(&chain.staples, leaf, issuer.as_ref(), context.now),
        order: links.order(&certs),
        path: path::find(&certs, &links, context.trust, context.now),
        ignored: chain.certificates.len().saturating_sub(MOST),
        certificates,
        unreadable,
    })
}
