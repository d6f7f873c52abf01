//! The TLS side of a plan: versions, suites, groups, certificate type, resumption and trust.

use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::suite::{Group, KeyType, Suite, TlsVersion};

/// Which cryptography library rustls runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// AWS-LC, through aws-lc-rs. The fastest here, and the one with ML-KEM.
    #[default]
    AwsLc,
    /// *ring*, with RustCrypto's AES-CBC for the two CBC suites.
    Ring,
}

impl Provider {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwsLc => "aws-lc",
            Self::Ring => "ring",
        }
    }

    /// The groups that the library can compute, in the order of [`Group::ALL`].
    pub fn groups(self) -> &'static [Group] {
        match self {
            Self::AwsLc => &Group::ALL,
            Self::Ring => &[Group::X25519, Group::Secp256r1, Group::Secp384r1],
        }
    }
}

/// What share of new connections resumes an earlier session.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resumption {
    /// Every handshake is a full one.
    #[default]
    Full,
    /// Every handshake resumes a session; those that prime the store are counted apart.
    Resumed,
    /// This share of handshakes resumes, strictly between 0 and 1.
    Ratio(f64),
}

impl Resumption {
    /// The share of new connections that resume, 0 to 1.
    pub fn share(self) -> f64 {
        match self {
            Self::Full => 0.0,
            Self::Resumed => 1.0,
            Self::Ratio(share) => share,
        }
    }
}

impl FromStr for Resumption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "full" => Ok(Self::Full),
            "resumed" => Ok(Self::Resumed),
            other => match other.parse::<f64>() {
                Ok(0.0) => Ok(Self::Full),
                Ok(1.0) => Ok(Self::Resumed),
                Ok(share) if share > 0.0 && share < 1.0 => Ok(Self::Ratio(share)),
                _ => Err(format!("'{other}' is not full, resumed or a share between 0 and 1 such as 0.8")),
            },
        }
    }
}

/// Which roots a server's certificate must lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// The roots of Mozilla's programme, as bundled with this build.
    Mozilla,
    /// The roots that the operating system trusts.
    System,
    /// Only what is in this PEM file: authorities, or self-signed server certificates.
    Ca(PathBuf),
    /// Anything at all; every output says so.
    Insecure,
}

/// How often a certificate chain is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// A chain that was verified is not walked again while it stays the same to the byte; the handshake's signature always is checked.
    #[default]
    Once,
    /// The chain is walked in every full handshake.
    Every,
}

/// A client certificate, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientIdentity {
    /// The certificate, followed by its intermediates.
    pub cert: PathBuf,
    /// The private key: PKCS#8, SEC1 or PKCS#1.
    pub key: PathBuf,
}

/// Everything that decides how a connection's TLS is made. Built by [`TlsPlan::new`], so that versions, suites and groups fit each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TlsPlan {
    versions: Vec<TlsVersion>,
    suites: Vec<Suite>,
    groups: Vec<Group>,
    cert_type: Option<KeyType>,
    provider: Provider,
    /// The share of resumed handshakes.
    pub resumption: Resumption,
    /// The roots.
    pub trust: Trust,
    /// How often a chain is walked.
    pub verify: Verify,
    /// The client's certificate, where one is shown.
    pub identity: Option<ClientIdentity>,
    /// The protocols offered by ALPN; empty: the extension is not sent.
    pub alpn: Vec<String>,
    /// Where the session secrets are logged, in NSS key log format.
    pub key_log: Option<PathBuf>,
}

/// What a user chose of versions, suites, groups and certificate type; empty or `None` where nothing was said.
#[derive(Debug, Clone, Default)]
pub struct TlsChoice {
    /// `--tls`
    pub version: Option<TlsVersion>,
    /// `--suite`
    pub suites: Vec<Suite>,
    /// `--group`
    pub groups: Vec<Group>,
    /// `--cert-type`
    pub cert_type: Option<KeyType>,
    /// `--crypto`
    pub provider: Provider,
}

impl TlsPlan {
    /// A plan that offers what `choice` names (everything where it names nothing), with full handshakes, Mozilla's roots and
    /// `http/1.1` by ALPN.
    ///
    /// # Errors
    /// A sentence that names the options that contradict each other: a suite outside the version or the certificate type, a group that
    /// the provider cannot compute, only TLS 1.3 groups with TLS 1.2.
    pub fn new(choice: TlsChoice) -> Result<Self, String> {
        let TlsChoice { version, suites, groups, cert_type, provider } = choice;
        let suites = Self::resolve_suites(version, suites, cert_type)?;
        let mut versions: Vec<_> = suites.iter().map(|suite| suite.version()).collect();
        versions.sort_unstable();
        versions.dedup();
        let groups = Self::resolve_groups(&versions, groups, provider)?;
        Ok(Self {
            versions,
            suites,
            groups,
            cert_type,
            provider,
            resumption: Resumption::Full,
            trust: Trust::Mozilla,
            verify: Verify::Once,
            identity: None,
            alpn: vec!["http/1.1".to_owned()],
            key_log: None,
        })
    }

