//! Application data through a whole rustls connection in memory: sealed by the server, opened by the client.
//!
//! Both ends are buffered connections, as servers and clients on rustls have them. The sender's time holds the copy into the record and
//! the copy onto the wire; the receiver's the copy from the wire, as a socket would give it, and the copy to the reader.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use super::handshake::{Configs, complete};
use super::lane::{MAX_RECORDS, WORKING_SET};
use super::timing::{Stopwatch, Work};
use super::{BenchError, Identity};
use crate::model::crypto::Handshake;
use crate::model::suite::{Group, KeyType, Suite};
use crate::model::tls::Provider;

/// What each record adds at most: header 5, and CBC's IV 16, MAC 32 and padding 16.
const OVERHEAD: usize = 69;

/// What the plaintext is made of.
const FILL: u8 = 0x5c;

/// The configurations for one suite; connections are made of them for each repetition.
pub struct RecordLayer {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl RecordLayer {
    /// Configurations for `suite` by `library`, with an ECDSA certificate where the suite allows it.
    ///
    /// # Errors
    /// [`BenchError`] if they cannot be made.
    pub fn new(library: Provider, suite: Suite, identity: &Identity) -> Result<Self, BenchError> {
        let key_type = suite.key_type().unwrap_or(KeyType::Ecdsa);
        let Configs { client, server } =
            Configs::new(library, suite, key_type, Group::X25519, Handshake::Full, identity)?;
        Ok(Self { client, server })
    }

    /// A connection for records of `record_bytes`, after it was proved that what is sent arrives.
    ///
    /// # Errors
    /// [`BenchError`] if the handshake fails, or what arrives is not what was sent.
    pub fn connect(&self, record_bytes: usize) -> Result<Pipe, BenchError> {
        let (client, server) = complete(&self.client, &self.server)?;
        let records = (WORKING_SET / record_bytes).clamp(1, MAX_RECORDS);
        let mut pipe = Pipe {
            client,
            server,
            plain: vec![FILL; record_bytes],
            wire: Vec::with_capacity(records * (record_bytes + OVERHEAD)),
            received: vec![0; record_bytes.max(1 << 14)],
            records,
        };
        pipe.seal()?;
        if pipe.wire.len() <= records * record_bytes || pipe.open()? != records * record_bytes {
            return Err(BenchError::new("record layer", "what was sent did not arrive"));
        }
        if pipe.received[..record_bytes] != pipe.plain {
            return Err(BenchError::new("record layer", "something else arrived"));
        }
        Ok(pipe)
    }
}

/// A connection, and what passes through it.
pub struct Pipe {
    client: ClientConnection,
    server: ServerConnection,
    /// One record's.
    plain: Vec<u8>,
    wire: Vec<u8>,
    received: Vec<u8>,
    /// Records of a slice.
    records: usize,
}

impl Pipe {
    fn seal(&mut self) -> Result<(), BenchError> {
        self.wire.clear();
        for _ in 0..self.records {
            self.server.writer().write_all(&self.plain).map_err(BenchError::at("sealing"))?;
            while self.server.wants_write() {
                self.server.write_tls(&mut self.wire).map_err(BenchError::at("sealing"))?;
            }
        }
        Ok(())
    }

    /// Gives the bytes that were opened.
    fn open(&mut self) -> Result<usize, BenchError> {
        let (mut incoming, mut opened) = (self.wire.as_slice(), 0);
        while !incoming.is_empty() {
            self.client.read_tls(&mut incoming).map_err(BenchError::at("opening"))?;
            let mut waiting =
                self.client.process_new_packets().map_err(BenchError::at("opening"))?.plaintext_bytes_to_read();
            while waiting > 0 {
                let read = self.client.reader().read(&mut self.received).map_err(BenchError::at("opening"))?;
                waiting -= read;
                opened += read;
            }
        }
        Ok(opened)
    }
}

impl Work<2> for Pipe {
    fn operations(&self) -> usize {
        self.records
    }

    /// The sender's time, and the receiver's.
    fn slice(&mut self, watch: &Stopwatch) -> Result<[f64; 2], BenchError> {
        let start = watch.read();
        self.seal()?;
        let sealed = watch.since(start);
        let start = watch.read();
        let opened = self.open()?;
        let ns = watch.since(start);
        if opened != self.records * self.plain.len() {
            return Err(BenchError::new("record layer", "what was sent did not arrive"));
        }
        Ok([sealed, ns])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::crypto::RECORD_BYTES;

    #[test]
    fn every_suite_carries_records_of_every_size() {
        let (identity, watch) = (Identity::new().unwrap(), Stopwatch::default());
        for library in [Provider::AwsLc, Provider::Ring] {
            for suite in Suite::all() {
                let layer = RecordLayer::new(library, suite, &identity).unwrap();
                for record_bytes in RECORD_BYTES {
                    let mut pipe = layer.connect(record_bytes).unwrap();
                    let [seal, open] = pipe.slice(&watch).unwrap();
                    assert!(seal > 0.0 && open > 0.0);
                    assert_eq!(pipe.client.negotiated_cipher_suite().unwrap().suite(), suite.code().into());
                    // A record each, neither split nor joined.
                    let wire = pipe.wire.len() / pipe.records - record_bytes;
                    assert!(pipe.wire.len().is_multiple_of(pipe.records) && (16..=OVERHEAD).contains(&wire), "{wire}");
                }
            }
        }
    }
}
