//! A chain with its revocation lists and stapled response, as the audit looks at them: any bytes, and nothing good may come out that
//! nobody signed.

use shakedown::certs::{Context, Crl, CrlStatus, Inspection, Roots, Staple, inspect};
use shakedown::model::survey::SentChain;
use time::macros::datetime;

/// A root. Its key and that of the one authority below it are gone; each signed one certificate, one list that revokes it, and the
/// authority also a response that says so.
const ROOT: &[u8] = include_bytes!("../../fuzz/seeds/chain/root");
/// All of that, one after the other: the server's certificate, the authority's, the two lists, the response.
const SEED: &[u8] = include_bytes!("../../fuzz/seeds/chain/revoked");

/// The property: no panic, no path that does not begin with the certificate that was signed (or that is trusted as it is), and "not revoked" of nothing.
pub(crate) fn check(input: &[u8]) {
    let pieces = pieces(input);
    // What the bytes are for is tried in all ways.
    let crls: Vec<Crl> = pieces.iter().filter_map(|piece| Crl::from_bytes(piece).ok()).flatten().collect();
    let _ = (Crl::from_bytes(input), Roots::from_bytes(input));
    let Some(found) = look(&pieces, &crls) else { return };
    if found.path.is_trusted() {
        assert!(SEED.starts_with(pieces[0]) || pieces[0] == ROOT, "a certificate that nobody signed is trusted");
    }
    for cert in &found.certificates {
        assert!(!matches!(cert.crl, CrlStatus::NotRevoked { .. }), "{:?}", cert.crl);
        let texts = [&cert.facts.subject, &cert.facts.issuer, &cert.facts.signature_algorithm];
        let texts =
            texts.into_iter().chain(&cert.facts.dns_names).chain(&cert.facts.crl_urls).chain(&cert.facts.ocsp_urls);
        assert!(texts.into_iter().flat_map(|text| text.chars()).all(|c| !c.is_control()), "{:?}", cert.facts);
    }
    assert!(!matches!(found.staple, Staple::Good { .. }), "{:?}", found.staple);
    if input == SEED {
        assert!(found.path.is_trusted() && found.names.san_match && matches!(found.staple, Staple::Revoked(_)));
        let revoked = |at: usize| matches!(found.certificates[at].crl, CrlStatus::Revoked(_));
        assert!(revoked(0) && revoked(1), "{found:?}");
    }
}

/// All pieces as the chain, and the last as the response; `None` where there is nothing to look at.
fn look(pieces: &[&[u8]], crls: &[Crl]) -> Option<Inspection> {
    let chain = SentChain {
        key: None,
        certificates: pieces.iter().map(|piece| piece.to_vec()).collect(),
        staples: pieces.last().map(|piece| piece.to_vec()).into_iter().collect(),
    };
    let (host, trust) = ("server.example".parse().unwrap(), Roots::from_bytes(ROOT).unwrap());
    let context = Context { host: &host, trust: &trust, crls, now: datetime!(2030-06-15 12:00 UTC) };
    inspect(&chain, &context).ok()
}

/// Cuts `input` where its values in DER end; what is no value is the last piece.
fn pieces(input: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        let length = match rest {
            [_, 0x82, high, low, ..] => 4 + usize::from(u16::from_be_bytes([*high, *low])),
            [_, 0x81, length, ..] => 3 + usize::from(*length),
            [_, length @ ..=0x7f, ..] => 2 + usize::from(*length),
            _ => rest.len(),
        };
        let (piece, more) = rest.split_at(length.min(rest.len()));
        found.push(piece);
        rest = more;
    }
    found
}