    /// The same plan with one suite and one type of certificate, and the suite's version only.
    ///
    /// # Errors
    /// A sentence, where the suite needs the other type of certificate or is left without a group.
    pub fn narrowed(&self, suite: Suite, certificate: KeyType) -> Result<Self, String> {
        self.offering(vec![suite], Some(certificate))
    }

    /// The same plan without the suites that `keep` says no to, and the versions that are left without a suite.
    ///
    /// # Errors
    /// A sentence, where no suite is left, or those that are left are left without a group.
    pub fn retaining(&self, keep: impl Fn(Suite) -> bool) -> Result<Self, String> {
        let suites: Vec<_> = self.suites.iter().copied().filter(|suite| keep(*suite)).collect();
        if suites.is_empty() {
            return Err("no suite is left".to_owned());
        }
        self.offering(suites, self.cert_type)
    }

    fn offering(&self, suites: Vec<Suite>, cert_type: Option<KeyType>) -> Result<Self, String> {
        let Self {
            versions: _,
            suites: _,
            groups,
            cert_type: _,
            provider,
            resumption,
            trust,
            verify,
            identity,
            alpn,
            key_log,
        } = self;
        let choice = TlsChoice { version: None, suites, groups: groups.clone(), cert_type, provider: *provider };
        Ok(Self {
            resumption: *resumption,
            trust: trust.clone(),
            verify: *verify,
            identity: identity.clone(),
            alpn: alpn.clone(),
            key_log: key_log.clone(),
            ..Self::new(choice)?
        })
    }

    fn resolve_suites(
        version: Option<TlsVersion>,
        named: Vec<Suite>,
        cert_type: Option<KeyType>,
    ) -> Result<Vec<Suite>, String> {
        let fits_type =
            |suite: Suite| suite.key_type().is_none_or(|kind| cert_type.is_none_or(|wanted| wanted == kind));
        if named.is_empty() {
            return Ok(Suite::all().filter(|s| version.is_none_or(|v| v == s.version()) && fits_type(*s)).collect());
        }
        let mut suites = Vec::with_capacity(named.len());
        for suite in named {
            if let Some(version) = version.filter(|version| *version != suite.version()) {
                return Err(format!(
                    "--suite {suite} exists in {} only, but --tls asks for {version}",
                    suite.version()
                ));
            }
            if let (false, Some(wanted), Some(kind)) = (fits_type(suite), cert_type, suite.key_type()) {
                return Err(format!(
                    "--suite {suite} needs a certificate of type {kind}, but --cert-type asks for {wanted}"
                ));
            }
            if !suites.contains(&suite) {
                suites.push(suite);
            }
        }
        Ok(suites)
    }

