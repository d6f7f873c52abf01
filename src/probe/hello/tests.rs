//! Every hello is well formed: its lengths agree, and it offers what was to be offered.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::model::suite::KeyType;

/// Takes `width` bytes of length, and what they count.
fn counted<'b>(bytes: &mut &'b [u8], width: usize) -> &'b [u8] {
    let (length, rest) = bytes.split_at(width);
    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let (content, rest) = rest.split_at(length);
    *bytes = rest;
    content
}

/// The suites of a hello and the codes of its extensions, with every length checked.
fn taken_apart(hello: &[u8]) -> (Vec<u16>, Vec<u16>) {
    let mut bytes = &hello[3..];
    let mut record = counted(&mut bytes, 2);
    assert!(bytes.is_empty());
    assert_eq!((hello[0], record[0]), (22, 1));
    record = &record[1..];
    let mut body = counted(&mut record, 3);
    assert!(record.is_empty());
    body = &body[34..];
    let _session = counted(&mut body, 1);
    let suites = counted(&mut body, 2).chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    assert!(!counted(&mut body, 1).is_empty());
    let mut codes = Vec::new();
    if !body.is_empty() {
        let mut extensions = counted(&mut body, 2);
        while !extensions.is_empty() {
            codes.push(u16::from_be_bytes([extensions[0], extensions[1]]));
            extensions = &extensions[2..];
            let mut content = counted(&mut extensions, 2);
            if codes.last() == Some(&51) {
                let mut shares = counted(&mut content, 2);
                while !shares.is_empty() {
                    shares = &shares[2..];
                    assert!(!counted(&mut shares, 2).is_empty());
                }
            }
        }
        assert!(body.is_empty());
    }
    (suites, codes)
}

proptest! {
    #[test]
    fn lengths_agree(
        version in select(Version::ALL.to_vec()),
        suites in proptest::collection::vec(any::<u16>().prop_map(SuiteCode), 1..200),
        sni in proptest::option::of("[a-z.]{1,253}"),
        shape in select(vec![Shape::Full, Shape::Lean, Shape::Bare]),
        schemes in select(vec![
            Schemes::All, Schemes::Main, Schemes::Only(KeyType::Rsa), Schemes::Only(KeyType::Ecdsa), Schemes::Other,
        ]),
        groups in select(vec![Groups::All, Groups::Main, Groups::Rare(2), Groups::One(0x19), Groups::Computed]),
        share in select(vec![Share::Empty, Share::Real]),
        deflate in any::<bool>(),
        alpn in select(vec![&[][..], &["h2"], &["h2", "http/1.1"]]),
    ) {
        let hello = Hello { version, suites, sni, shape, schemes, groups, share, deflate, alpn };
        let (suites, extensions) = taken_apart(&hello.encode(|| [9; 32]));
        prop_assert_eq!(suites, hello.suites.iter().map(|suite| suite.0).collect::<Vec<_>>());
        let has = |code: u16| extensions.contains(&code);
        let extended = shape != Shape::Bare;
        prop_assert_eq!(has(0), extended && hello.sni.is_some());
        prop_assert_eq!(has(43), extended && version == Version::Tls13);
        prop_assert_eq!(has(13), extended && version >= Version::Tls12);
        prop_assert_eq!(has(16), extended && !alpn.is_empty());
        let mut distinct = extensions.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), extensions.len());
    }
}
