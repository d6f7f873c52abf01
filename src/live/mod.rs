//! A run seen while it goes: what the coordinator tells anyway, gathered, and served to whoever asks over HTTP. The workers know nothing of it.

mod server;
mod watch;

pub use server::{Answer, CannotListen, Listen, Server};
pub use watch::Watch;
