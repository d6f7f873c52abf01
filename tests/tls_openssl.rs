//! The CBC suites against OpenSSL, which nobody here wrote: data both ways in both roles, and resumption. `tests/all.sh` runs
//! these with `--include-ignored`, where the `openssl` command is installed.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection, StreamOwned};
use shakedown::model::suite::{KeyType, Suite};
use shakedown::model::tls::{Provider, TlsChoice, TlsPlan, Trust};
use shakedown::tls::config::{ClientConfigs, ClientMaterial};
use shakedown::tls::{peer, provider};
use tempfile::TempDir;

const SIZE: usize = 8 << 20;
const CBC: [Suite; 2] = [Suite::EcdheEcdsaAes128Cbc, Suite::EcdheRsaAes128Cbc];
const LIBRARIES: [Provider; 2] = [Provider::AwsLc, Provider::Ring];
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder with `cert.pem` and `key.pem` for localhost, self-signed.
fn identity(suite: Suite) -> TempDir {
    let key = match suite.key_type().unwrap() {
        KeyType::Rsa => KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap(),
        KeyType::Ecdsa => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(),
    };
    let cert = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("cert.pem"), cert.pem()).unwrap();
    fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
    folder
}

/// Bytes that do not repeat in step with records, and without the letters that `s_client` takes for commands.
fn data() -> Vec<u8> {
    (0..SIZE as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8 & 0x3f).collect()
}

/// A process of openssl, killed when dropped.
struct OpenSsl {
    child: Child,
    port: u16,
}

