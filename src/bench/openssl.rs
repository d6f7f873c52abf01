//! The machine's own OpenSSL, through `openssl speed`: most servers run that. Its figures are what the command printed, to the digit.

mod parse;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::BenchError;
use crate::model::crypto::{Direction, Operation, PublicKey};
use crate::model::suite::RecordCipher;

/// Seconds that the command measures each operation for: whole ones, and no fewer.
const SECONDS: u64 = 1;

/// How much longer than it should a command may take before it is ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is looked at.
const POLL: Duration = Duration::from_millis(5);

/// An OpenSSL that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSsl {
    path: PathBuf,
    /// What it says of itself.
    pub version: String,
}

/// One run of `openssl speed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// Records of one size.
    Cipher {
        /// Which algorithm.
        cipher: RecordCipher,
        /// Sealed, or opened.
        direction: Direction,
        /// Plaintext of each record.
        record_bytes: usize,
        /// Processes at once.
        threads: usize,
    },
    /// The operations of one public-key algorithm.
    PublicKey(PublicKey),
}

/// What a run printed.
#[derive(Debug, Clone, PartialEq)]
pub struct Printed {
    /// The command line.
    pub command: String,
    /// The line that the figures are from.
    pub line: String,
    /// The figures: bytes per second, or operations per second in the order of [`Speed::operations`].
    pub figures: Vec<f64>,
}

impl Speed {
    /// Whether the run does all that a record needs. For AES-CBC the command enciphers and hashes the content, but neither the header that
    /// the MAC covers nor padding, and never ends the HMAC: its figure is more than a record's could be.
    pub fn is_whole_record(self) -> bool {
        !matches!(self, Self::Cipher { cipher: RecordCipher::Aes128CbcSha256, .. })
    }

    /// How long the run takes, but for starting and ending.
    pub fn duration(self) -> Duration {
        Duration::from_secs(SECONDS * self.operations().len().max(1) as u64)
    }

    /// The operations that the run measures; none for a cipher.
    pub fn operations(self) -> &'static [Operation] {
        match self {
            Self::Cipher { .. } => &[],
            // OpenSSL measures no generation of keys here, and no ML-KEM before 3.5.
            Self::PublicKey(PublicKey::X25519 | PublicKey::P256 | PublicKey::P384) => &[Operation::Agree],
            Self::PublicKey(PublicKey::MlKem768) => &[],
            Self::PublicKey(PublicKey::EcdsaP256 | PublicKey::Rsa2048) => &[Operation::Sign, Operation::Verify],
        }
    }

    fn arguments(self) -> Vec<String> {
        let mut arguments: Vec<String> = ["speed", "-mr", "-seconds", &SECONDS.to_string()].map(str::to_owned).into();
        match self {
            Self::Cipher { cipher, direction, record_bytes, threads } => {
                arguments.extend(["-bytes".to_owned(), record_bytes.to_string()]);
                // The CBC suite's cipher takes no additional data from this command: with -aead it would be given some in vain.
                if cipher != RecordCipher::Aes128CbcSha256 {
                    arguments.push("-aead".to_owned());
                }
                if direction == Direction::Open {
                    arguments.push("-decrypt".to_owned());
                }
                // By itself the command counts its own CPU time, so that other programs do not slow it; together the time that passed counts.
                if threads > 1 {
                    arguments.extend(["-elapsed".to_owned(), "-multi".to_owned(), threads.to_string()]);
                }
                arguments.extend(["-evp", cipher_name(cipher)].map(str::to_owned));
            }
            Self::PublicKey(algorithm) => arguments.push(public_key_name(algorithm).to_owned()),
        }
        arguments
    }
}

fn cipher_name(cipher: RecordCipher) -> &'static str {
    match cipher {
        RecordCipher::Aes128Gcm => "aes-128-gcm",
        RecordCipher::Aes256Gcm => "aes-256-gcm",
        RecordCipher::ChaCha20Poly1305 => "chacha20-poly1305",
        RecordCipher::Aes128CbcSha256 => "aes-128-cbc-hmac-sha256",
    }
}

fn public_key_name(algorithm: PublicKey) -> &'static str {
    match algorithm {
        PublicKey::X25519 => "ecdhx25519",
        PublicKey::P256 => "ecdhp256",
        PublicKey::P384 => "ecdhp384",
        PublicKey::MlKem768 => "ML-KEM-768",
        PublicKey::EcdsaP256 => "ecdsap256",
        PublicKey::Rsa2048 => "rsa2048",
    }
}

impl OpenSsl {
    /// The OpenSSL at `path`, which may be a name to be looked for in `PATH`.
    ///
    /// # Errors
    /// [`BenchError`] with the reason why it cannot be run.
    pub fn find(path: &Path) -> Result<Self, BenchError> {
        let what = path.display().to_string();
        let (status, out, _) = run(path, &["version".to_owned()], Duration::ZERO, &|| false)
            .map_err(|error| BenchError::new(&what, error))?;
        let version = out.lines().next().unwrap_or_default().trim();
        if !status.success() || version.is_empty() {
            return Err(BenchError::new(&what, format!("it does not tell its version ({status})")));
        }
        Ok(Self { path: path.to_owned(), version: version.to_owned() })
    }

