//! Why an endpoint cannot be loaded, in one line with the way out, where the reason suggests one.

use super::exit::Failed;
use crate::engine::Addresses;
use crate::engine::outcome::CannotRun;
use crate::model::failure::{Failure, FailureKind};
use crate::model::target::{Host, Target};
use crate::model::tls::Trust;
use crate::tls::failure::{NAME_MISMATCH, NO_NAME, UNKNOWN_ISSUER};

/// The failure that `error` is for a user who wanted to load `target`.
pub(super) fn cannot_run(target: &Target, trust: &Trust, addresses: &Addresses, error: &CannotRun) -> Failed {
    let (url, dial) = (&target.url.text, target.dial());
    let CannotRun::NoHandshake { failure, .. } = error else {
        return Failed::could_not_run(format!("{url}: {error}"));
    };
    // An address in the URL need not be said again.
    let place = if target.connect_to.is_none() && matches!(dial.host, Host::Ip(_)) {
        String::new()
    } else {
        let all: Vec<_> = addresses.used.iter().map(ToString::to_string).collect();
        format!(" at {}", all.join(", "))
    };
    let way_out = way_out(failure, trust).map(|text| format!("; {text}")).unwrap_or_default();
    Failed::could_not_run(format!("{url}{place}: {error}{way_out}"))
}

/// What may help against `failure`.
fn way_out(failure: &Failure, trust: &Trust) -> Option<String> {
    let text = match (failure.kind, failure.detail()) {
        (FailureKind::ConnectRefused, _) => "nothing listens there: does the server run, and is this its port?",
        (FailureKind::ConnectTimeout, _) => {
            "nothing answers there: is the address right, and does a firewall let this through?"
        }
        (FailureKind::Certificate, UNKNOWN_ISSUER) => match trust {
            Trust::Ca(file) => {
                return Some(format!(
                    "no certificate in {} vouches for it: name its authority with --ca",
                    file.display()
                ));
            }
            _ => {
                "name its authority with --ca FILE; --insecure would load it unchecked, and any server in its place as well"
            }
        },
        (FailureKind::Certificate, NO_NAME) => {
            "browsers refuse it too: have one issued with its names in subjectAltName"
        }
        (FailureKind::Certificate, detail) if detail.starts_with(NAME_MISMATCH) => {
            "use such a name in the URL, with --connect-to HOST:PORT where it does not lead there, or demand it with --sni NAME"
        }
        (FailureKind::TlsAlert, "certificate_required") => "it wants a client certificate: add --cert FILE --key FILE",
        (FailureKind::TlsAlert, "handshake_failure") => {
            "it may take none of the versions, suites, groups or certificate types that were offered"
        }
        (FailureKind::TlsAlert, "unrecognized_name") => "it does not know the name: see --sni NAME",
        (FailureKind::TlsAlert, "protocol_version") => "it does not take the version that was offered: see --tls",
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(url: &str, kind: FailureKind, detail: &str, trust: &Trust) -> String {
        let target = Target::new(url.parse().unwrap());
        let addresses = Addresses { used: vec!["192.0.2.7:8443".parse().unwrap()], dropped: Vec::new() };
        let error = CannotRun::NoHandshake { failure: Failure::new(kind, detail), mixed: false };
        cannot_run(&target, trust, &addresses, &error).message().to_owned()
    }

    #[test]
    fn the_address_is_told_where_the_url_has_none() {
        let refused = |url| told(url, FailureKind::ConnectRefused, "", &Trust::Mozilla);
        let text = "no TLS connection could be made: connect_refused; nothing listens there";
        assert!(refused("https://a.example:8443/").starts_with("https://a.example:8443/ at 192.0.2.7:8443: no TLS"));
        assert!(refused("https://192.0.2.7:8443/").starts_with(&format!("https://192.0.2.7:8443/: {text}")));
    }

    #[test]
    fn an_unknown_authority_leads_to_the_option_that_names_it() {
        let unknown = |trust| told("https://a.example/", FailureKind::Certificate, UNKNOWN_ISSUER, trust);
        let text = unknown(&Trust::Mozilla);
        assert!(text.contains("--ca FILE") && text.contains("--insecure would load it unchecked"), "{text}");
        let text = unknown(&Trust::Ca("mine.pem".into()));
        assert!(text.contains("no certificate in mine.pem vouches") && !text.contains("--insecure"), "{text}");
    }

    #[test]
    fn a_reason_without_a_way_out_stands_alone() {
        let text = told("https://a.example/", FailureKind::Reset, "", &Trust::Mozilla);
        assert!(text.ends_with("no TLS connection could be made: reset"), "{text}");
    }
}
