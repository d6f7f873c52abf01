//! A server's certificate, as the audit of what was negotiated reads it: any bytes, and only a kind of key may come out.

use rustls::pki_types::CertificateDer;
use shakedown::model::suite::KeyType;
use shakedown::tls::peer::peer_key_type;

/// The property: no panic, and an answer that the algorithm's identifier bears out.
pub(crate) fn check(input: &[u8]) {
    // id-ecPublicKey, Ed25519, Ed448; rsaEncryption and RSASSA-PSS (RFC 3279, 2.3; RFC 8410, 3; RFC 4055, 1.2). Their contents alone: the
    // parser is lenient about what stands before them.
    let identifiers: [&[u8]; 5] = [
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1],
        &[0x2b, 0x65, 0x70],
        &[0x2b, 0x65, 0x71],
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1],
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10],
    ];
    let has = |identifiers: &[&[u8]]| identifiers.iter().any(|id| input.windows(id.len()).any(|bytes| bytes == *id));
    match peer_key_type(&CertificateDer::from(input)) {
        None => {}
        Some(KeyType::Ecdsa) => assert!(has(&identifiers[..3])),
        Some(KeyType::Rsa) => assert!(has(&identifiers[3..])),
    }
}
