//! Asks an endpoint what it accepts, by hellos of our own: versions and suites that no TLS library speaks any more are offered byte by
//! byte, and each answer is weighed before it is believed.
//!
//! [`Prober::place`] asks everything at one address under one server name; policy and judgement are elsewhere. It blocks, uses one
//! connection at a time at a bounded pace ([`Limits`]), and never takes silence for a refusal: `ask` says what counts as one.

mod ask;
mod confirm;
mod details;
mod examine;
mod fetch;
pub mod flight;
mod hello;
mod lists;
mod pace;
mod rare;
mod wire;

use std::net::SocketAddr;

pub use fetch::fetch;
pub use lists::group_name;
pub use pace::Limits;

use crate::model::survey::{Depth, Place};
use pace::Pace;

/// The longest name that DNS knows, in its written form.
const LONGEST_NAME: usize = 253;

/// How far the prober is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Where it asks now.
    pub address: SocketAddr,
    /// Connections so far, over all places.
    pub connections: u64,
}

/// Asks one place after another, within limits for all of them together.
pub struct Prober<'a> {
    pace: Pace<'a>,
    observe: Box<dyn FnMut(Progress) + 'a>,
}

impl<'a> Prober<'a> {
    /// A prober that begins to use its time now. `stop` is asked several times a second whether to end; `observe` hears of each
    /// connection before it is made.
    pub fn new(limits: Limits, stop: &'a dyn Fn() -> bool, observe: impl FnMut(Progress) + 'a) -> Self {
        Self { pace: Pace::new(limits, stop), observe: Box::new(observe) }
    }

    /// Asks what `address` accepts under the server name `sni`, or without one. Where the limits end the questions, or `stop` does, the
    /// rest stays open.
    ///
    /// # Panics
    /// If `sni` is longer than any name of DNS.
    pub fn place(&mut self, address: SocketAddr, sni: Option<&str>, depth: Depth) -> Place {
        assert!(sni.is_none_or(|name| name.len() <= LONGEST_NAME), "a server name is a name of DNS");
        let interview = ask::Interview::new(&mut self.pace, &mut self.observe, address, sni);
        examine::Examination::new(interview).run(depth)
    }

    /// How many connections have been made.
    pub fn connections(&self) -> u64 {
        self.pace.used
    }
}
