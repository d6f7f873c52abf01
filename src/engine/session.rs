//! One TLS session over rustls's unbuffered API: ciphertext in, plaintext out, with the worker's buffers lent to it.
//!
//! The session keeps only what a read left undecoded. The traps of the unbuffered API are handled here and nowhere else: the undecoded
//! rest is always passed again (an empty slice while a handshake message is pending would panic), after an error the alert is fetched with
//! exactly one more call, and a rest that grows past [`MAX_LEFTOVER`] is a protocol violation.

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};
use rustls::{ClientConfig, HandshakeKind};

use super::spare::Spares;
use crate::model::failure::{Failure, FailureKind};
use crate::model::suite::{KeyType, TlsVersion};
use crate::tls;

/// The most that may stay undecoded: the longest handshake message that rustls takes (64 KiB), and a record.
const MAX_LEFTOVER: usize = 0x1_0000 + 0x4000 + 2048;

/// Room that one encrypted record may need beyond its plaintext: header 5, and CBC's IV 16, MAC 32 and padding 16.
const RECORD_OVERHEAD: usize = 5 + 16 + 32 + 16;

/// The longest plaintext of one record (RFC 8446, 5.1).
const RECORD_PLAINTEXT: usize = 1 << 14;

/// TLS 1.2's AES-GCM must not protect more records than 2^24 under one key; sessions are planned to end a little before.
const RECORDS_PER_SESSION: u64 = (1 << 24) - 4096;

/// Bytes on their way out, collected in the worker's buffer and written with one call.
#[derive(Debug)]
pub(super) struct OutBuffer {
    bytes: Vec<u8>,
    len: usize,
}

impl OutBuffer {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { bytes: vec![0; capacity], len: 0 }
    }

    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// The free end, at least `room` long.
    fn free(&mut self, room: usize) -> &mut [u8] {
        if self.bytes.len() < self.len + room {
            self.bytes.resize(self.len + room, 0);
        }
        &mut self.bytes[self.len..]
    }
}

/// What a call of [`Session::process`] found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The handshake is complete; application data may be sent.
    pub(super) ready: bool,
    /// The peer sent close_notify: everything that it had to say has been read.
    pub(super) peer_closed: bool,
}

/// What a completed handshake agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Agreed {
    pub(super) version: TlsVersion,
    pub(super) suite: crate::model::suite::Suite,
    pub(super) group: Option<crate::model::suite::Group>,
    pub(super) resumed: bool,
    pub(super) retried_hello: bool,
}

/// The client's side of one TLS session.
pub(super) struct Session {
    connection: UnbufferedClientConnection,
    /// What the last read left undecoded. Holds no capacity while empty.
    leftover: Vec<u8>,
    /// Flights sent after which the handshake had to wait; two in TLS 1.3 mean a HelloRetryRequest.
    flights: u8,
    /// Records encrypted so far, for TLS 1.2's limit.
    records: u64,
}

impl Session {
    /// A session whose ClientHello is queued.
    pub(super) fn new(config: &Arc<ClientConfig>, name: &ServerName<'static>) -> Result<Self, Failure> {
        let connection = UnbufferedClientConnection::new(Arc::clone(config), name.clone())
            .map_err(|e| tls::failure::classify(&e))?;
        Ok(Self { connection, leftover: Vec::new(), flights: 0, records: 0 })
    }

    /// Takes what the last read left undecoded back into the start of `buffer`, and says how long it is. Its memory goes to `spares`.
    pub(super) fn restore_leftover(&mut self, buffer: &mut [u8], spares: &mut Spares) -> usize {
        let length = self.leftover.len();
        buffer[..length].copy_from_slice(&self.leftover);
        spares.reclaim(&mut self.leftover);
        length
    }

    /// Starts the handshake: what is to be sent is appended to `out`.
    pub(super) fn start(&mut self, out: &mut OutBuffer) -> Result<Progress, Failure> {
        self.process(&mut [], out, &mut Spares::default(), |_| ())
    }

