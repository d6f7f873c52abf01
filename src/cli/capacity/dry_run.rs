//! `shakedown capacity --dry-run`: what would be searched for, for how long at most, and what will not fit.

use std::process::ExitCode;

use super::super::args::OutputArgs;
use super::super::dry_run::{self, plural};
use super::super::exit::Failed;
use super::super::run;
use crate::model::capacity::CapacityPlan;
use crate::model::load::{Pace, RequestsPerConnection};
use crate::report::layout::Page;
use crate::units;

pub(super) fn execute(plan: &CapacityPlan, predicted: Option<&str>, out: &OutputArgs) -> Result<ExitCode, Failed> {
    let mut page = Page::default();
    describe(plan, predicted, &mut page);
    let first = plan.first();
    // All trials have the connections of the first.
    dry_run::finish(page, &first.target, dry_run::unusable(&first.tls, out), |destinations| {
        run::shortfalls(first, destinations)
    })
}

fn describe(plan: &CapacityPlan, predicted: Option<&str>, page: &mut Page) {
    let (first, search) = (plan.first(), plan.search());
    dry_run::warn_insecure(&first.tls, page);
    page.line("request", &dry_run::described_request(&first.request, &first.target, &first.load));
    dry_run::headers_and_destination(&first.request, &first.target, page);
    let objectives: Vec<String> = plan.slo().iter().map(ToString::to_string).collect();
    page.line("objectives", &objectives.join("; "));
    page.line("load", &load(plan));
    let max = search.max.map_or_else(|| "no end".to_owned(), |max| max.to_string());
    page.line(
        "search",
        &format!("from {} up, {} at least, to {max}; to within {}", search.start, search.min, search.precision),
    );
    if let Some(predicted) = predicted {
        page.line("predicted", predicted);
    }
    let soak = if search.confirm.is_zero() {
        "no soak".to_owned()
    } else {
        format!("a soak of {}", units::duration(search.confirm))
    };
    page.line(
        "time",
        &format!(
            "{} at most; trials of {} or more after a warm-up of {}, {soak}; a trial that has begun may drain for {} more",
            units::duration(search.budget),
            units::duration(search.trial),
            units::duration(search.warmup),
            units::duration(first.load.timeout)
        ),
    );
    page.line("tls", &dry_run::offer(&first.tls));
    dry_run::groups_and_trust(&first.tls, &first.target, "", page);
    page.line("handshakes", &format!("{} of new connections resume", units::share(first.tls.resumption.share())));
    dry_run::close_and_key_log(&first.load, &first.tls, page);
}

fn load(plan: &CapacityPlan) -> String {
    let load = &plan.first().load;
    let arrivals = match load.pace() {
        Pace::Open { arrivals, .. } => arrivals.name(),
        Pace::Closed => "no",
    };
    let each = match load.requests_per_connection() {
        RequestsPerConnection::Unlimited => "any number of requests each".to_owned(),
        RequestsPerConnection::Exactly(n) => format!("{} each", plural(n.get(), "request")),
        RequestsPerConnection::HandshakeOnly => "no request".to_owned(),
    };
    format!(
        "{arrivals} arrivals of {}, seed {}; {}, {each}; {}",
        load.unit().name(),
        plan.seed(),
        plural(load.connections() as u64, "connection"),
        plural(load.threads() as u64, "thread")
    )
}
