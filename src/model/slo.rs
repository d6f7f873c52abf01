//! Objectives: what a load must meet to count as carried.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::load::{RequestsPerConnection, Unit};
use crate::units::{self, Percent, parse_duration, quantile_name};

/// The shape of an objective, for those who got it wrong.
const EXPECTED: &str = "an objective such as 'response p99 < 50ms', 'errors < 0.1%' or 'achieved > 99%'";

/// The longest time that is recorded.
const LONGEST: Duration = Duration::from_secs(3600);

/// A latency that an objective can be about; `docs/measurement.md` defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// connect() → writable.
    Connect,
    /// A full handshake.
    HandshakeFull,
    /// A resumed handshake.
    HandshakeResumed,
    /// Started → first byte.
    FirstByte,
    /// Started → last byte.
    Service,
    /// Intended → last byte: what a user feels.
    Response,
}

impl Timing {
    const ALL: [Self; 6] =
        [Self::Connect, Self::HandshakeFull, Self::HandshakeResumed, Self::FirstByte, Self::Service, Self::Response];

    /// The name in documents and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::HandshakeFull => "handshake_full",
            Self::HandshakeResumed => "handshake_resumed",
            Self::FirstByte => "first_byte",
            Self::Service => "service",
            Self::Response => "response",
        }
    }
}

/// What an objective bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Measure {
    /// A quantile of a latency, from above.
    Latency {
        /// Which latency.
        timing: Timing,
        /// Which quantile, above 0 and below 1.
        q: f64,
        /// The limit, in nanoseconds.
        limit_ns: u64,
    },
    /// What failed or was never sent, as a share of what was to be sent, from above.
    Errors(Percent),
    /// What was completed, as a share of what was offered in the same time, from below.
    Achieved(Percent),
}

/// An objective: a measure, its limit, and whether the limit itself will do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slo {
    measure: Measure,
    inclusive: bool,
}

impl Slo {
    /// What is bounded.
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// Whether the limit itself meets it: `<=` and `>=`.
    pub fn is_inclusive(&self) -> bool {
        self.inclusive
    }

    /// Checks that trials of this kind of load measure what the objective is about; `resumed`: the share of connections that resume.
    ///
    /// # Errors
    /// A sentence that names the objective and the way out.
    pub fn fits(&self, unit: Unit, each: RequestsPerConnection, resumed: f64) -> Result<(), String> {
        let Measure::Latency { timing, .. } = self.measure else { return Ok(()) };
        let opens = unit == Unit::Sessions || each != RequestsPerConnection::Unlimited;
        let handshakes_only = each == RequestsPerConnection::HandshakeOnly;
        let way_out = match timing {
            Timing::Response => return Ok(()),
            Timing::Service | Timing::FirstByte if handshakes_only => {
                "needs requests, and --requests-per-connection 0 sends none"
            }
            Timing::Connect | Timing::HandshakeFull | Timing::HandshakeResumed if !opens => {
                "needs new connections while it is measured; add --unit sessions with --requests-per-connection N, or 0 for handshakes only"
            }
            Timing::HandshakeFull if resumed >= 1.0 => "needs full handshakes, and --resumption resumed makes none",
            Timing::HandshakeResumed if resumed <= 0.0 => "needs resumed handshakes; add --resumption resumed",
            _ => return Ok(()),
        };
        Err(format!("--slo '{self}' {way_out}"))
    }

    /// About how many arrivals a trial must hold for a clear answer, if they were independent: so many that a quantile has an interval, or that
    /// a share is known to lie below its limit when nothing failed.
    pub fn arrivals_needed(&self) -> f64 {
        match self.measure {
            Measure::Latency { q, .. } => (20.0 / (1.0 - q)).max(400.0),
            Measure::Errors(limit) => 4.0 / limit.as_fraction(),
            Measure::Achieved(limit) => (4.0 / (1.0 - limit.as_fraction())).max(400.0),
        }
    }
}

