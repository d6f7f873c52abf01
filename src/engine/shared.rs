//! What the workers of a run share: the plan and what was made from it, all read only, and the few words that they exchange with the
//! coordinator. Nothing here is touched per request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;

use rustls::pki_types::ServerName;

use super::clock::{Clock, Ns};
use super::control::StopFlag;
use super::ledger::Slice;
use crate::http::request::EncodedRequest;
use crate::model::failure::Failure;
use crate::model::load::{Pace, RequestsPerConnection};
use crate::model::plan::RunPlan;
use crate::tls::config::ClientMaterial;

/// What a worker tells the coordinator.
pub(super) enum Report {
    /// Its connections are open.
    Ready,
    /// A slice of the window is complete.
    Slice(Box<Slice>),
    /// What was intended in the window and ended after it: its latencies count, its completions are in no slice.
    Tail(Box<Slice>),
    /// A connection could not be made, and none has been made yet in the whole run.
    FailedBeforeAny(Failure),
    /// No session can be resumed at this address: no ticket came.
    NoTicket(SocketAddr),
    /// A resumption was answered with a full handshake, and none has succeeded yet in the whole run.
    RefusedBeforeAny,
    /// Its measure window is over.
    WindowClosed,
}

/// The encoded requests.
pub(super) struct Requests {
    /// On a connection that goes on.
    pub(super) more: EncodedRequest,
    /// The last one planned on its connection.
    pub(super) last: EncodedRequest,
}

/// Read only while the workers run, but for the atomics.
pub(super) struct Shared<'p> {
    pub(super) plan: &'p RunPlan,
    pub(super) material: &'p ClientMaterial,
    pub(super) addresses: &'p [SocketAddr],
    pub(super) server_name: ServerName<'static>,
    pub(super) requests: Requests,
    pub(super) clock: Clock,
    pub(super) slice_ns: Ns,
    pub(super) stop: &'p StopFlag,
    /// The schedule's zero, once all are ready; 0 before.
    epoch: AtomicU64,
    /// Whether any connection has been made, and any session resumed.
    connected: AtomicBool,
    resumed: AtomicBool,
    /// What may still start in a closed loop's window, where `--requests` bounds it. The only thing that workers share per request: any
    /// division beforehand would leave fast workers idle while slow ones finish.
    grants: Option<AtomicU64>,
    /// In an open loop that `--requests` bounds: the index of the first arrival that is none of this run's.
    end_index: Option<u64>,
    reports: Sender<Report>,
}

impl<'p> Shared<'p> {
    #[allow(clippy::too_many_arguments)] // one call, one place: a second struct would only repeat this one
    pub(super) fn new(
        plan: &'p RunPlan,
        material: &'p ClientMaterial,
        addresses: &'p [SocketAddr],
        server_name: ServerName<'static>,
        clock: Clock,
        slice_ns: Ns,
        stop: &'p StopFlag,
        reports: Sender<Report>,
    ) -> Self {
        let requests = Requests {
            more: crate::http::request::encode(&plan.request, false),
            last: crate::http::request::encode(&plan.request, true),
        };
        let (grants, end_index) = match (plan.load.max_requests, plan.load.pace()) {
            (None, _) => (None, None),
            (Some(most), Pace::Closed) => (Some(AtomicU64::new(most)), None),
            (Some(most), Pace::Open { rate, arrivals, seed }) => {
                let warmup = plan.load.warmup.as_nanos() as Ns;
                let first = crate::pacing::first_index_from(arrivals, rate, seed, warmup);
                (None, Some(first.saturating_add(most)))
            }
        };
        Self {
            plan,
            material,
            addresses,
            server_name,
            requests,
            clock,
            slice_ns,
            stop,
            epoch: AtomicU64::new(0),
            connected: AtomicBool::new(false),
            resumed: AtomicBool::new(false),
            grants,
            end_index,
            reports,
        }
    }

    /// Takes leave to start one more piece of work in a closed loop's window; `false` when all that `--requests` grants has been given.
    pub(super) fn take_grant(&self) -> bool {
        let Some(grants) = &self.grants else { return true };
        grants.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// Whether work counts in a closed loop by having been granted, since `--requests` bounds it.
    pub(super) fn counts_by_grant(&self) -> bool {
        self.grants.is_some()
    }

    /// Whether all that `--requests` grants in a closed loop has been given out.
    pub(super) fn grants_are_spent(&self) -> bool {
        self.grants.as_ref().is_some_and(|grants| grants.load(Ordering::Relaxed) == 0)
    }

    /// Whether the arrival with this index is one of this run's.
    pub(super) fn is_wanted(&self, index: u64) -> bool {
        self.end_index.is_none_or(|end| index < end)
    }

    /// Whether a connection that has answered `answered` requests may carry one more only.
    pub(super) fn is_last(&self, answered: u64) -> bool {
        matches!(self.plan.load.requests_per_connection(), RequestsPerConnection::Exactly(n) if answered + 1 >= n.get())
    }

    /// Sets the schedule's zero; the workers begin when it comes.
    pub(super) fn begin_at(&self, zero: Ns) {
        self.epoch.store(zero, Ordering::Release);
    }

    pub(super) fn epoch(&self) -> Option<Ns> {
        Some(self.epoch.load(Ordering::Acquire)).filter(|zero| *zero > 0)
    }

    pub(super) fn report(&self, report: Report) {
        // The coordinator outlives the workers; without it nobody is left to tell.
        let _ = self.reports.send(report);
    }

    /// A connection has been made.
    pub(super) fn note_connected(&self) {
        if !self.connected.load(Ordering::Relaxed) {
            self.connected.store(true, Ordering::Relaxed);
        }
    }

    /// A session has been resumed.
    pub(super) fn note_resumed(&self) {
        if !self.resumed.load(Ordering::Relaxed) {
            self.resumed.store(true, Ordering::Relaxed);
        }
    }

    /// A resumption was refused; reported as long as none has been accepted.
    pub(super) fn note_refused(&self) {
        if !self.any_resumed() {
            self.report(Report::RefusedBeforeAny);
        }
    }

    /// Whether any session has been resumed by any worker.
    pub(super) fn any_resumed(&self) -> bool {
        self.resumed.load(Ordering::Relaxed)
    }

    /// A connection could not be made; reported as long as none has been.
    pub(super) fn note_failed(&self, failure: &Failure) {
        if !self.any_connected() {
            self.report(Report::FailedBeforeAny(failure.clone()));
        }
    }

    /// Whether any connection has been made by any worker.
    pub(super) fn any_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }
}
