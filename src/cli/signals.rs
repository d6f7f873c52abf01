//! Ctrl-C and SIGTERM: the first asks the run to end in order, the second ends the process.

use std::io;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::exit::INTERRUPTED_TWICE;
use crate::engine::control::StopFlag;

/// Raises `stop` at the first SIGINT or SIGTERM, and exits at the second.
pub(super) fn raise_on_signal(stop: &StopFlag) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let stop = stop.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            if stop.is_raised() {
                std::process::exit(INTERRUPTED_TWICE);
            }
            stop.raise();
            eprintln!(
                "\nending: what is under way may finish, and what was measured is written; once more to stop at once"
            );
        }
    })?;
    Ok(())
}

/// Blocks until SIGINT or SIGTERM.
pub(super) fn wait_for_signal() -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    signals.forever().next();
    Ok(())
}
