//! Histograms (`report --format hdr` and `hgrm`) as the HdrHistogram project's own Java tool reads them: the same counts and the same quantiles as the
//! document says, of the whole and of each second.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use shakedown::record::run::RunDocument;

use super::common::server::{Answer, Server};
use super::common::{binary, noise, start};

/// Where Debian's package has the project's library.
const JAR: &str = "/usr/share/java/hdrhistogram.jar";

/// What the project's tool says of the histograms tagged `tag` in `log`, from `seconds.0` to `seconds.1`: value in nanoseconds by percentile level, and the
/// number of values.
fn read(log: &Path, tag: &str, seconds: Option<(f64, f64)>) -> (BTreeMap<String, f64>, u64) {
    let mut command = Command::new("java");
    command.args([
        "-cp",
        JAR,
        "org.HdrHistogram.HistogramLogProcessor",
        "-csv",
        "-outputValueUnitRatio",
        "1",
        "-tag",
        tag,
        "-i",
    ]);
    command.arg(log);
    if let Some((from, to)) = seconds {
        command.args(["-start", &from.to_string(), "-end", &to.to_string()]);
    }
    let ended = command.output().expect("java can be run");
    let text = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{text}{}", String::from_utf8_lossy(&ended.stderr));
    // Value, percentile, count so far, 1/(1 - percentile).
    let rows = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let rows: Vec<Vec<&str>> = rows.map(|line| line.split(',').collect()).collect();
    let n = rows.last().map_or(0, |row| row[2].parse().unwrap());
    (rows.iter().map(|row| (row[1].to_owned(), row[0].parse().unwrap())).collect(), n)
}

fn report(folder: &Path, format: &[&str], name: &str) -> PathBuf {
    let file = folder.join(name);
    let ended = binary().arg("report").arg(folder).args(format).arg("--out").arg(&file).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    file
}

#[test]
#[ignore = "needs libhdrhistogram-java and java"]
fn the_projects_own_tool_reads_the_same_counts_and_quantiles() {
    let _others = noise::beside_others();
    let server = Server::start(|_| Answer::ok());
    let ended = start(&server, &["--rate", "400", "--duration", "3s", "--warmup", "500ms", "-c", "4"]).wait();
    let document: RunDocument = ended.document();
    let log = report(&ended.out(), &["--format", "hdr"], "latency.hlog");
    for (name, latency) in document.latency.named() {
        let (quantiles, n) = read(&log, name, None);
        let Some(latency) = latency else {
            assert_eq!(n, 0, "{name} was not measured");
            continue;
        };
        assert_eq!(n, latency.count + latency.censored, "{name}: the intervals hold all values");
        // The intervals have 2 digits, the document has 3.
        let Some(median) = latency.quantile(0.5).and_then(|record| record.ns) else { continue };
        let median = median as f64;
        let found = quantiles["0.500000000000"];
        assert!((found / median - 1.0).abs() < 0.015, "{name}: {found} against {median}");
    }
    // Of each whole second, the document's own median is from the same histogram: equal to the nanosecond.
    let whole: Vec<_> = document.series.iter().filter(|row| row.t_s.fract() == 0.0).collect();
    assert!(whole.len() >= 2, "{:?}", document.series);
    for row in whole {
        let (quantiles, _) = read(&log, "response", Some((row.t_s - 1.0, row.t_s - 0.5)));
        assert_eq!(quantiles["0.500000000000"], row.response_p50_ns.unwrap() as f64, "{} s", row.t_s);
    }
}

#[test]
#[ignore = "needs libhdrhistogram-java and java"]
fn percentiles_are_laid_out_as_the_projects_own_tool_does() {
    let folder = tempfile::tempdir().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/run-open/result.json");
    let document: RunDocument = serde_json::from_slice(&fs::read(&golden).unwrap()).unwrap();
    fs::copy(&golden, folder.path().join("result.json")).unwrap();
    let ours =
        fs::read_to_string(report(folder.path(), &["--format", "hgrm", "--latency", "response"], "response.hgrm"))
            .unwrap();
    // A log of one interval that holds the whole histogram of the document: what the tool makes of it is the same table.
    let text = &document.latency.response.as_ref().unwrap().histogram.as_ref().unwrap().0;
    let log = folder.path().join("whole.hlog");
    fs::write(&log, format!("#[StartTime: 0.000 (seconds since epoch)]\nTag=response,0.000,1.000,1.000,{text}\n"))
        .unwrap();
    let (quantiles, n) = read(&log, "response", None);
    let rows: Vec<Vec<&str>> = ours
        .lines()
        .skip(2)
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), quantiles.len(), "{ours}");
    for row in &rows {
        let ms: f64 = row[0].parse().unwrap();
        assert_eq!((ms * 1e6).round(), quantiles[row[1]], "{row:?}");
    }
    assert_eq!(rows.last().unwrap()[2], n.to_string());
}