    fn resolve_groups(versions: &[TlsVersion], named: Vec<Group>, provider: Provider) -> Result<Vec<Group>, String> {
        let with_12 = versions.contains(&TlsVersion::V12);
        if named.is_empty() {
            // The post-quantum hybrid is opt-in: it makes a hello of two packets, which would be measured unasked.
            return Ok(provider.groups().iter().copied().filter(|group| !group.tls13_only()).collect());
        }
        let mut groups = Vec::with_capacity(named.len());
        for group in named {
            if !provider.groups().contains(&group) {
                return Err(format!(
                    "--group {group} is not offered by --crypto {}; use --crypto aws-lc",
                    provider.name()
                ));
            }
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        if with_12 && groups.iter().all(|group| group.tls13_only()) {
            return Err(format!(
                "--group {} exists in TLS 1.3 only, but the plan also offers TLS 1.2, which would be left without a group; \
                 add --tls 1.3, or a classical group such as --group {},X25519",
                groups[0], groups[0]
            ));
        }
        Ok(groups)
    }

    /// The versions offered, lowest first; never empty.
    pub fn versions(&self) -> &[TlsVersion] {
        &self.versions
    }

    /// The suites offered, in order of preference; never empty.
    pub fn suites(&self) -> &[Suite] {
        &self.suites
    }

    /// The groups offered, in order of preference; never empty, and with a classical one where TLS 1.2 is offered.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The only type of server certificate that is accepted; `None`: either.
    pub fn cert_type(&self) -> Option<KeyType> {
        self.cert_type
    }

    /// Whether the plan offers ECDSA suites of TLS 1.2 without any curve that an ECDSA certificate could be on. There the list of groups
    /// also says which certificates the client can use (RFC 8422, 5.1), and OpenSSL's servers refuse.
    pub fn excludes_ecdsa_certificates(&self) -> bool {
        let ecdsa = self.suites.iter().any(|suite| suite.key_type() == Some(KeyType::Ecdsa));
        ecdsa && !self.groups.iter().any(|group| matches!(group, Group::Secp256r1 | Group::Secp384r1))
    }

    /// The cryptography library.
    pub fn provider(&self) -> Provider {
        self.provider
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_chosen_offers_all_nine_and_the_classical_groups() {
        let plan = TlsPlan::new(TlsChoice::default()).unwrap();
        assert_eq!(plan.suites().len(), 9);
        assert_eq!(plan.versions(), [TlsVersion::V12, TlsVersion::V13]);
        assert_eq!(plan.groups(), [Group::X25519, Group::Secp256r1, Group::Secp384r1]);
    }

    #[test]
    fn a_suite_decides_the_version_and_contradictions_are_named() {
        let choice = |version, suite| TlsChoice { version, suites: vec![suite], ..TlsChoice::default() };
        let plan = TlsPlan::new(choice(None, Suite::EcdheRsaAes128Cbc)).unwrap();
        assert_eq!(plan.versions(), [TlsVersion::V12]);
        let error = TlsPlan::new(choice(Some(TlsVersion::V13), Suite::EcdheRsaAes128Cbc)).unwrap_err();
        assert!(error.contains("--suite") && error.contains("--tls"), "{error}");
        let mismatch = TlsChoice { cert_type: Some(KeyType::Ecdsa), ..choice(None, Suite::EcdheRsaAes128Cbc) };
        assert!(TlsPlan::new(mismatch).unwrap_err().contains("--cert-type"));
    }

    #[test]
    fn a_post_quantum_group_alone_never_meets_tls_1_2() {
        let pq = vec![Group::X25519MlKem768];
        let error = TlsPlan::new(TlsChoice { groups: pq.clone(), ..TlsChoice::default() }).unwrap_err();
        assert!(error.contains("--tls 1.3"), "{error}");
        let only_13 = TlsChoice { groups: pq.clone(), version: Some(TlsVersion::V13), ..TlsChoice::default() };
        assert_eq!(TlsPlan::new(only_13.clone()).unwrap().groups(), pq);
        assert!(TlsPlan::new(TlsChoice { provider: Provider::Ring, ..only_13 }).unwrap_err().contains("aws-lc"));
    }

    #[test]
    fn a_narrowed_plan_keeps_all_but_suite_and_certificate() {
        let mut plan = TlsPlan::new(TlsChoice { groups: vec![Group::Secp256r1], ..TlsChoice::default() }).unwrap();
        plan.trust = Trust::System;
        plan.resumption = Resumption::Resumed;
        plan.alpn.clear();
        let narrow = plan.narrowed(Suite::ChaCha20Poly1305Sha256, KeyType::Rsa).unwrap();
        assert_eq!(
            (narrow.suites(), narrow.versions()),
            (&[Suite::ChaCha20Poly1305Sha256][..], &[TlsVersion::V13][..])
        );
        assert_eq!((narrow.cert_type(), narrow.groups()), (Some(KeyType::Rsa), plan.groups()));
        assert_eq!((&narrow.trust, narrow.resumption, narrow.alpn.len()), (&Trust::System, Resumption::Resumed, 0));
        assert!(plan.narrowed(Suite::EcdheRsaAes128Gcm, KeyType::Ecdsa).is_err());
    }

    #[test]
    fn x25519_alone_leaves_ecdsa_certificates_of_tls_1_2_without_a_curve() {
        let plan = |groups: &[Group], version| {
            TlsPlan::new(TlsChoice { groups: groups.to_vec(), version, ..TlsChoice::default() }).unwrap()
        };
        assert!(plan(&[Group::X25519], None).excludes_ecdsa_certificates());
        assert!(!plan(&[Group::X25519, Group::Secp256r1], None).excludes_ecdsa_certificates());
        assert!(!plan(&[Group::X25519], Some(TlsVersion::V13)).excludes_ecdsa_certificates());
        assert!(!plan(&[], None).excludes_ecdsa_certificates());
    }

    #[test]
    fn resumption_is_a_word_or_a_share() {
        assert_eq!("0.8".parse(), Ok(Resumption::Ratio(0.8)));
        assert_eq!("1".parse(), Ok(Resumption::Resumed));
        assert!("1.2".parse::<Resumption>().is_err() && "often".parse::<Resumption>().is_err());
    }
}