impl FromStr for Slo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = |why: &str| format!("'{}' is not {EXPECTED}: {why}", text.trim());
        let place = text.find(['<', '>', '≤', '≥']).ok_or_else(|| refuse("it has no < or >"))?;
        let (subject, rest) = text.split_at(place);
        let (below, inclusive, limit) = comparison(rest);
        let words: Vec<_> = subject.split_whitespace().collect();
        let measure = match words.as_slice() {
            ["errors"] => Measure::Errors(errors_limit(limit).map_err(|why| refuse(&why))?),
            ["achieved"] => Measure::Achieved(achieved_limit(limit).map_err(|why| refuse(&why))?),
            [name, quantile] => latency(name, quantile, limit).map_err(|why| refuse(&why))?,
            _ => return Err(refuse("before the limit stand a latency and a quantile, 'errors' or 'achieved'")),
        };
        match (measure, below) {
            (Measure::Achieved(_), true) => Err(refuse("'achieved' has a lower limit, so write '>'")),
            (Measure::Latency { .. } | Measure::Errors(_), false) => Err(refuse("it has an upper limit, so write '<'")),
            _ => Ok(Self { measure, inclusive }),
        }
    }
}

/// Whether it is from above, whether the limit belongs to it, and the limit.
fn comparison(text: &str) -> (bool, bool, &str) {
    for (sign, below, inclusive) in
        [("<=", true, true), (">=", false, true), ("≤", true, true), ("≥", false, true), ("<", true, false)]
    {
        if let Some(limit) = text.strip_prefix(sign) {
            return (below, inclusive, limit.trim());
        }
    }
    (false, false, text.trim_start_matches('>').trim())
}

fn percent(text: &str) -> Result<Percent, String> {
    text.parse().map_err(|error: units::UnitError| error.to_string())
}

fn errors_limit(text: &str) -> Result<Percent, String> {
    let limit = percent(text)?;
    if limit.as_fraction() < 1e-6 {
        return Err("no number of requests shows that none ever fails; allow a small share, such as 0.01%".to_owned());
    }
    Ok(limit)
}

fn achieved_limit(text: &str) -> Result<Percent, String> {
    let limit = percent(text)?;
    if limit.as_fraction() > 0.9999 {
        return Err("there is always something under way when a trial ends; ask for at most 99.99%".to_owned());
    }
    Ok(limit)
}

