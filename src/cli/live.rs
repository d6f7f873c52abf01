//! `--listen`: the figures of a run while it goes, for Prometheus and for a browser.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use time::OffsetDateTime;

use super::exit::Failed;
use super::output;
use crate::engine::Event;
use crate::experiment::run::stamp;
use crate::live::{Listen, Server, Watch};
use crate::model::plan::RunPlan;
use crate::report::{html, openmetrics};

/// Whether and where a run can be watched.
#[derive(Debug, Args)]
#[command(next_help_heading = "Live")]
pub(super) struct LiveArgs {
    /// Serves the run while it goes: a page at /, OpenMetrics at /metrics; port 0 takes a free one, which is told on stderr
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    /// Lets --listen name an address that others than this machine can reach
    #[arg(long, requires = "listen")]
    listen_anywhere: bool,
}

/// What is served, if anything is.
pub(super) struct Live(Option<(Arc<Watch>, Server)>);

impl Live {
    /// Begins to serve, before any load is sent.
    pub(super) fn start(args: &LiveArgs, plan: &RunPlan) -> Result<Self, Failed> {
        let Some(address) = args.listen else { return Ok(Self(None)) };
        let started_at = stamp(OffsetDateTime::now_utc());
        let watch = Arc::new(Watch::new(&plan.target.url.text, &started_at, plan.load.duration));
        let seen = Arc::clone(&watch);
        let answer = move |path: &str| {
            let mut body = Vec::new();
            // Writing to memory does not fail.
            let media = match path {
                "/" => html::live(&seen.reading(), &mut body).map(|()| html::MEDIA_TYPE),
                "/metrics" => openmetrics::write(&seen.reading(), &mut body).map(|()| openmetrics::MEDIA_TYPE),
                _ => return None,
            };
            media.ok().map(|media| (media, body))
        };
        let server =
            Server::start(Listen { address, anywhere: args.listen_anywhere }, Arc::new(answer)).map_err(|error| {
                match error {
                    crate::live::CannotListen::NotLoopback(_) => Failed::usage(format!("--listen: {error}")),
                    crate::live::CannotListen::Refused(..) => Failed::could_not_run(format!("--listen: {error}")),
                }
            })?;
        let at = server.address();
        output::note(&format!("live at http://{at}/, metrics at http://{at}/metrics"));
        if !at.ip().is_loopback() {
            output::warn(&format!("--listen-anywhere: whoever reaches {at} can read the figures of this run"));
        }
        Ok(Self(Some((watch, server))))
    }

    pub(super) fn see(&self, event: &Event<'_>) {
        if let Some((watch, _)) = &self.0 {
            watch.see(event);
        }
    }
}
