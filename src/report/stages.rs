//! The stages of a scenario as a table: what was offered in each, and what became of it, by whole seconds.

use super::layout::{Page, solid};
use crate::record::run::{RunDocument, SeriesRow};
use crate::record::scenario::StageRecord;
use crate::units;

/// What stands where there is no figure.
const NONE: &str = "–";

/// Writes the table, where the load came in stages.
pub(super) fn write(page: &mut Page, document: &RunDocument) {
    let Some(scenario) = &document.plan.scenario else { return };
    let what = if document.plan.requests_per_connection == Some(0) { "handshakes" } else { "requests" };
    page.heading(&format!("stages; {what} and failures by the seconds whose middle lies in a stage"));
    let rows: Vec<_> = scenario.stages.iter().map(|stage| row(document, stage, what)).collect();
    page.columns(&["", "from", "for", "arrivals/s", what, "failures", "worst p99 of a second"], &rows);
    if let Some(storm) = &scenario.storm {
        let end = document.storm_recovered_s.map_or_else(
            || "not all were open again by the end".to_owned(),
            |s| format!("as many open again after {}", solid(&units::time(s * 1e9))),
        );
        let [at, within] = [storm.at_s, storm.within_s].map(|s| solid(&format!("{} s", units::decimal(s))));
        page.line("storm", &format!("all connections dropped at {at}, to come back within {within}: {end}"));
    }
    page.gap();
}

fn row(document: &RunDocument, stage: &StageRecord, what: &str) -> Vec<String> {
    let seconds = || document.series.iter().filter(|second| second.stage.as_deref() == Some(&stage.name));
    let sum = |count: fn(&SeriesRow) -> u64| units::count(seconds().map(count).sum());
    let done = if what == "handshakes" { sum(|second| second.handshakes) } else { sum(|second| second.requests) };
    let seen = seconds().count() > 0;
    let worst = seconds().filter_map(|second| second.response_p99_ns).max();
    vec![
        stage.name.clone(),
        format!("{} s", units::decimal(stage.start_s)),
        format!("{} s", units::decimal(stage.length_s)),
        rate(stage),
        if seen { done } else { NONE.to_owned() },
        if seen { sum(|second| second.failures) } else { NONE.to_owned() },
        worst.map_or_else(|| NONE.to_owned(), |ns| units::time(ns as f64)),
    ]
}

fn rate(stage: &StageRecord) -> String {
    let [from, to] = [stage.from_per_s, stage.to_per_s].map(units::decimal);
    if stage.kind == "ramp" { format!("{from} to {to}") } else { from }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;
    use crate::record::scenario::{ScenarioRecord, StormRecord};

    fn stage(name: &str, kind: &str, from_per_s: f64, to_per_s: f64, start_s: f64) -> StageRecord {
        StageRecord { name: name.into(), kind: kind.into(), from_per_s, to_per_s, start_s, length_s: 2.0 }
    }

    #[test]
    fn each_second_counts_in_its_stage() {
        let mut document = fixture::open_loop();
        let second = |t_s: f64, requests: u64, failures: u64, p99: u64, stage: &str| SeriesRow {
            t_s,
            requests,
            failures,
            response_p99_ns: Some(p99),
            stage: Some(stage.into()),
            ..SeriesRow::default()
        };
        document.series = vec![
            second(1.0, 100, 0, 5_000_000, "up"),
            second(2.0, 300, 1, 9_000_000, "up"),
            second(3.0, 400, 2, 7_000_000, "top"),
        ];
        let stages = vec![
            stage("up", "ramp", 0.0, 400.0, 0.0),
            stage("top", "hold", 400.0, 400.0, 2.0),
            stage("never reached", "pause", 0.0, 0.0, 4.0),
        ];
        document.plan.scenario = Some(ScenarioRecord {
            name: "launch day".into(),
            stages,
            storm: Some(StormRecord { at_s: 2.0, within_s: 0.5 }),
        });
        let mut page = Page::default();
        write(&mut page, &document);
        let text = page.finish();
        let cells: Vec<Vec<&str>> =
            text.lines().map(|line| line.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect()).collect();
        assert_eq!(cells[2], ["up", "0 s", "2 s", "0 to 400", "400", "1", "9.00 ms"], "{text}");
        assert_eq!(cells[3], ["top", "2 s", "2 s", "400", "400", "2", "7.00 ms"], "{text}");
        assert_eq!(cells[4], ["never reached", "4 s", "2 s", "0", "–", "–", "–"], "{text}");
        let unseen = text.replace(char::is_whitespace, "");
        assert!(unseen.contains("droppedat2s,tocomebackwithin0.5s:notallwereopenagain"), "{text}");
        document.storm_recovered_s = Some(0.75);
        let mut out = Vec::new();
        crate::report::text::run(&document, &mut out).unwrap();
        let whole = String::from_utf8(out).unwrap();
        assert!(whole.replace(char::is_whitespace, "").contains("openagainafter750ms"), "{whole}");
        assert!(whole.contains("scenario launch day in 3 stages") && whole.contains("worst p99"), "{whole}");
        assert!(whole.lines().all(|line| line.chars().count() <= 100), "{whole}");
    }
}
