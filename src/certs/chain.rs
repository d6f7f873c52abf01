//! The chain as it was sent: who certifies whom, and whether the order is right.

use std::collections::VecDeque;

use super::parsed::Parsed;
use super::roots::Roots;
use super::signature::Checked;

/// How the certificates stand that were sent. Positions count from 0, the server's own certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Whether each certificate certifies the one before it (RFC 5246, 7.4.2), or, where an authority has several certificates, another
    /// before it. Those in the next two lists are left out of account.
    pub in_order: bool,
    /// Those that were sent before.
    pub duplicates: Vec<usize>,
    /// Those that have no part in certifying the server's own.
    pub unrelated: Vec<usize>,
    /// Roots among the others: they may be left out, as a client must have them already.
    pub roots: Vec<usize>,
}

/// A key that signed a certificate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Issuer<'a> {
    /// The content of its Name.
    pub(super) name: &'a [u8],
    /// The content of its SubjectPublicKeyInfo.
    pub(super) spki: &'a [u8],
    /// Whether it may sign revocation lists.
    pub(super) may_sign_crls: bool,
}

/// Who certifies whom among the certificates that were sent; each by its place among those that could be read.
#[derive(Debug)]
pub(super) struct Links {
    above: Vec<Vec<Link>>,
}

/// That a certificate bears the issuer's name, and its signature as far as that can be checked.
#[derive(Debug)]
struct Link {
    to: usize,
    /// Whether the signature was checked, and is good.
    proven: bool,
}

impl Links {
    /// Checks each certificate against each that bears its issuer's name.
    pub(super) fn new(certs: &[Parsed<'_>]) -> Self {
        let link = |cert: &Parsed<'_>, to: usize, issuer: &Parsed<'_>| {
            if issuer.subject != cert.issuer {
                return None;
            }
            match cert.signed.check(issuer.spki) {
                Checked::Good => Some(Link { to, proven: true }),
                Checked::Bad => None,
                Checked::Unsupported(_) => Some(Link { to, proven: false }),
            }
        };
        let above = |cert| certs.iter().enumerate().filter_map(|(to, issuer)| link(cert, to, issuer)).collect();
        Self { above: certs.iter().map(above).collect() }
    }

    /// Whether the certificate is signed with its own key, which was checked.
    pub(super) fn signed_itself(&self, cert: usize) -> bool {
        self.above[cert].iter().any(|link| link.to == cert && link.proven)
    }

    /// Whether the certificate is signed with its own key, as far as that can be checked.
    pub(super) fn is_self_signed(&self, cert: usize) -> bool {
        self.above[cert].iter().any(|link| link.to == cert)
    }

    /// Whether one certifies the other.
    fn certifies(&self, issuer: usize, cert: usize) -> bool {
        self.above[cert].iter().any(|link| link.to == issuer)
    }

    /// The server's certificate, and all that certify it, directly or through others.
    fn ancestors(&self) -> Vec<bool> {
        let mut found = vec![false; self.above.len()];
        let mut open = VecDeque::from([0]);
        while let Some(cert) = open.pop_front() {
            if !std::mem::replace(&mut found[cert], true) {
                open.extend(self.above[cert].iter().map(|link| link.to));
            }
        }
        found
    }

    /// The last of the certificates that lead up from the server's own: one that signed itself, or that nothing sent certifies.
    pub(super) fn top(&self) -> usize {
        let mut seen = vec![0];
        let mut cert = 0;
        while !self.is_self_signed(cert) {
            let Some(next) = self.above[cert].iter().map(|link| link.to).find(|to| !seen.contains(to)) else { break };
            seen.push(next);
            cert = next;
        }
        cert
    }

    /// The key that provably signed the certificate: of one that was sent, or of a root.
    pub(super) fn issuer<'a>(&self, certs: &'a [Parsed<'_>], cert: usize, roots: &'a Roots) -> Option<Issuer<'a>> {
        let sent = self.above[cert].iter().find(|link| link.proven).map(|link| &certs[link.to]);
        let sent = sent.map(|sent| Issuer { name: sent.subject, spki: sent.spki, may_sign_crls: sent.may_sign_crls() });
        sent.or_else(|| {
            let signed = &certs[cert].signed;
            let named = roots.anchors.iter().filter(|anchor| anchor.subject.as_ref() == certs[cert].issuer);
            let mut named = named.filter(|anchor| signed.check(&anchor.subject_public_key_info) == Checked::Good);
            // What a root may sign is not told by an anchor.
            named.next().map(|anchor| Issuer {
                name: &anchor.subject,
                spki: &anchor.subject_public_key_info,
                may_sign_crls: true,
            })
        })
    }

    /// How the certificates stand.
    pub(super) fn order(&self, certs: &[Parsed<'_>]) -> Order {
        let ancestors = self.ancestors();
        let mut order = Order { in_order: true, duplicates: Vec::new(), unrelated: Vec::new(), roots: Vec::new() };
        let mut before = vec![0];
        for (cert, parsed) in certs.iter().enumerate().skip(1) {
            if certs[..cert].iter().any(|earlier| earlier.der == parsed.der) {
                order.duplicates.push(parsed.position);
            } else if !ancestors[cert] {
                order.unrelated.push(parsed.position);
            } else {
                if self.is_self_signed(cert) {
                    order.roots.push(parsed.position);
                }
                order.in_order &= before.iter().any(|earlier| self.certifies(cert, *earlier));
                before.push(cert);
            }
        }
        order
    }
}
