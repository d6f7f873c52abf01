//! Where the load goes: the endpoint's name and port, the address to connect to instead, the name in the certificate.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A host as it stands in a URL: a DNS name in lower case (punycode), or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name.
    Name(String),
    /// A literal address.
    Ip(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

impl FromStr for Host {
    type Err = String;

    /// Reads a DNS name or an address, IPv6 with or without brackets.
    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        if let Ok(ip) = bare.parse() {
            return Ok(Self::Ip(ip));
        }
        match url::Host::parse(text) {
            Ok(url::Host::Domain(name)) if !name.is_empty() => Ok(Self::Name(name)),
            Ok(url::Host::Ipv4(ip)) => Ok(Self::Ip(IpAddr::V4(ip))),
            Ok(url::Host::Ipv6(ip)) => Ok(Self::Ip(IpAddr::V6(ip))),
            _ => Err(format!("'{text}' is not a host name or an address")),
        }
    }
}

/// A host and a port, as in `--connect-to HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Name or address.
    pub host: Host,
    /// TCP port, 1 to 65535.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error = || format!("'{text}' is not HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443");
        let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
        if host.contains(':') && !host.starts_with('[') {
            return Err(error());
        }
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(error)?;
        Ok(Self { host: host.parse().map_err(|_| error())?, port })
    }
}

/// Which of a name's addresses are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// All of them.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Whether `ip` is of the family.
    pub fn admits(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }
}

/// An `https` URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpsUrl {
    /// Host and port (443 where the URL names none).
    pub endpoint: Endpoint,
    /// Path and query, percent-encoded, starting with `/`.
    pub path: String,
    /// The `Host` header's value: the port only where it is not 443.
    pub authority: String,
    /// The URL, normalised, without user, password and fragment.
    pub text: String,
}

impl FromStr for HttpsUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let mut url = url::Url::parse(&with_scheme)
            .map_err(|error| format!("'{text}' is not a URL such as https://example.com/path: {error}"))?;
        if url.scheme() != "https" {
            return Err(format!("'{text}' has the scheme {}://; shakedown loads https:// only", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a URL with a user or a password is not taken; use --header 'Authorization: …'".to_owned());
        }
        url.set_fragment(None);
        let host = match url.host() {
            Some(url::Host::Domain(name)) => Host::Name(name.to_owned()),
            Some(url::Host::Ipv4(ip)) => Host::Ip(IpAddr::V4(ip)),
            Some(url::Host::Ipv6(ip)) => Host::Ip(IpAddr::V6(ip)),
            None => return Err(format!("'{text}' names no host")),
        };
        let port = url.port().unwrap_or(443);
        if port == 0 {
            return Err(format!("'{text}' names port 0, to which nothing can connect"));
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let authority = if port == 443 { host.to_string() } else { format!("{host}:{port}") };
        Ok(Self {
            path: format!("{}{query}", url.path()),
            authority,
            text: url.to_string(),
            endpoint: Endpoint { host, port },
        })
    }
}

/// Where connections go, and under which name the server must prove itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The URL as loaded.
    pub url: HttpsUrl,
    /// Where to connect instead of the URL's host and port.
    pub connect_to: Option<Endpoint>,
    /// The name sent as SNI and demanded of the certificate: `--sni`, or the URL's host.
    pub server_name: Host,
    /// Which addresses of the name are used.
    pub family: Family,
    /// Local addresses to connect from, in turn; empty: the system chooses.
    pub source_ips: Vec<IpAddr>,
}

impl Target {
    /// The target of `url`, with nothing overridden.
    pub fn new(url: HttpsUrl) -> Self {
        let server_name = url.endpoint.host.clone();
        Self { url, connect_to: None, server_name, family: Family::Any, source_ips: Vec::new() }
    }

    /// Host and port that are looked up and connected to.
    pub fn dial(&self) -> &Endpoint {
        self.connect_to.as_ref().unwrap_or(&self.url.endpoint)
    }

    /// Whether all traffic stays on this machine, as far as the literal address or the name tells.
    pub fn is_loopback(&self) -> bool {
        match &self.dial().host {
            Host::Ip(ip) => ip.is_loopback(),
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let url: HttpsUrl = "https://Example.com:8443/a b?q=1#frag".parse().unwrap();
        assert_eq!(url.endpoint.to_string(), "example.com:8443");
        assert_eq!(url.path, "/a%20b?q=1");
        assert_eq!(url.authority, "example.com:8443");
        let short: HttpsUrl = "[::1]/x".parse().unwrap();
        assert_eq!((short.endpoint.port, short.authority.as_str()), (443, "[::1]"));
    }

    #[test]
    fn what_cannot_be_loaded_is_refused_in_words() {
        for (text, word) in [
            ("http://example.com/", "https:// only"),
            ("https://", "https://example.com"),
            ("https://me:pw@example.com/", "Authorization"),
            ("https://example.com:0/", "port 0"),
            ("https://example.com:99999/", "URL"),
        ] {
            let error = text.parse::<HttpsUrl>().unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn endpoints_need_a_port() {
        assert_eq!("[::1]:8443".parse::<Endpoint>().unwrap().to_string(), "[::1]:8443");
        for text in ["localhost", "localhost:0", "::1:8443", ":443", "a b:1"] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
