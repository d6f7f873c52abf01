//! What a server may start in the middle of a session: a KeyUpdate in TLS 1.3, a renegotiation in TLS 1.2. `openssl s_server` does so at
//! a word on its stdin; what goes over the connection it reads from there too, so that the answers are the test's.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use shakedown::model::failure::FailureKind;
use shakedown::model::suite::KeyType;
use tempfile::TempDir;

use super::fixture::{Process, free_port};
use super::generator::{assert_no_failure, document, sent};
use super::identity::Authority;

/// What becomes of a request: words to `s_server` before its answer and in the middle of it; after a renegotiation no more is said.
type Script = fn(request: usize) -> [&'static [&'static str]; 2];

/// The answer, in two pieces. Neither begins with a letter that `s_server` takes for a word to itself.
const ANSWER: [&str; 2] = ["HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n+++", "+++"];

/// What `s_server -msg` prints when it has sent what a word asks for: then the word has been read, and the next read is another one.
const KEY_UPDATE: &str = ">>> TLS 1.3, Handshake [length 0005], KeyUpdate";
const HELLO_REQUEST: &str = ">>> TLS 1.2, Handshake [length 0004], HelloRequest";

/// A server that speaks with one client at a time, by a thread that follows a script.
struct Console {
    process: Process,
    folder: TempDir,
    port: u16,
    ca: String,
    speaker: JoinHandle<Output>,
}

impl Console {
    fn start(version: &str, script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path(), "authority");
        let identity = authority.issue("server", KeyType::Ecdsa, &["localhost"], |_| {});
        let port = free_port();
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", &format!("127.0.0.1:{port}"), version, "-msg", "-cert"])
            .arg(identity.cert)
            .arg("-key")
            .arg(identity.key)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("log")).unwrap())
            .spawn()
            .expect("the openssl command is installed");
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut output = Output { stdout, text: String::new(), looked: 0 };
        output.read_until("ACCEPT").expect("it listens");
        let speaker = std::thread::spawn(move || speak(stdin, output, script));
        let ca = authority.cert.display().to_string();
        Self { process: Process(child), folder, port, ca, speaker }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}/", self.port)
    }

    /// Ends the server, and gives all that it has printed.
    fn end(self) -> String {
        kill_process(Pid::from_child(&self.process.0), Signal::TERM).unwrap();
        let output = self.speaker.join().expect("the script was followed to the end");
        drop(self.folder);
        output.text
    }
}

/// What the server prints.
struct Output {
    stdout: ChildStdout,
    text: String,
    /// How far it has been looked at.
    looked: usize,
}

impl Output {
    /// Reads on until `mark` has come; `None` where the output ends before.
    fn read_until(&mut self, mark: &str) -> Option<()> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(at) = self.text[self.looked..].find(mark) {
                self.looked += at + mark.len();
                return Some(());
            }
            let read = self.stdout.read(&mut buffer).ok().filter(|read| *read > 0)?;
            self.text.extend(buffer[..read].iter().map(|byte| char::from(byte & 0x7f)));
        }
    }
}

/// Answers each request as the script has it, until the server ends.
fn speak(mut stdin: ChildStdin, mut output: Output, script: Script) -> Output {
    let mut follow = |output: &mut Output, request: usize| {
        for (words, piece) in script(request).into_iter().zip(ANSWER) {
            for word in words {
                stdin.write_all(format!("{word}\n").as_bytes()).ok()?;
                let renegotiates = word.eq_ignore_ascii_case("r");
                output.read_until(if renegotiates { HELLO_REQUEST } else { KEY_UPDATE })?;
                if renegotiates {
                    return Some(());
                }
            }
            stdin.write_all(piece.as_bytes()).ok()?;
            // What follows must not be in the same read.
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Some(())
    };
    let mut request = 0;
    while output.read_until("\r\n\r\n").is_some() && follow(&mut output, request).is_some() {
        request += 1;
    }
    output
}

/// How many requests there are, one after the other.
const REQUESTS: usize = 24;

/// The arguments for so many.
const LOAD: [&str; 8] = ["-c", "1", "--requests", "24", "--warmup", "0", "--duration", "20s"];

/// How often `line` begins a line of what the server printed.
fn count(printed: &str, line: &str) -> usize {
    printed.lines().filter(|printed| printed.starts_with(line)).count()
}

#[test]
#[ignore = "needs openssl"]
fn keys_may_be_updated_at_any_time() {
    // "k": the server changes its keys; "K": it asks the client to change its own as well. How many of either the script has.
    let scripts: [(Script, usize, usize); 5] = [
        (|_| [&["k"], &[]], 24, 0),
        (|_| [&["K"], &[]], 24, 24),
        (|_| [&[], &["K"]], 24, 24),
        (|_| [&["k", "k", "k"], &["k", "k"]], 5 * 24, 0),
        (|request| if request % 3 == 0 { [&["K"], &["k"]] } else { [&[], &[]] }, 16, 8),
    ];
    for (nth, (script, updates, asked)) in scripts.into_iter().enumerate() {
        let server = Console::start("-tls1_3", script);
        let document = document(&server.url(), &[&LOAD[..], &["--ca", &server.ca]].concat());
        let printed = server.end();
        assert_no_failure(&document);
        assert_eq!((document.counts.succeeded, document.connections.opened), (24, 1), "script {nth}");
        assert_eq!(count(&printed, "GET / HTTP/1.1") as u64, sent(&document), "script {nth}");
        assert_eq!(count(&printed, KEY_UPDATE), updates, "script {nth}");
        // The client's own: each goes ahead of what it sends next, be it only the end.
        let answers = count(&printed, "<<< TLS 1.3, Handshake [length 0005], KeyUpdate");
        assert!(answers <= asked && answers + 1 >= asked, "script {nth}: {answers} of {asked}\n{printed}");
    }
}

#[test]
#[ignore = "needs openssl"]
fn a_renegotiation_is_refused_and_fails_as_the_server_says() {
    // "r" asks for a handshake in the session, "R" for one with a client certificate: before the answer, and in the middle of it.
    let scripts: [Script; 2] = [
        |request| if request % 4 == 1 { [&["r"], &[]] } else { [&[], &[]] },
        |request| if request % 4 == 1 { [&[], &["R"]] } else { [&[], &[]] },
    ];
    for (nth, script) in scripts.into_iter().enumerate() {
        let server = Console::start("-tls1_2", script);
        let document = document(&server.url(), &[&LOAD[..], &["--ca", &server.ca]].concat());
        let printed = server.end();
        let asked = count(&printed, HELLO_REQUEST);
        assert_eq!((asked, count(&printed, "<<< TLS 1.2, Alert [length 0002], warning no_renegotiation")), (6, 6));
        assert_eq!(count(&printed, "GET / HTTP/1.1") as u64, sent(&document), "script {nth}");
        // OpenSSL takes no for an answer by ending the session with a fatal alert.
        assert_eq!(
            document.counts.succeeded,
            (REQUESTS - asked) as u64,
            "script {nth}: {:?}",
            document.failure_details
        );
        assert_eq!(document.counts.failures.get(&FailureKind::TlsAlert), Some(&(asked as u64)));
        let details = document.failure_details.iter().filter(|detail| detail.of == "counts");
        assert_eq!(details.map(|detail| detail.detail.as_str()).collect::<Vec<_>>(), ["handshake_failure"]);
        assert_eq!(document.connections.opened, 1 + asked as u64, "script {nth}");
    }
}
