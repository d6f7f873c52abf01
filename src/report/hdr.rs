//! Latencies for the tools of the HdrHistogram project: the log of all of them by intervals (`.hlog`), and the percentiles of one (`.hgrm`).
//! Times are in nanoseconds in the log's histograms, and in milliseconds wherever these formats have numbers for people.

use std::io;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::record::run::{Latency, RunDocument};

const NS_PER_MS: f64 = 1e6;

/// Percentiles written for each halving of the distance to 100 %, as the project's own tools have it.
const TICKS: u32 = 5;

/// Writes the log: a histogram for each interval and each latency that had values in it, tagged with the latency's name. Times are since the start of
/// the measure window, which the log's start time stands for.
///
/// # Errors
/// Those of `out`, and where the document has no intervals or damaged ones.
pub fn hlog(document: &RunDocument, out: &mut dyn io::Write) -> io::Result<()> {
    if document.intervals.is_empty() {
        return Err(none(
            "no latency of this run is kept by intervals: it is from before there were any, or nothing was measured",
        ));
    }
    let mut writer = out;
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(&format!("[Logged with shakedown {}]", document.tool.version))
        .add_comment("[Values are in nanoseconds, to 2 significant digits, timeouts and unsent arrivals at the time that they had waited]")
        .add_comment("[The last interval is what ended after the measure window]")
        .with_start_time(start(document))
        .with_base_time(start(document))
        .with_max_value_divisor(NS_PER_MS)
        .begin_log_with(&mut writer, &mut serializer)?;
    for interval in &document.intervals {
        let (start, length) = interval.time();
        for (name, text) in &interval.histograms {
            let histogram = text.decode().map_err(|error| none(&format!("{name} at {start:?}: {error}")))?;
            let tag =
                Tag::new(name).ok_or_else(|| none(&format!("'{name}' is no tag: it holds a comma or white space")))?;
            log.write_histogram(&histogram, start, length, Some(tag)).map_err(io::Error::other)?;
        }
    }
    Ok(())
}

fn none(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// When the window opened: the document's start and its warm-up later, as near as is known.
fn start(document: &RunDocument) -> SystemTime {
    let started = OffsetDateTime::parse(&document.started_at, &Rfc3339).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let warmup = Duration::try_from_secs_f64(document.plan.warmup_s).unwrap_or_default();
    SystemTime::from(started.max(OffsetDateTime::UNIX_EPOCH)) + warmup
}

/// Writes the percentiles of `latency`, in milliseconds, as the project's `outputPercentileDistribution` lays them out.
///
/// # Errors
/// Those of `out`, and where the document has no histogram of it or a damaged one.
pub fn hgrm(latency: &Latency, out: &mut dyn io::Write) -> io::Result<()> {
    let text = latency
        .histogram
        .as_ref()
        .ok_or_else(|| none("its histogram is not kept: the document is from before they were"))?;
    let histogram = text.decode().map_err(|error| none(&error.to_string()))?;
    writeln!(out, "{:>12} {:>14} {:>10} {:>14}\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")?;
    for step in histogram.iter_quantiles(TICKS) {
        // The iterator adds its levels up: without the rounding to what is printed, 0.3 of 1000 values would be the 301st.
        let quantile = (step.quantile_iterated_to() * 1e12).round() / 1e12;
        let ns = histogram.highest_equivalent(histogram.value_at_quantile(quantile));
        let total = histogram.count_between(0, ns);
        let value = ns as f64 / NS_PER_MS;
        if quantile < 1.0 {
            writeln!(out, "{value:12.6} {quantile:.12} {total:10} {:14.2}", 1.0 / (1.0 - quantile))?;
        } else {
            writeln!(out, "{value:12.6} {quantile:.12} {total:10}")?;
        }
    }
    footer(&histogram, out)
}

fn footer(histogram: &Histogram<u64>, out: &mut dyn io::Write) -> io::Result<()> {
    let (mean, spread) = (histogram.mean() / NS_PER_MS, histogram.stdev() / NS_PER_MS);
    writeln!(out, "#[Mean    = {mean:12.6}, StdDeviation   = {spread:12.6}]")?;
    writeln!(out, "#[Max     = {:12.6}, Total count    = {:12}]", histogram.max() as f64 / NS_PER_MS, histogram.len())?;
    // As many linear steps as a bucket needs to tell values of this many digits apart, to the next power of two.
    let steps = (2 * 10_u64.pow(u32::from(histogram.sigfig()))).next_power_of_two();
    writeln!(out, "#[Buckets = {:12}, SubBuckets     = {steps:12}]", histogram.buckets())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn what_is_not_kept_is_said() {
        let mut document = fixture::open_loop();
        document.intervals.clear();
        let told = hlog(&document, &mut Vec::new()).unwrap_err().to_string();
        assert!(told.contains("by intervals"), "{told}");
        let told = hgrm(document.latency.service.as_ref().unwrap(), &mut Vec::new()).unwrap_err().to_string();
        assert!(told.contains("not kept"), "{told}");
    }

    #[test]
    fn damaged_text_is_an_error_and_no_panic() {
        let mut document = fixture::open_loop();
        document.intervals[0]
            .histograms
            .insert("response".into(), crate::record::intervals::HistogramText("HIST".into()));
        assert!(hlog(&document, &mut Vec::new()).unwrap_err().to_string().contains("no HDR histogram"));
        let mut document = fixture::open_loop();
        let text = document.intervals[0].histograms["response"].clone();
        document.intervals[0].histograms.insert("a, b".into(), text);
        assert!(hlog(&document, &mut Vec::new()).unwrap_err().to_string().contains("is no tag"));
    }

    #[test]
    fn percentiles_are_those_of_the_values() {
        // 5 000 × 1 to 5 000 × 1 000: the median is 2.5 ms and the greatest 5 ms, to 0.1 %.
        let mut page = Vec::new();
        hgrm(fixture::open_loop().latency.response.as_ref().unwrap(), &mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        let row = |quantile: &str| {
            page.lines().find(|line| line.contains(quantile)).unwrap().split_whitespace().collect::<Vec<_>>()
        };
        let median = row(" 0.500000000000 ");
        assert!((median[0].parse::<f64>().unwrap() / 2.5 - 1.0).abs() < 2e-3, "{median:?}");
        assert_eq!((median[2], median[3]), ("500", "2.00"));
        assert_eq!(row(" 1.000000000000 ")[2..], ["1000"]);
        assert!(page.ends_with("#[Buckets =           32, SubBuckets     =         2048]\n"), "{page}");
    }
}
