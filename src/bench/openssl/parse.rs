//! Reads what `openssl speed -mr` prints: lines that begin with `+F`, fields separated by colons.
//!
//! From `apps/speed.c`, alike in OpenSSL 1.1.1 and 3.0 to 3.5: `+F:<index>:<name>:<bytes per second>` for a cipher, with one figure for
//! each size of buffer; `+F2:<index>:<bits>:<sign per second>:<verify per second>` for RSA, where 3.2 and later add encryption; `+F4` in
//! the same way for ECDSA; `+F5:<index>:<bits>:<operations per second>:<seconds each>` for ECDH. With `-multi` the line of all processes
//! together is preceded by theirs, which begin with `Got:`.
//!
//! Strictly: one line of the kind, the bits that were asked for, figures that are above zero and finite. Anything else is no figure.

use crate::model::crypto::PublicKey;

/// The line of a cipher and its one figure, in bytes per second.
pub(super) fn cipher(output: &str) -> Option<(String, Vec<f64>)> {
    let (line, fields) = only_line(output, "+F")?;
    // A name may hold a colon nowhere: IANA and OpenSSL have none such.
    let [_index, name, bytes_per_s] = fields[..] else { return None };
    (!name.is_empty()).then_some(())?;
    Some((line.to_owned(), vec![figure(bytes_per_s)?]))
}

/// The line of a public-key algorithm and its figures, in operations per second.
pub(super) fn public_key(output: &str, algorithm: PublicKey) -> Option<(String, Vec<f64>)> {
    let (kind, bits, figures) = match algorithm {
        PublicKey::Rsa2048 => ("+F2", "2048", 2),
        PublicKey::EcdsaP256 => ("+F4", "256", 2),
        PublicKey::X25519 => ("+F5", "253", 1),
        PublicKey::P256 => ("+F5", "256", 1),
        PublicKey::P384 => ("+F5", "384", 1),
        PublicKey::MlKem768 => return None,
    };
    let (line, fields) = only_line(output, kind)?;
    // RSA's line may go on with what no handshake does; ECDH's ends with the reciprocal of its figure.
    let expected: &[usize] = if algorithm == PublicKey::Rsa2048 { &[4, 6] } else { &[4] };
    if !expected.contains(&fields.len()) || fields[1] != bits {
        return None;
    }
    let figures = fields[2..2 + figures].iter().map(|field| figure(field)).collect::<Option<Vec<f64>>>()?;
    Some((line.to_owned(), figures))
}

