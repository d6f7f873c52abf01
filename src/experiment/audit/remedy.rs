//! What to change where a rule is broken: a line of configuration for the servers that most endpoints run.

use crate::model::policy::{Policy, Standing, Tls13Suites};
use crate::model::registry::SuiteCode;
use crate::model::suite::Suite;
use crate::model::survey::Version;
use crate::record::audit::Remedy;

const NGINX: &str = "nginx";
const APACHE: &str = "Apache httpd";
const HAPROXY: &str = "haproxy";

fn line(server: &str, text: String) -> Remedy {
    Remedy { server: Some(server.to_owned()), text }
}

/// What to do where no server's configuration is the remedy.
pub(super) fn advice(text: impl Into<String>) -> Remedy {
    Remedy { server: None, text: text.into() }
}

/// Versions from `lowest` on, and no older ones.
pub(super) fn versions(lowest: Version) -> Vec<Remedy> {
    let kept: Vec<_> = Version::ALL.into_iter().filter(|version| *version >= lowest).collect();
    let names = |prefix: &str| {
        kept.iter().map(|version| format!("{prefix}{}", configured(*version))).collect::<Vec<_>>().join(" ")
    };
    vec![
        line(NGINX, format!("ssl_protocols {};", names(""))),
        line(APACHE, format!("SSLProtocol -all {}", names("+"))),
        line(HAPROXY, format!("ssl-default-bind-options ssl-min-ver {}", configured(lowest))),
    ]
}

/// A version as configurations have it: all three write `TLSv1` for TLS 1.0.
fn configured(version: Version) -> &'static str {
    match version {
        Version::Tls10 => "TLSv1",
        other => other.name(),
    }
}

/// The policy's suites and no others.
pub(super) fn suites(policy: &Policy) -> Vec<Remedy> {
    let list = &policy.one_of.demand;
    let older: Vec<_> = list.allowed().iter().copied().filter(|suite| !suite.tls13_only()).collect();
    let mut remedies = Vec::new();
    if !older.is_empty() {
        let names = joined(&older);
        remedies.push(line(NGINX, format!("ssl_ciphers {names};")));
        remedies.push(line(APACHE, format!("SSLCipherSuite {names}")));
        remedies.push(line(
            HAPROXY,
            format!(
                "ssl-default-bind-ciphers {names}   # in global; a bind line with ciphers of its own needs them there"
            ),
        ));
    }
    match list.tls13() {
        Some(Tls13Suites::Permit) => {}
        Some(Tls13Suites::Strict) => remedies.extend(without_tls13(policy.lowest.demand)),
        Some(Tls13Suites::Map) | None => {
            let spoken = Suite::all().map(SuiteCode::from).filter(|suite| suite.tls13_only());
            let wanted: Vec<_> =
                spoken.filter(|suite| matches!(list.standing(*suite), Standing::Named | Standing::Mapped)).collect();
            let names = joined(&wanted);
            remedies.push(line(NGINX, format!("ssl_conf_command Ciphersuites {names};")));
            remedies.push(line(APACHE, format!("SSLCipherSuite TLSv1.3 {names}")));
            remedies.push(line(HAPROXY, format!("ssl-default-bind-ciphersuites {names}")));
        }
    }
    remedies
}

/// TLS 1.3 switched off, since none of its suites is allowed.
fn without_tls13(lowest: Version) -> [Remedy; 3] {
    let kept = |prefix: &str| {
        let versions = Version::ALL.into_iter().filter(|version| *version >= lowest && *version < Version::Tls13);
        versions.map(|version| format!("{prefix}{}", configured(version))).collect::<Vec<_>>().join(" ")
    };
    [
        line(NGINX, format!("ssl_protocols {};", kept(""))),
        line(APACHE, format!("SSLProtocol -all {}", kept("+"))),
        line(HAPROXY, "ssl-default-bind-options ssl-max-ver TLSv1.2".to_owned()),
    ]
}

/// The chain sent whole and in order.
pub(super) fn chain() -> Vec<Remedy> {
    vec![
        line(
            NGINX,
            "ssl_certificate fullchain.pem;   # the server's certificate first, then each intermediate".to_owned(),
        ),
        line(
            APACHE,
            "SSLCertificateFile fullchain.pem   # the server's certificate first, then each intermediate".to_owned(),
        ),
        line(
            HAPROXY,
            "bind :443 ssl crt site.pem   # the server's certificate, its key, then each intermediate".to_owned(),
        ),
    ]
}

/// OCSP responses stapled, so that revocation can be told.
pub(super) fn stapling() -> Vec<Remedy> {
    vec![
        advice("give the authorities' revocation lists with --crl FILE"),
        line(
            NGINX,
            "ssl_stapling on; ssl_stapling_verify on; ssl_trusted_certificate chain.pem;   # with the issuers, and a resolver for the responder's name"
                .to_owned(),
        ),
        line(
            APACHE,
            "SSLUseStapling on   # and outside of any <VirtualHost>: SSLStaplingCache shmcb:logs/stapling(32768)"
                .to_owned(),
        ),
        line(HAPROXY, "ocsp-update on   # from haproxy 2.8 on, in the crt-list or as a bind option".to_owned()),
    ]
}

fn joined(suites: &[SuiteCode]) -> String {
    suites
        .iter()
        .map(|suite| suite.openssl().map_or_else(|| suite.to_string(), str::to_owned))
        .collect::<Vec<_>>()
        .join(":")
}
