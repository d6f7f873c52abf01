//! Names that only the command under test knows: in a mount namespace with an `/etc/hosts` of its own. Nothing of the machine changes.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::NamedTempFile;

/// Runs the rest of the command line with the first argument in the place of `/etc/hosts`, seen by that process alone.
const WITH_HOSTS: &str = r#"mount --bind "$0" /etc/hosts && exec "$@""#;

/// Ways to a mount namespace: as root; by a user namespace; by sudo, and back to the user.
const NAMESPACES: [(&[&str], &[&str]); 3] = [
    (&["unshare", "--mount"], &[]),
    (&["unshare", "--map-root-user", "--mount"], &[]),
    (&["sudo", "-n", "unshare", "--mount"], &["setpriv", "--clear-groups"]),
];

/// `/etc/hosts` as one process sees it.
pub(crate) struct Hosts(NamedTempFile);

impl Hosts {
    /// `name`, which has these addresses, and no other name.
    pub(crate) fn new(name: &str, ips: &[&str]) -> Self {
        let file = NamedTempFile::new().unwrap();
        let lines: String = ips.iter().map(|ip| format!("{ip} {name}\n")).collect();
        std::fs::write(file.path(), lines).unwrap();
        Self(file)
    }

    /// `program` where this is `/etc/hosts`.
    pub(crate) fn command(&self, program: &str) -> Command {
        static USABLE: OnceLock<usize> = OnceLock::new();
        let usable = |namespace: &usize| {
            let mut trial = within(*namespace, self.0.path(), "true");
            trial.stdin(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        let namespace = *USABLE.get_or_init(|| {
            (0..NAMESPACES.len()).find(usable).expect("a mount namespace: as root, by a user namespace, or by sudo")
        });
        within(namespace, self.0.path(), program)
    }
}

fn within(namespace: usize, hosts: &Path, program: &str) -> Command {
    let (enter, leave) = NAMESPACES[namespace];
    let mut command = Command::new(enter[0]);
    command.args(&enter[1..]).args(["sh", "-c", WITH_HOSTS]).arg(hosts).args(leave);
    if !leave.is_empty() {
        let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
        command.arg(format!("--reuid={}", user.as_raw())).arg(format!("--regid={}", group.as_raw()));
    }
    command.arg(program);
    command
}