/// The line that begins with `kind` and its fields, if there is exactly one.
fn only_line<'o>(output: &'o str, kind: &str) -> Option<(&'o str, Vec<&'o str>)> {
    let mut found = output.lines().filter_map(|line| {
        let line = line.trim_end();
        Some((line, line.strip_prefix(kind)?.strip_prefix(':')?.split(':').collect::<Vec<_>>()))
    });
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// A number as `%f` prints it: digits, at most one point; above zero and finite.
fn figure(field: &str) -> Option<f64> {
    let plain = !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    field.parse().ok().filter(|value: &f64| plain && *value > 0.0 && value.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ciphers_of_3_0_are_read() {
        // OpenSSL 3.0.19, stdout.
        let printed = "+H:1024\n+F:25:AES-128-GCM:1643731968.00\n";
        assert_eq!(cipher(printed), Some(("+F:25:AES-128-GCM:1643731968.00".into(), vec![1_643_731_968.0])));
        let several = "Forked child 0\nForked child 1\nGot: +H:1024 from 0\nGot: +F:25:AES-128-GCM:788636672.00 from 0\n\
            Got: +H:1024 from 1\nGot: +F:25:AES-128-GCM:802175239.60 from 1\n+F:25:AES-128-GCM:1590811911.60\n";
        assert_eq!(cipher(several).unwrap().1, [1_590_811_911.6]);
    }

    #[test]
    fn ciphers_of_1_1_1_are_read() {
        assert_eq!(cipher("+H:16384\n+F:22:id-aes128-GCM:5031165952.00\n").unwrap().1, [5_031_165_952.0]);
    }

    #[test]
    fn public_keys_are_read() {
        // OpenSSL 3.0.19, one run each.
        for (algorithm, printed, expected) in [
            (PublicKey::Rsa2048, "+F2:2:2048:3316.000000:55659.000000\n", &[3316.0, 55659.0][..]),
            (PublicKey::EcdsaP256, "+F4:3:256:49060.000000:17966.000000\n", &[49060.0, 17966.0]),
            (PublicKey::P384, "+F5:4:384:1371.287129:0.000729\n", &[1371.287129]),
            (PublicKey::X25519, "+F5:22:253:31023.000000:0.000032\n", &[31023.0]),
            // As 3.2 and later have it: encryption and decryption follow.
            (PublicKey::Rsa2048, "+F2:2:2048:2075.2:71234.7:64000.1:2050.3\n", &[2075.2, 71234.7]),
        ] {
            let (line, figures) = public_key(printed, algorithm).unwrap_or_else(|| panic!("{printed}"));
            assert_eq!((line.as_str(), figures.as_slice()), (printed.trim_end(), expected));
        }
    }

    #[test]
    fn anything_else_is_no_figure() {
        for printed in [
            "",
            "+H:1024\n",
            "+F:25:AES-128-GCM\n",
            "+F:25:AES-128-GCM:\n",
            "+F:25:AES-128-GCM:0.00\n",
            "+F:25:AES-128-GCM:-5.00\n",
            "+F:25:AES-128-GCM:nan\n",
            "+F:25:AES-128-GCM:inf\n",
            "+F:25:AES-128-GCM:1e9\n",
            "+F:25:AES-128-GCM:1.0:2.0\n",
            "+F:25::1.0\n",
            "+F:1:A:1.0\n+F:2:B:2.0\n",
            "Got: +F:25:AES-128-GCM:788636672.00 from 0\n",
            "+F2:25:AES-128-GCM:1.0\n",
        ] {
            assert_eq!(cipher(printed), None, "{printed}");
        }
        for (algorithm, printed) in [
            (PublicKey::Rsa2048, "+F2:2:4096:3316.000000:55659.000000\n"),
            (PublicKey::Rsa2048, "+F2:2:2048:3316.000000\n"),
            (PublicKey::EcdsaP256, "+F5:3:256:49060.000000:17966.000000\n"),
            (PublicKey::P256, "+F5:4:384:1371.287129:0.000729\n"),
            (PublicKey::MlKem768, "+F9:0:768:1.0:1.0:1.0\n"),
        ] {
            assert_eq!(public_key(printed, algorithm), None, "{printed}");
        }
    }

    proptest! {
        #[test]
        fn foreign_text_never_panics_and_gives_only_figures_that_stand_in_it(
            text in "([+:F0-9.a-z\n -]|\\PC){0,120}",
            kind in "\\+F[245]?:[0-9]{1,2}:(256|384|253|2048|AES)",
            tail in "(:[0-9.]{0,12}){0,5}",
        ) {
            let output = format!("{text}\n{kind}{tail}\n");
            let mut found: Vec<_> = cipher(&output).into_iter().collect();
            found.extend(PublicKey::ALL.iter().filter_map(|algorithm| public_key(&output, *algorithm)));
            for (line, figures) in found {
                prop_assert!(output.lines().any(|printed| printed.trim_end() == line));
                for figure in figures {
                    prop_assert!(figure > 0.0 && figure.is_finite());
                    prop_assert!(line.split(':').any(|field| field.parse() == Ok(figure)));
                }
            }
        }

        #[test]
        fn what_openssl_prints_is_read_back(bytes_per_s in 0.01f64..1e12, index in 0_u8..40) {
            let printed = format!("+H:64\n+F:{index}:ChaCha20-Poly1305:{bytes_per_s:.2}\n");
            let expected: f64 = format!("{bytes_per_s:.2}").parse().unwrap();
            prop_assert_eq!(cipher(&printed).unwrap().1, vec![expected]);
        }
    }
}