fn latency(name: &str, quantile: &str, limit: &str) -> Result<Measure, String> {
    let timing = Timing::ALL.into_iter().find(|timing| timing.name() == name).ok_or_else(|| {
        let names: Vec<_> = Timing::ALL.iter().map(|timing| timing.name()).collect();
        format!("'{name}' is no latency; there are {}", names.join(", "))
    })?;
    let q = quantile
        .strip_prefix('p')
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && digits.len() <= 7)
        .and_then(|digits| digits.parse::<f64>().ok())
        // Three decimals: beyond p99.999 no trial holds enough.
        .map(|percent| (percent * 1000.0).round() / 100_000.0)
        .filter(|q| *q > 0.0 && *q < 1.0)
        .ok_or_else(|| format!("'{quantile}' is no quantile such as p50, p99 or p99.9"))?;
    let limit = parse_duration(limit).map_err(|error| error.to_string())?;
    if limit.is_zero() || limit > LONGEST {
        return Err(format!("a limit of {} is out of range; use 1ns to 1h", units::duration(limit)));
    }
    Ok(Measure::Latency { timing, q, limit_ns: limit.as_nanos() as u64 })
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let equal = if self.inclusive { "=" } else { "" };
        match self.measure {
            Measure::Latency { timing, q, limit_ns } => {
                let limit = units::duration(Duration::from_nanos(limit_ns));
                write!(f, "{} {} <{equal} {limit}", timing.name(), quantile_name(q))
            }
            Measure::Errors(limit) => write!(f, "errors <{equal} {limit}"),
            Measure::Achieved(limit) => write!(f, "achieved >{equal} {limit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slo(text: &str) -> Slo {
        text.parse().unwrap()
    }

    #[test]
    fn objectives_are_read_as_people_write_them() {
        let ms = |q, limit: u64| Measure::Latency { timing: Timing::Response, q, limit_ns: limit * 1_000_000 };
        assert_eq!(slo("response p99 < 50ms").measure(), ms(0.99, 50));
        assert_eq!(slo(" response  p99.9<=1s ").measure(), ms(0.999, 1000));
        assert_eq!(slo("response p50 ≤ 1m").measure(), ms(0.5, 60_000));
        assert!(slo("response p99.9<=1s").is_inclusive() && !slo("response p99 < 1s").is_inclusive());
        assert_eq!(slo("errors < 0.1%").measure(), Measure::Errors("0.1%".parse().unwrap()));
        assert_eq!(slo("achieved > 99%").measure(), Measure::Achieved("99%".parse().unwrap()));
    }

    #[test]
    fn what_cannot_be_an_objective_is_refused_with_the_reason() {
        for (text, why) in [
            ("response p99 50ms", "no < or >"),
            ("latency p99 < 50ms", "handshake_full"),
            ("response p100 < 50ms", "p99.9"),
            ("response p0 < 50ms", "p99.9"),
            ("response < 50ms", "a latency and a quantile"),
            ("response p99 > 50ms", "write '<'"),
            ("response p99 < 50", "30s"),
            ("response p99 < 0", "1ns to 1h"),
            ("errors < 0%", "0.01%"),
            ("errors < 5", "percentage"),
            ("errors > 1%", "write '<'"),
            ("achieved < 99%", "write '>'"),
            ("achieved > 100%", "99.99%"),
            ("", "no < or >"),
        ] {
            let error = text.parse::<Slo>().unwrap_err();
            assert!(error.contains(why) && error.contains("response p99 < 50ms"), "{text}: {error}");
        }
    }

    #[test]
    fn an_objective_that_the_load_never_measures_is_refused() {
        let unlimited = RequestsPerConnection::Unlimited;
        let none = RequestsPerConnection::HandshakeOnly;
        let handshake = slo("handshake_full p95 < 20ms");
        assert!(handshake.fits(Unit::Requests, unlimited, 0.0).unwrap_err().contains("--unit sessions"));
        assert!(handshake.fits(Unit::Sessions, none, 0.0).is_ok());
        assert!(handshake.fits(Unit::Sessions, none, 1.0).unwrap_err().contains("--resumption"));
        let resumed = slo("handshake_resumed p95 < 20ms");
        assert!(resumed.fits(Unit::Sessions, none, 0.0).unwrap_err().contains("--resumption"));
        assert!(slo("service p50 < 1s").fits(Unit::Sessions, none, 0.0).unwrap_err().contains("needs requests"));
        assert!(slo("response p50 < 1s").fits(Unit::Sessions, none, 0.0).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(
            timing in 0..6_usize, thousandths in 1..100_000_u32, limit in 1..3_600_000_000_000_u64, inclusive: bool, percent in 1..10_000_u32,
        ) {
            let measure = Measure::Latency { timing: Timing::ALL[timing], q: f64::from(thousandths) / 100_000.0, limit_ns: limit };
            let share = format!("{}%", f64::from(percent) / 100.0).parse().unwrap();
            for measure in [measure, Measure::Errors(share), Measure::Achieved(share)] {
                let slo = Slo { measure, inclusive };
                if measure == Measure::Achieved(share) && share.as_fraction() > 0.9999 {
                    continue;
                }
                prop_assert_eq!(slo.to_string().parse::<Slo>(), Ok(slo), "{}", slo);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}|(response|errors|achieved)? ?p?[0-9.]{0,9} ?[<>=≤≥]{0,2} ?[0-9.%ms]{0,9}") {
            if let Err(error) = text.parse::<Slo>() {
                prop_assert!(error.contains("objective"));
            }
        }
    }
}
