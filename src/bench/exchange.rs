//! The key exchange of a handshake, through the functions of rustls' providers: generate, agree, encapsulate, decapsulate.

use std::hint::black_box;

use rustls::crypto::aws_lc_rs::kx_group::MLKEM768;
use rustls::crypto::{ActiveKeyExchange, SupportedKxGroup};

use super::BenchError;
use super::timing::{Stopwatch, Work};
use crate::model::crypto::{Operation, PublicKey};
use crate::model::suite::{Group, Suite};
use crate::model::tls::Provider;
use crate::tls::provider::provider;

/// Operations of a slice.
const SLICE: usize = 2;

/// One operation of one group.
pub struct Exchange {
    group: &'static dyn SupportedKxGroup,
    operation: Operation,
    /// A peer's public key, to agree with or to encapsulate for.
    peer: Vec<u8>,
}

type Started = Box<dyn ActiveKeyExchange>;

impl Exchange {
    /// `operation` of `algorithm` by `library`; `None` where the library does not have it, or it is no key exchange.
    ///
    /// # Errors
    /// [`BenchError`] if two sides do not come to the same secret.
    pub fn new(library: Provider, algorithm: PublicKey, operation: Operation) -> Result<Option<Self>, BenchError> {
        let Some(group) = group(library, algorithm).filter(|_| algorithm.operations().contains(&operation)) else {
            return Ok(None);
        };
        let failed = BenchError::at(algorithm.name());
        let prepared = prove(group).map_err(failed)?;
        let Some(peer) = prepared else { return Err(BenchError::new(algorithm.name(), "the two secrets differ")) };
        Ok(Some(Self { group, operation, peer }))
    }

    /// What the timed part uses up, and with whom it agrees.
    fn prepare(&self) -> Result<Vec<(Started, Vec<u8>)>, rustls::Error> {
        let one = || {
            let started = self.group.start()?;
            let peer = match self.operation {
                // A ciphertext is for one key only.
                Operation::Decapsulate => self.group.start_and_complete(started.pub_key())?.pub_key,
                _ => self.peer.clone(),
            };
            Ok((started, peer))
        };
        match self.operation {
            Operation::Generate | Operation::Encapsulate => Ok(Vec::new()),
            _ => (0..SLICE).map(|_| one()).collect(),
        }
    }

    fn timed(&self, watch: &Stopwatch) -> Result<f64, rustls::Error> {
        let prepared = self.prepare()?;
        match self.operation {
            Operation::Generate => {
                let mut made = Vec::with_capacity(SLICE);
                let start = watch.read();
                for _ in 0..SLICE {
                    made.push(self.group.start()?);
                }
                Ok(watch.since(start))
            }
            Operation::Encapsulate => {
                let mut made = Vec::with_capacity(SLICE);
                let start = watch.read();
                for _ in 0..SLICE {
                    made.push(self.group.start_and_complete(&self.peer)?);
                }
                Ok(watch.since(start))
            }
            _ => {
                let start = watch.read();
                for (started, peer) in prepared {
                    black_box(started.complete(&peer)?);
                }
                Ok(watch.since(start))
            }
        }
    }
}

/// A public key of the group, after two sides have come to the same secret; `None` if they did not.
fn prove(group: &dyn SupportedKxGroup) -> Result<Option<Vec<u8>>, rustls::Error> {
    let client = group.start()?;
    let share = client.pub_key().to_vec();
    let server = group.start_and_complete(&share)?;
    let secret = client.complete(&server.pub_key)?;
    Ok((secret.secret_bytes() == server.secret.secret_bytes()).then_some(share))
}

fn group(library: Provider, algorithm: PublicKey) -> Option<&'static dyn SupportedKxGroup> {
    let classical = |group| provider(library, &[Suite::Aes128GcmSha256], &[group]).kx_groups.first().copied();
    match algorithm {
        PublicKey::X25519 => classical(Group::X25519),
        PublicKey::P256 => classical(Group::Secp256r1),
        PublicKey::P384 => classical(Group::Secp384r1),
        PublicKey::MlKem768 => (library == Provider::AwsLc).then_some(MLKEM768),
        PublicKey::EcdsaP256 | PublicKey::Rsa2048 => None,
    }
}

impl Work<1> for Exchange {
    fn operations(&self) -> usize {
        SLICE
    }

    fn slice(&mut self, watch: &Stopwatch) -> Result<[f64; 1], BenchError> {
        self.timed(watch).map(|ns| [ns]).map_err(BenchError::at("key exchange"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_library_has_its_groups_and_each_operation_works() {
        let watch = Stopwatch::default();
        for library in [Provider::AwsLc, Provider::Ring] {
            for algorithm in PublicKey::ALL {
                for operation in algorithm.operations() {
                    let exchange = Exchange::new(library, algorithm, *operation).unwrap();
                    let signs = matches!(operation, Operation::Sign | Operation::Verify);
                    assert_eq!(exchange.is_some(), algorithm.is_in(library) && !signs, "{library:?} {algorithm:?}");
                    if let Some(mut exchange) = exchange {
                        assert!(exchange.slice(&watch).unwrap()[0] > 0.0);
                    }
                }
            }
        }
        assert!(Exchange::new(Provider::Ring, PublicKey::X25519, Operation::Encapsulate).unwrap().is_none());
    }
}
