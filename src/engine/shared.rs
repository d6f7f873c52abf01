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
use crate::model::load::RequestsPerConnection;
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
}

/// The encoded requests.
pub(super) struct Requests {
    /// On a connection that goes on.
    pub(super) more: EncodedRequest,
    /// The last one planned on its connection.
    pub(super) last: EncodedRequest,
}

/// Read only while the workers run, but for the two atomics.
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
    /// Whether any connection has been made.
    connected: AtomicBool,
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
        let (epoch, connected) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { plan, material, addresses, server_name, requests, clock, slice_ns, stop, epoch, connected, reports }
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
