//! The sessions that a worker can resume at one address: TLS 1.3 tickets, used once, or the latest TLS 1.2 session.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// A store for one worker and one address, and so for one server name: the name that comes first. Sessions of another name
/// are neither kept nor given, so that a ticket never goes to a server that did not issue it.
///
/// The built-in store of rustls keeps 8 tickets a name; a worker with hundreds of connections would make full handshakes
/// although it was asked to resume. The lock is never contended, since a store belongs to one worker.
#[derive(Debug)]
pub struct SessionStore {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    name: Option<ServerName<'static>>,
    /// Oldest first.
    tickets: VecDeque<Tls13ClientSessionValue>,
    tls12: Option<Tls12ClientSessionValue>,
    group: Option<NamedGroup>,
    /// While set, sessions are kept but none is given.
    withheld: bool,
    received: u64,
}

impl State {
    /// Whether the store is for `name`.
    fn is_for(&self, name: &ServerName<'_>) -> bool {
        self.name.as_ref().is_some_and(|known| known == name)
    }

    /// Whether the store is for `name`, which it becomes if it was for none yet.
    fn claim(&mut self, name: ServerName<'static>) -> bool {
        *self.name.get_or_insert_with(|| name.clone()) == name
    }
}

impl SessionStore {
    /// A store of at most `capacity` TLS 1.3 tickets (at least one), and one TLS 1.2 session. Servers send one or two tickets a
    /// connection: the number of connections is a sensible capacity.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), state: Mutex::default() }
    }

    /// How many resumptions can be tried now: the number of TLS 1.3 tickets, or [`usize::MAX`] where there is a TLS 1.2 session,
    /// which can be resumed any number of times.
    ///
    /// A ticket's lifetime is rustls' secret until it is used; one that has expired is counted here, and makes a full
    /// handshake. The freshest is used first and the oldest dropped first, so that this takes a server whose tickets live
    /// shorter than they wait.
    pub fn tickets(&self) -> usize {
        let state = self.state();
        if state.tls12.is_some() { usize::MAX } else { state.tickets.len() }
    }

    /// How many sessions have come so far, in either version.
    pub fn received(&self) -> u64 {
        self.state().received
    }

    /// Whether sessions are withheld: kept when they come, but given to no hello. A handshake that is to bring a session must not spend
    /// one that is already there.
    pub fn withhold(&self, withheld: bool) {
        self.state().withheld = withheld;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is a single step, so that a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for SessionStore {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        let mut state = self.state();
        if state.claim(server_name) {
            state.group = Some(group);
        }
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        let state = self.state();
        if state.is_for(server_name) { state.group } else { None }
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        let mut state = self.state();
        if state.claim(server_name) {
            state.received += 1;
            state.tls12 = Some(value);
        }
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        let state = self.state();
        if state.is_for(server_name) && !state.withheld { state.tls12.clone() } else { None }
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        let mut state = self.state();
        if state.is_for(server_name) {
            state.tls12 = None;
        }
    }

    fn insert_tls13_ticket(&self, server_name: ServerName<'static>, value: Tls13ClientSessionValue) {
        let mut state = self.state();
        if state.claim(server_name) {
            if state.tickets.len() == self.capacity {
                state.tickets.pop_front();
            }
            state.received += 1;
            state.tickets.push_back(value);
        }
    }

    fn take_tls13_ticket(&self, server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut state = self.state();
        if state.is_for(server_name) && !state.withheld { state.tickets.pop_back() } else { None }
    }
}