impl OpenSsl {
    /// `openssl s_server` with the identity in `folder`, the suite, and `args`; its stdout goes to `folder/out`.
    fn server(folder: &TempDir, suite: Suite, args: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("openssl")
            .args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-tls1_2", "-cipher", suite.openssl()])
            .args(["-cert", "cert.pem", "-key", "key.pem"])
            .args(args)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(File::create(folder.path().join("out")).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .expect("the openssl command is installed");
        Self { child, port }
    }

    fn connect(&self) -> TcpStream {
        let start = Instant::now();
        loop {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Ok(socket) => {
                    socket.set_read_timeout(Some(PATIENCE)).unwrap();
                    socket.set_write_timeout(Some(PATIENCE)).unwrap();
                    return socket;
                }
                Err(error) => assert!(start.elapsed() < PATIENCE, "s_server does not listen: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn open(&self, config: &Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        StreamOwned::new(ClientConnection::new(config.clone(), name).unwrap(), self.connect())
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configs(folder: &TempDir, suite: Suite, provider: Provider) -> ClientConfigs {
    let mut plan = TlsPlan::new(TlsChoice { suites: vec![suite], provider, ..TlsChoice::default() }).unwrap();
    plan.trust = Trust::Ca(folder.path().join("cert.pem"));
    plan.alpn = Vec::new();
    ClientMaterial::load(&plan).unwrap().configs(4)
}

/// Everything up to the end of the stream; s_server ends some without close_notify.
fn read_to_end(stream: &mut impl Read) -> Vec<u8> {
    let mut received = Vec::new();
    match stream.read_to_end(&mut received) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}"),
    }
    received
}

#[test]
#[ignore = "needs openssl"]
fn eight_megabytes_come_down_intact() {
    let data = data();
    for suite in CBC {
        let folder = identity(suite);
        let server = OpenSsl::server(&folder, suite, &["-HTTP", "-quiet"]);
        let answer = [b"HTTP/1.0 200 ok\r\n\r\n".as_slice(), &data].concat();
        fs::write(folder.path().join("payload"), &answer).unwrap();
        for provider in LIBRARIES {
            let mut stream = server.open(&configs(&folder, suite, provider).full);
            stream.write_all(b"GET /payload HTTP/1.0\r\n\r\n").unwrap();
            let received = read_to_end(&mut stream);
            assert!(received == answer, "{suite} with {provider:?}: {} bytes differ", received.len());
            assert_eq!(stream.conn.negotiated_cipher_suite().and_then(peer::suite_of), Some(suite));
        }
    }
}

#[test]
#[ignore = "needs openssl"]
fn eight_megabytes_go_up_intact() {
    let data = data();
    for suite in CBC {
        for provider in LIBRARIES {
            let folder = identity(suite);
            let mut server = OpenSsl::server(&folder, suite, &["-quiet", "-naccept", "1"]);
            let mut stream = server.open(&configs(&folder, suite, provider).full);
            // Pieces of many sizes, so that records of many lengths are made.
            let mut rest = data.as_slice();
            for len in (1..).step_by(997) {
                let (piece, after) = rest.split_at(len.min(rest.len()));
                stream.write_all(piece).unwrap();
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            stream.conn.send_close_notify();
            stream.flush().unwrap();
            stream.sock.shutdown(Shutdown::Write).unwrap();
            // Waiting closes the child's input, at which s_server would stop before it has read everything.
            let input = server.child.stdin.take();
            server.child.wait().unwrap();
            drop(input);
            let received = fs::read(folder.path().join("out")).unwrap();
            assert!(received == data, "{suite} with {provider:?}: {} bytes differ", received.len());
        }
    }
}

#[test]
#[ignore = "needs openssl"]
fn sessions_resume_by_id_and_by_ticket() {
    for suite in CBC {
        for how in [&["-www", "-no_ticket"][..], &["-www"]] {
            let folder = identity(suite);
            let server = OpenSsl::server(&folder, suite, how);
            for provider in LIBRARIES {
                let configs = configs(&folder, suite, provider);
                let get = |config: &Arc<ClientConfig>| {
                    let mut stream = server.open(config);
                    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
                    let page = String::from_utf8(read_to_end(&mut stream)).unwrap();
                    let kind = stream.conn.handshake_kind().unwrap();
                    // Both ends say the same.
                    assert_eq!(page.contains("\nReused, TLSv1.2"), kind == HandshakeKind::Resumed, "{page}");
                    kind
                };
                assert_eq!(get(&configs.resuming), HandshakeKind::Full);
                assert_eq!(configs.sessions.tickets(), usize::MAX);
                for _ in 0..3 {
                    assert_eq!(get(&configs.resuming), HandshakeKind::Resumed, "{suite} {provider:?} {how:?}");
                }
                assert_eq!(get(&configs.full), HandshakeKind::Full);
            }
        }
    }
}

/// Sends back everything that the client of one connection sends, up to [`SIZE`] bytes, and closes.
fn echo_once(listener: &TcpListener, config: Arc<ServerConfig>) -> Option<Suite> {
    let (socket, _) = listener.accept().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
    let mut buffer = vec![0; 64 << 10];
    let mut echoed = 0;
    while echoed < SIZE {
        let read = stream.read(&mut buffer).unwrap();
        stream.write_all(&buffer[..read]).unwrap();
        echoed += read;
    }
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    stream.conn.negotiated_cipher_suite().and_then(peer::suite_of)
}

#[test]
#[ignore = "needs openssl"]
fn the_server_role_carries_eight_megabytes_both_ways() {
    let data = data();
    for suite in CBC {
        let folder = identity(suite);
        fs::write(folder.path().join("in"), &data).unwrap();
        for library in LIBRARIES {
            let cert = CertificateDer::from_pem_file(folder.path().join("cert.pem")).unwrap();
            let key = PrivateKeyDer::from_pem_file(folder.path().join("key.pem")).unwrap();
            let config = ServerConfig::builder_with_provider(provider::everything(library))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![cert], key)
                .unwrap();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = std::thread::spawn(move || echo_once(&listener, Arc::new(config)));
            let child = Command::new("openssl")
                .args(["s_client", "-quiet", "-tls1_2", "-cipher", suite.openssl()])
                .args(["-connect", &format!("127.0.0.1:{port}")])
                .stdin(File::open(folder.path().join("in")).unwrap())
                .stdout(File::create(folder.path().join("out")).unwrap())
                .stderr(Stdio::null())
                .current_dir(folder.path())
                .spawn()
                .expect("the openssl command is installed");
            let mut client = OpenSsl { child, port };
            assert_eq!(server.join().unwrap(), Some(suite));
            client.child.wait().unwrap();
            let received = fs::read(folder.path().join("out")).unwrap();
            assert!(received == data, "{suite} with {library:?}: {} bytes differ", received.len());
        }
    }
}