    /// Decodes `incoming`, which starts with what [`Session::restore_leftover`] gave. Plaintext goes to `on_data`; what TLS has to say goes
    /// to `out`; what cannot be decoded yet is kept, in memory of `spares`.
    pub(super) fn process(
        &mut self,
        incoming: &mut [u8],
        out: &mut OutBuffer,
        spares: &mut Spares,
        mut on_data: impl FnMut(&[u8]),
    ) -> Result<Progress, Failure> {
        let mut progress = Progress::default();
        let mut start = 0;
        let mut sent = false;
        loop {
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(&mut incoming[start..]);
            let mut done = false;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|error| tls::failure::classify(&error))?;
                        discard += record.discard;
                        on_data(record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut data, out)?;
                    sent = true;
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => progress.peer_closed = true,
                Ok(ConnectionState::WriteTraffic(_)) => {
                    progress.ready = true;
                    done = true;
                }
                Ok(ConnectionState::BlockedHandshake) => {
                    self.flights += u8::from(sent);
                    done = true;
                }
                Ok(ConnectionState::Closed) => done = true,
                // ReadEarlyData belongs to servers; a state that rustls adds later is not one that we asked for.
                Ok(_) => return Err(Failure::new(FailureKind::TlsProtocol, "unexpected state of the session")),
                Err(error) => {
                    self.fetch_alert(&mut incoming[start + discard..], out);
                    return Err(tls::failure::classify(&error));
                }
            }
            start += discard;
            if done {
                break;
            }
        }
        self.keep(&incoming[start..], spares)?;
        Ok(progress)
    }

    /// After an error rustls may have queued an alert: one more call hands it out.
    fn fetch_alert(&mut self, rest: &mut [u8], out: &mut OutBuffer) {
        if let Ok(ConnectionState::EncodeTlsData(mut data)) = self.connection.process_tls_records(rest).state {
            // Without room for it, or encoded already, the connection is closed without the alert.
            let _ = encode(&mut data, out);
        }
    }

    /// Keeps what could not be decoded yet; nothing is kept in memory for an empty rest.
    pub(super) fn keep(&mut self, rest: &[u8], spares: &mut Spares) -> Result<(), Failure> {
        if rest.len() > MAX_LEFTOVER {
            return Err(Failure::new(FailureKind::TlsProtocol, "handshake message too large"));
        }
        spares.append(&mut self.leftover, rest);
        Ok(())
    }

    /// Encrypts `plaintext` onto `out`. Only after the handshake.
    pub(super) fn encrypt(&mut self, plaintext: &[u8], out: &mut OutBuffer) -> Result<(), Failure> {
        let mut leftover = std::mem::take(&mut self.leftover);
        let records = plaintext.len().div_ceil(RECORD_PLAINTEXT);
        self.records += records as u64;
        let result = self.with_traffic(&mut leftover, out, |traffic, out| {
            let mut room = plaintext.len() + records * RECORD_OVERHEAD;
            loop {
                match traffic.encrypt(plaintext, out.free(room)) {
                    Ok(written) => {
                        out.len += written;
                        return Ok(());
                    }
                    // The answer to a KeyUpdate rides along and needs its own room.
                    Err(EncryptError::InsufficientSize(size)) => room = size.required_size,
                    Err(EncryptError::EncryptExhausted) => {
                        return Err(Failure::new(FailureKind::TlsProtocol, "keys exhausted"));
                    }
                }
            }
        });
        self.leftover = leftover;
        result
    }

    /// Appends close_notify to `out`, where the session has got so far that it can be sent.
    pub(super) fn close_notify(&mut self, out: &mut OutBuffer) {
        let mut leftover = std::mem::take(&mut self.leftover);
        // A session that is not ready for it closes without: nothing is lost.
        let _ = self.with_traffic(&mut leftover, out, |traffic, out| {
            if let Ok(written) = traffic.queue_close_notify(out.free(256)) {
                out.len += written;
            }
            Ok(())
        });
    }

    /// Brings the session to the state in which application data may be written, and runs `action` there.
    fn with_traffic(
        &mut self,
        leftover: &mut Vec<u8>,
        out: &mut OutBuffer,
        action: impl FnOnce(
            &mut rustls::unbuffered::WriteTraffic<'_, rustls::client::ClientConnectionData>,
            &mut OutBuffer,
        ) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        loop {
            let UnbufferedStatus { discard, state } = self.connection.process_tls_records(leftover);
            match state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => return action(&mut traffic, out),
                Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, out)?,
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => {}
                Ok(_) => return Err(Failure::new(FailureKind::TlsProtocol, "session not ready to send")),
                Err(error) => return Err(tls::failure::classify(&error)),
            }
            leftover.drain(..discard);
        }
    }

    /// What the handshake agreed on; `None` before it is complete, or where the server chose what no plan can name.
    pub(super) fn agreed(&self) -> Option<Agreed> {
        let version = tls::peer::version_of(self.connection.protocol_version()?)?;
        let suite = tls::peer::suite_of(self.connection.negotiated_cipher_suite()?)?;
        let group = self.connection.negotiated_key_exchange_group().and_then(|group| tls::peer::group_of(group.name()));
        let kind = self.connection.handshake_kind()?;
        let resumed = kind == HandshakeKind::Resumed;
        // rustls has no name for a resumption after a HelloRetryRequest; the second hello's flight tells.
        let retried_hello = kind == HandshakeKind::FullWithHelloRetryRequest
            || (resumed && version == TlsVersion::V13 && self.flights > 1);
        Some(Agreed { version, suite, group, resumed, retried_hello })
    }

    /// The type of key in the server's certificate, where it showed one.
    pub(super) fn peer_key_type(&self) -> Option<KeyType> {
        self.connection.peer_certificates()?.first().and_then(tls::peer::peer_key_type)
    }

    /// The protocol that ALPN agreed on.
    pub(super) fn alpn(&self) -> Option<&[u8]> {
        self.connection.alpn_protocol()
    }

    /// Whether the session's keys have served long enough that it should end when it is next idle.
    pub(super) fn worn_out(&self) -> bool {
        self.records >= RECORDS_PER_SESSION
            && self.connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_2)
    }
}

fn encode(
    data: &mut rustls::unbuffered::EncodeTlsData<'_, rustls::client::ClientConnectionData>,
    out: &mut OutBuffer,
) -> Result<(), Failure> {
    let mut room = 0;
    loop {
        match data.encode(out.free(room)) {
            Ok(written) => {
                out.len += written;
                return Ok(());
            }
            Err(EncodeError::InsufficientSize(size)) => room = size.required_size,
            Err(EncodeError::AlreadyEncoded) => {
                return Err(Failure::new(FailureKind::TlsProtocol, "handshake data encoded twice"));
            }
        }
    }
}
