//! Ctrl-C and SIGTERM: the first asks the run to end in order, the second ends the process.

use std::io;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::exit::{Failed, INTERRUPTED_TWICE};
use crate::engine::control::StopFlag;
use crate::record::folder::ResultsFolder;

/// A flag that the first SIGINT or SIGTERM raises; the second exits, and leaves no empty `folder`.
pub(super) fn stop_on_signal(folder: &ResultsFolder) -> Result<StopFlag, Failed> {
    let stop = StopFlag::default();
    watch(stop.clone(), folder.clone())
        .map_err(|error| Failed::could_not_run(format!("cannot watch for signals: {error}")))?;
    Ok(stop)
}

fn watch(stop: StopFlag, folder: ResultsFolder) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            if stop.is_raised() {
                folder.discard();
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
