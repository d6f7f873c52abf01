//! A run as OpenMetrics text (<https://prometheus.io/docs/specs/om/open_metrics_spec/>), for Prometheus and what reads its format. Times are in seconds; counters
//! begin with the measure window.

use std::fmt;
use std::io;

use hdrhistogram::Histogram;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::layout::clean;
use crate::model::failure::FailureKind;
use crate::record::live::Reading;

/// The media type of the text.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of buckets, in nanoseconds: 1, 2 and 5 times powers of ten from 10 µs to 50 s.
const BOUNDS: [u64; 21] = [
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    20_000_000_000,
    50_000_000_000,
];

/// A histogram that stands as it is.
#[derive(Debug)]
struct Taken {
    sum_s: f64,
    count: u64,
    /// Upper bounds in seconds, with how many lie between each and the one before.
    buckets: Vec<(f64, u64)>,
}

impl Taken {
    /// Values are counted to the bound in or above whose HDR bucket they lie, so that a bound is sharp to the histogram's own digits.
    fn of(histogram: &Histogram<u64>) -> Self {
        let mut from = 0;
        let mut buckets: Vec<(f64, u64)> = Vec::with_capacity(BOUNDS.len() + 1);
        for bound in BOUNDS {
            let end = histogram.highest_equivalent(bound);
            buckets.push((bound as f64 / 1e9, histogram.count_between(from, end)));
            from = end + 1;
        }
        let count = histogram.len();
        let within: u64 = buckets.iter().map(|(_, n)| n).sum();
        buckets.push((f64::INFINITY, count - within));
        Self { sum_s: histogram.mean() * count as f64 / 1e9, count, buckets }
    }
}

impl EncodeMetric for Taken {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        encoder.encode_histogram::<NoLabelSet>(self.sum_s, self.count, &self.buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// Failures in the order of their kinds; one without a kind has no label.
#[derive(Debug)]
struct Failures(Vec<(Option<FailureKind>, u64)>);

impl EncodeMetric for Failures {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        for (kind, n) in &self.0 {
            let labels: Vec<(&str, String)> = kind.iter().map(|kind| ("kind", kind.to_string())).collect();
            encoder.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(n, None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

/// Writes `reading`.
///
/// # Errors
/// Only those of `out`.
pub fn write(reading: &Reading, out: &mut dyn io::Write) -> io::Result<()> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry(reading)).map_err(io::Error::other)?;
    out.write_all(text.as_bytes())
}

fn registry(reading: &Reading) -> Registry {
    let mut all = Registry::with_prefix("shakedown");
    let labels = [
        ("version", clean(&reading.version)),
        ("url", clean(&reading.url)),
        ("started_at", clean(&reading.started_at)),
    ];
    all.register("run", "The run that this is of", Info::new(labels.to_vec()));
    all.register_with_unit(
        "window",
        "How long the measure window has been open",
        Unit::Seconds,
        ConstGauge::new(reading.window_s),
    );
    all.register("requests", "Requests that succeeded", ConstCounter::new(reading.requests));
    all.register("handshakes", "Handshakes that were completed", ConstCounter::new(reading.handshakes));
    all.register("failures", "Requests or sessions that failed", Failures(reading.failures.clone()));
    if let Some(open) = reading.open_connections {
        all.register("open_connections", "Connections that are open", ConstGauge::new(open as i64));
    }
    for (name, histogram) in &reading.latencies {
        let help = format!("{}, lower bounds of what timed out included", name.replace('_', " "));
        all.register_with_unit(*name, help, Unit::Seconds, Taken::of(histogram));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn buckets_add_up_and_bounds_are_in_seconds() {
        let histogram = fixture::open_loop().latency.response.unwrap().histogram.unwrap().decode().unwrap();
        // 5 µs × 1 to 1000.
        let taken = Taken::of(&histogram);
        let up_to =
            |bound: f64| taken.buckets.iter().take_while(|(upper, _)| *upper <= bound).map(|(_, n)| n).sum::<u64>();
        assert_eq!([up_to(1e-5), up_to(5e-4), up_to(5e-3), taken.count], [2, 100, 1000, 1000]);
        assert!((taken.sum_s / (5e-6 * 500_500.0) - 1.0).abs() < 1e-3, "{}", taken.sum_s);
        assert_eq!(taken.buckets.iter().map(|(_, n)| n).sum::<u64>(), taken.count);
    }

    #[test]
    fn what_users_and_servers_wrote_is_escaped() {
        let reading = Reading { url: "https://a/\"\n} 1\\".to_owned(), ..Reading::default() };
        let mut text = Vec::new();
        write(&reading, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("url=\"https://a/\\\"\u{fffd}} 1\\\\\"") && text.ends_with("# EOF\n"), "{text}");
    }
}
