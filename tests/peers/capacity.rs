//! `shakedown capacity` against an nginx whose capacity nginx itself sets: what it finds is that, and another search finds the same.

use serde_json::Value;

use super::common::{binary, noise};
use super::nginx::Nginx;

/// What nginx lets pass in a second. As the objective lets 1 % of all fail, 1 % more are carried; and the burst that it lets pass in the two seconds of a
/// trial and its warm-up.
const RATE: f64 = 500.0;
const CARRIED: std::ops::Range<f64> = RATE * 0.97..RATE * 1.05;

/// The precision that is asked for, and how far apart what two searches carry may be.
const PRECISION: f64 = 0.05;

/// The interval of one search.
fn searched(nginx: &Nginx) -> Result<(f64, f64), String> {
    let folder = tempfile::tempdir().unwrap();
    let args = "--slo errors<1% --arrivals constant --start 300/s --min 100/s --threads 1 -c 16 --trial 1s --warmup 300ms --budget 20s \
                --confirm 2s --precision 5% --quiet --out out";
    let mut command = binary();
    command.current_dir(folder.path()).args(["capacity", &nginx.url("/64k"), "--ca", &nginx.ca]);
    let ended = command.args(args.split_whitespace()).output().unwrap();
    let document = std::fs::read(folder.path().join("out/result.json"));
    let document: Value =
        serde_json::from_slice(&document.map_err(|_| String::from_utf8_lossy(&ended.stderr).into_owned())?).unwrap();
    let found = &document["capacity"];
    let of_server = found["limited_by"] == "server" && found["confirmed"] == true;
    match (found["lower"].as_f64(), found["upper"].as_f64()) {
        (Some(lower), Some(upper)) if of_server => Ok((lower, upper)),
        _ => Err(found.to_string()),
    }
}

#[test]
#[ignore = "needs nginx"]
fn two_searches_find_what_nginx_lets_pass() {
    let _alone = noise::alone();
    let nginx = Nginx::start("limit_req zone=paced burst=10 nodelay; limit_req_status 503;");
    noise::despite_noise(|| {
        let (first, second) = (searched(&nginx)?, searched(&nginx)?);
        let told = format!("{first:?} and {second:?}");
        for (lower, upper) in [first, second] {
            if upper < CARRIED.start || lower > CARRIED.end {
                return Err(format!("{told} against {CARRIED:?}"));
            }
        }
        let apart = (first.0 - second.0).abs() / first.1.max(second.1);
        if apart <= PRECISION { Ok(()) } else { Err(told) }
    });
}
