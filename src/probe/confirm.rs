//! Confirms by a whole handshake what a server chose in its hello: with rustls, where it or our CBC suites have the suite.
//!
//! In TLS 1.3 the certificate is encrypted, so that these handshakes are also what shows which kinds there are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig, ClientConnection, Error};

use crate::model::registry::SuiteCode;
use crate::model::suite::KeyType;
use crate::model::survey::{Confirmed, OpenQuestion, Trouble, Version};
use crate::tls::failure::classify;
use crate::tls::inspect::{Certificates, Shown, inspecting};
use crate::tls::peer::peer_key_type;

use super::ask::Heard;
use super::examine::{Examination, Found, Pass};
use super::flight::MAX_ANSWER;
use super::lists::Groups;
use super::wire;

/// How often a handshake that met trouble is tried.
const TRIES: u32 = 3;

/// What came of a handshake.
pub(super) enum Outcome {
    /// It succeeded.
    Done { shown: Shown, alpn: Option<Vec<u8>> },
    /// The server refused by this alert.
    Alert(AlertDescription),
    /// It failed otherwise; why.
    Failed(String),
    /// The network, the clock or the limits ended it.
    Trouble(Trouble),
    /// Nobody here speaks the suite.
    NotSpoken,
}

impl Examination<'_, '_> {
    /// Tries a whole handshake with each suite that was accepted in TLS 1.2 and 1.3.
    pub(super) fn confirm(&mut self) {
        for found in std::mem::take(&mut self.found) {
            match found.pass.version {
                Version::Tls12 => {
                    let confirmed = self.confirmed_12(&found);
                    self.found.push(Found { confirmed, ..found });
                }
                Version::Tls13 => self.confirm_13(found),
                _ => self.found.push(found),
            }
        }
    }

    fn confirmed_12(&mut self, found: &Found) -> Confirmed {
        match self.handshake(found.suite, Certificates::All, &[]) {
            Outcome::Done { shown, .. } => {
                self.interview.keep_chain(&shown.certificates, shown.staple.as_deref());
                Confirmed::Yes
            }
            Outcome::NotSpoken => Confirmed::NotSpoken,
            Outcome::Trouble(trouble) => Confirmed::Unknown(trouble),
            Outcome::Failed(why) => Confirmed::Failed(why),
            Outcome::Alert(alert) => self.refused(found, alert),
        }
    }

    /// One row for each kind of certificate that the suite comes with.
    fn confirm_13(&mut self, found: Found) {
        let mut rows = Vec::new();
        let mut last = Confirmed::NotSpoken;
        for kind in [KeyType::Rsa, KeyType::Ecdsa] {
            match self.handshake(found.suite, Certificates::Of(kind), &[]) {
                Outcome::Done { shown, .. } => {
                    self.interview.keep_chain(&shown.certificates, shown.staple.as_deref());
                    let certificate =
                        shown.certificates.first().and_then(|leaf| peer_key_type(&leaf.as_slice().into()));
                    rows.push(Found { certificate, confirmed: Confirmed::Yes, ..found.clone() });
                }
                Outcome::NotSpoken => {}
                // The server has no certificate of this kind; that none will do is known after both.
                Outcome::Alert(alert) => last = self.refused(&found, alert),
                Outcome::Failed(why) => last = Confirmed::Failed(why),
                Outcome::Trouble(trouble) => {
                    last = Confirmed::Unknown(trouble.clone());
                    let question = format!("whether {} comes with a certificate of type {kind}", found.suite);
                    self.open.push(OpenQuestion { version: Version::Tls13, suites: Vec::new(), question, trouble });
                }
            }
        }
        if rows.is_empty() {
            rows.push(Found { confirmed: last, ..found });
        }
        self.found.extend(rows);
    }