    /// Runs `speed`, and gives what it printed; `None` where `cancelled` became true meanwhile.
    ///
    /// # Errors
    /// [`BenchError`] if the command fails, takes far too long, or prints something else than expected.
    pub fn run(&self, speed: Speed, cancelled: &dyn Fn() -> bool) -> Result<Option<Printed>, BenchError> {
        let arguments = speed.arguments();
        let command = format!("{} {}", self.path.display(), arguments.join(" "));
        let wrong = |why: String| BenchError::new(&command, why);
        let (status, out, err) =
            run(&self.path, &arguments, speed.duration(), cancelled).map_err(|error| wrong(error.to_string()))?;
        if cancelled() {
            return Ok(None);
        }
        if !status.success() {
            let said = err.lines().next().unwrap_or_default().trim();
            return Err(wrong(format!("{status}: {said}")));
        }
        let parsed = match speed {
            Speed::Cipher { .. } => parse::cipher(&out),
            Speed::PublicKey(algorithm) => parse::public_key(&out, algorithm),
        };
        let (line, figures) = parsed.ok_or_else(|| wrong("it printed no such line as was expected".to_owned()))?;
        Ok(Some(Printed { command, line, figures }))
    }
}

/// Runs `path` to its end, but no longer than `expected` and [`PATIENCE`]; gives its status, and what it printed on stdout and stderr.
fn run(
    path: &Path,
    arguments: &[String],
    expected: Duration,
    cancelled: &dyn Fn() -> bool,
) -> std::io::Result<(ExitStatus, String, String)> {
    let mut child = Command::new(path)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let began = Instant::now();
    // What it prints fits into the pipes; a program that prints more without end is ended by the clock.
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if cancelled() || began.elapsed() > expected + PATIENCE {
            child.kill()?;
            break child.wait()?;
        }
        std::thread::sleep(POLL);
    };
    Ok((status, text(child.stdout.take()), text(child.stderr.take())))
}

fn text(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What could be read until an error is judged like any other output.
    let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const SEAL: Speed =
        Speed::Cipher { cipher: RecordCipher::Aes128Gcm, direction: Direction::Seal, record_bytes: 1024, threads: 1 };

    /// A program that does what `script` says, in a folder that lasts as long as it is held.
    fn program(script: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("openssl");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        // While a process that another test starts still holds the file as it was written, it cannot be run.
        let busy =
            || Command::new(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(|mut child| child.kill());
        while busy().is_err_and(|error| error.kind() == std::io::ErrorKind::ExecutableFileBusy) {
            std::thread::sleep(POLL);
        }
        (folder, path)
    }

    #[test]
    fn the_command_is_what_a_person_would_type() {
        let line = |speed: Speed| speed.arguments().join(" ");
        assert_eq!(line(SEAL), "speed -mr -seconds 1 -bytes 1024 -aead -evp aes-128-gcm");
        let open = Speed::Cipher {
            cipher: RecordCipher::Aes128CbcSha256,
            direction: Direction::Open,
            record_bytes: 64,
            threads: 8,
        };
        assert_eq!(
            line(open),
            "speed -mr -seconds 1 -bytes 64 -decrypt -elapsed -multi 8 -evp aes-128-cbc-hmac-sha256"
        );
        assert_eq!(line(Speed::PublicKey(PublicKey::Rsa2048)), "speed -mr -seconds 1 rsa2048");
        assert_eq!(Speed::PublicKey(PublicKey::Rsa2048).duration(), Duration::from_secs(2));
    }

    #[test]
    fn what_was_printed_is_kept_to_the_digit() {
        let script = "[ \"$1\" = version ] && { echo 'OpenSSL 9.9.9 1 Jan 2099'; exit; }\n\
            echo '+DT:AES-128-GCM:1:1024' >&2\necho +H:1024\necho +F:25:AES-128-GCM:1643731968.07";
        let (_folder, path) = program(script);
        let openssl = OpenSsl::find(&path).unwrap();
        assert_eq!(openssl.version, "OpenSSL 9.9.9 1 Jan 2099");
        let printed = openssl.run(SEAL, &|| false).unwrap().unwrap();
        assert_eq!(
            (printed.line.as_str(), printed.figures),
            ("+F:25:AES-128-GCM:1643731968.07", vec![1_643_731_968.07])
        );
        assert!(printed.command.ends_with("-aead -evp aes-128-gcm"), "{}", printed.command);
    }

    #[test]
    fn a_program_that_fails_is_quoted_and_one_that_is_not_there_is_named() {
        let (_folder, path) = program("echo 'speed: unknown cipher' >&2; exit 1");
        let error =
            OpenSsl { path: path.clone(), version: String::new() }.run(SEAL, &|| false).unwrap_err().to_string();
        assert!(error.contains("unknown cipher") && error.contains("-evp aes-128-gcm"), "{error}");
        assert!(OpenSsl::find(&path).is_err());
        let missing = path.with_file_name("nothing");
        let error = OpenSsl::find(&missing).unwrap_err().to_string();
        assert!(error.contains("nothing") && error.contains("No such file"), "{error}");
    }

    #[test]
    fn a_run_that_is_cancelled_ends_at_once() {
        let (_folder, path) = program("exec sleep 60");
        let began = Instant::now();
        let openssl = OpenSsl { path, version: String::new() };
        assert_eq!(openssl.run(SEAL, &|| true), Ok(None));
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