    /// What a refused handshake says: where the server accepts the suite only with groups that we cannot compute, nothing.
    fn refused(&mut self, found: &Found, alert: AlertDescription) -> Confirmed {
        let pass = Pass { groups: Groups::Computed, ..found.pass };
        let hello = pass.hello(self.interview.sni.as_deref(), vec![found.suite]);
        match self.interview.ask(&hello) {
            Heard::Refused(_) => Confirmed::NotSpoken,
            Heard::Open(trouble) => Confirmed::Unknown(trouble),
            Heard::Accepted(..) | Heard::Other(..) => {
                Confirmed::Failed(classify(&Error::AlertReceived(alert)).to_string())
            }
        }
    }

    /// A whole handshake with `suite`; tried again where the network, not the server's words, ended it.
    pub(super) fn handshake(
        &mut self,
        suite: SuiteCode,
        certificates: Certificates,
        alpn: &'static [&'static str],
    ) -> Outcome {
        let sni = self.interview.sni.clone();
        let Some((config, witness)) = inspecting(suite, certificates, alpn, sni.is_some()) else {
            return Outcome::NotSpoken;
        };
        let name = match sni.map(ServerName::try_from) {
            // Not sent, but rustls wants one.
            None => ServerName::IpAddress(self.interview.address.ip().into()),
            Some(Ok(name)) => name,
            Some(Err(_)) => return Outcome::NotSpoken,
        };
        let mut last = Trouble::Throttled;
        for _ in 0..TRIES {
            let deadline = match self.interview.connection() {
                Ok(deadline) => deadline,
                Err(trouble) => return Outcome::Trouble(trouble),
            };
            match shake(self.interview.address, &config, name.clone(), deadline) {
                Ok(alpn) => return Outcome::Done { shown: witness.shown(), alpn },
                Err(End::Tls(Error::AlertReceived(alert))) => return Outcome::Alert(alert),
                Err(End::Tls(error)) => return Outcome::Failed(classify(&error).to_string()),
                Err(End::Trouble(trouble)) => last = trouble,
            }
            if let Err(trouble) = self.interview.recover() {
                return Outcome::Trouble(trouble);
            }
        }
        Outcome::Trouble(last)
    }
}

/// Why a handshake did not succeed.
enum End {
    Tls(Error),
    Trouble(Trouble),
}

/// One handshake, until `deadline`; the protocol chosen by ALPN.
fn shake(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    name: ServerName<'static>,
    deadline: Instant,
) -> Result<Option<Vec<u8>>, End> {
    let mut socket = wire::connect(address, deadline).map_err(End::Trouble)?;
    let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(End::Tls)?;
    let outcome = drive(&mut tls, &mut socket, deadline);
    tls.send_close_notify();
    // The alert that says what was wrong, or the end. Who has gone need not be told.
    while tls.wants_write() && tls.write_tls(&mut socket).is_ok() {}
    let _ = socket.shutdown(std::net::Shutdown::Both);
    outcome.map(|()| tls.alpn_protocol().map(<[u8]>::to_vec))
}

fn drive(tls: &mut ClientConnection, socket: &mut std::net::TcpStream, deadline: Instant) -> Result<(), End> {
    let mut seen = 0;
    while tls.is_handshaking() || tls.wants_write() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || seen > MAX_ANSWER {
            return Err(End::Trouble(Trouble::Timeout));
        }
        let left = Some(left.max(Duration::from_millis(1)));
        let _ = socket.set_read_timeout(left).and_then(|()| socket.set_write_timeout(left));
        let step = if tls.wants_write() { tls.write_tls(socket).map(|_| None) } else { tls.read_tls(socket).map(Some) };
        match step {
            Ok(Some(0)) => return Err(End::Trouble(Trouble::Reset)),
            Ok(Some(count)) => {
                seen += count;
                tls.process_new_packets().map_err(End::Tls)?;
            }
            Ok(None) => {}
            Err(error) if wire::again(&error) => {}
            Err(_) => return Err(End::Trouble(Trouble::Reset)),
        }
    }
    Ok(())
}
