//! What is demanded of servers: sessions and requests per second, and how the ones are made of the others.
//!
//! `20000 req/s`, `500 sessions/s`, `800 MB/s of 64 KiB`, or a mix such as `200 new sessions/s, 80% resumed, 12 requests each of 4 KiB`: clauses
//! separated by commas, in any order. What two clauses say twice, or what contradicts, is refused.

use std::num::NonZeroU64;
use std::str::FromStr;

use crate::units::{ByteCount, Percent, Rate};

/// What a clause may look like, for those who wrote another.
const EXPECTED: &str = "a part of a demand; those are 20000 req/s, 500 sessions/s, 800 MB/s of 64KiB, 80% resumed, 12 requests each, and \
                        of 4KiB after any that names requests";

/// Names of requests and of sessions in a rate, the longest first, and whether such sessions are said to be resumed.
const REQUESTS: [&str; 4] = ["requests", "request", "reqs", "req"];
const SESSIONS: [&str; 6] = ["sessions", "session", "connections", "connection", "handshakes", "handshake"];

/// Clauses as they were written, each at most once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Clauses {
    /// As they were written.
    text: String,
    sessions: Option<Rate>,
    resumed: Option<Percent>,
    requests: Option<Rate>,
    /// Bytes per second, in objects of the size.
    bytes: Option<f64>,
    each: Option<NonZeroU64>,
    size: Option<ByteCount>,
}

/// New sessions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sessions {
    /// How many begin each second.
    pub rate: Rate,
    /// The share of them that resumes.
    pub resumed: Percent,
}

/// Requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Requests {
    /// How many are sent each second.
    pub rate: Rate,
    /// The size of each answer, where it was said.
    pub size: Option<ByteCount>,
}

/// A demand: sessions, requests, or both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    sessions: Option<Sessions>,
    requests: Option<Requests>,
}

impl Demand {
    /// The demand that `clauses` add up to.
    ///
    /// # Errors
    /// A sentence, where they lack a rate, or contradict each other.
    pub fn new(clauses: &Clauses) -> Result<Self, String> {
        let Clauses { text: _, sessions, resumed, requests, bytes, each, size } = *clauses;
        let requests = requests_of(requests, bytes, size)?;
        let (sessions, requests) = match (sessions, requests, each) {
            (None, None, _) => {
                return Err("no rate: say how many requests or sessions there are, such as 20000 req/s".to_owned());
            }
            (Some(sessions), None, Some(each)) => {
                let all = sessions.as_per_second() * each.get() as f64;
                (Some(sessions), Some(rate(all, "requests")?))
            }
            (None, Some(requests), Some(each)) => {
                (Some(rate(requests.as_per_second() / each.get() as f64, "sessions")?), Some(requests))
            }
            (Some(_), Some(_), Some(each)) => {
                return Err(format!(
                    "{each} requests each: the rates of sessions and of requests are both given; leave one of the three out"
                ));
            }
            (sessions, requests, None) => (sessions, requests),
        };
        if resumed.is_some() && sessions.is_none() {
            return Err("a share is resumed, but of which sessions? Say how many there are, such as 200 sessions/s, or how many requests \
                        each has, such as 12 requests each"
                .to_owned());
        }
        if size.is_some() && requests.is_none() {
            return Err(
                "a size is given, but no requests that have it: say how many, such as 12 requests each of 4KiB"
                    .to_owned(),
            );
        }
        Ok(Self {
            sessions: sessions.map(|rate| Sessions { rate, resumed: resumed.unwrap_or(Percent::NONE) }),
            requests: requests.map(|rate| Requests { rate, size }),
        })
    }

    /// New sessions, if any are demanded; without, requests go over connections that are kept.
    pub fn sessions(&self) -> Option<Sessions> {
        self.sessions
    }

    /// Requests, if any are demanded; without, sessions are handshakes only.
    pub fn requests(&self) -> Option<Requests> {
        self.requests
    }
}

/// Requests per second, be they given as such or as bytes.
fn requests_of(requests: Option<Rate>, bytes: Option<f64>, size: Option<ByteCount>) -> Result<Option<Rate>, String> {
    match (requests, bytes, size) {
        (Some(_), Some(_), _) => Err("requests and bytes per second are both given: leave one out".to_owned()),
        (None, Some(_), None) => {
            Err("bytes per second cost what their objects cost: say how large those are, such as 800 MB/s of 64KiB"
                .to_owned())
        }
        (None, Some(bytes), Some(size)) => rate(bytes / size.0 as f64, "requests").map(Some),
        (requests, None, _) => Ok(requests),
    }
}

fn rate(per_s: f64, of: &str) -> Result<Rate, String> {
    Rate::per_second(per_s).ok_or_else(|| format!("{per_s} {of}/s is not a rate between 0 and 10^9 per second"))
}

impl Clauses {
    /// These clauses together with others.
    ///
    /// # Errors
    /// A sentence, where both say the same thing.
    pub fn with(self, other: Self) -> Result<Self, String> {
        let text = [self.text, other.text].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ");
        Ok(Self {
            text,
            sessions: one(self.sessions, other.sessions, "a rate of sessions")?,
            resumed: one(self.resumed, other.resumed, "a share that is resumed")?,
            requests: one(self.requests, other.requests, "a rate of requests")?,
            bytes: one(self.bytes, other.bytes, "a rate of bytes")?,
            each: one(self.each, other.each, "how many requests each session has")?,
            size: one(self.size, other.size, "a size")?,
        })
    }

    /// The clauses as they were written.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn clause(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (head, size) = match text.rsplit_once("of ") {
            Some((head, size)) if head.is_empty() || head.ends_with(' ') => {
                let size: ByteCount = size.parse().map_err(|error| format!("{error}"))?;
                if size.0 == 0 {
                    return Err(format!("'{text}': an answer of no bytes has no size to plan with; leave it out"));
                }
                (head.trim(), Some(size))
            }
            _ => (text, None),
        };
        let clause = Self { text: text.to_owned(), size, ..Self::default() };
        let unknown = || format!("'{text}' is not {EXPECTED}");
        if let Some(share) = head.strip_suffix("resumed") {
            let resumed = share.parse().map_err(|_| format!("'{text}' is not a share such as 80% resumed"))?;
            return if size.is_none() { Ok(Self { resumed: Some(resumed), ..clause }) } else { Err(unknown()) };
        }
        if let Some((amount, period)) = head.split_once('/') {
            return clause.rate(amount.trim(), period.trim()).ok_or_else(unknown);
        }
        let words = head.strip_suffix("each").unwrap_or(head).trim();
        if let Some(number) = strip_noun(words, &REQUESTS) {
            let each = number.replace('_', "").parse().map_err(|_| {
                format!(
                    "'{text}': the requests of each session must be a whole number from 1 on, such as 12 requests each"
                )
            })?;
            return Ok(Self { each: Some(each), ..clause });
        }
        if head.is_empty() && size.is_some() { Ok(clause) } else { Err(unknown()) }
    }

    /// The clause `amount/period`.
    fn rate(self, amount: &str, period: &str) -> Option<Self> {
        let per = |number: &str| format!("{number}/{period}").parse::<Rate>().ok();
        if let Some(number) = strip_noun(amount, &REQUESTS) {
            return Some(Self { requests: Some(per(number)?), ..self });
        }
        if let Some(number) = strip_noun(amount, &SESSIONS) {
            if self.size.is_some() {
                return None;
            }
            if let Some(number) = number.strip_suffix("resumed") {
                return Some(Self { sessions: Some(per(number.trim())?), resumed: Some(Percent::ALL), ..self });
            }
            let number = ["new", "full"].iter().find_map(|word| number.strip_suffix(word)).unwrap_or(number);
            return Some(Self { sessions: Some(per(number.trim())?), ..self });
        }
        // A size without a letter of its own would be a rate of nobody knows what.
        let bytes: ByteCount = amount.parse().ok().filter(|_| amount.ends_with('B'))?;
        let each_second = per("1")?.as_per_second();
        (bytes.0 > 0).then_some(Self { bytes: Some(bytes.0 as f64 * each_second), ..self })
    }
}

impl FromStr for Clauses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').try_fold(Self::default(), |all, clause| all.with(Self::clause(clause)?))
    }
}

/// What stands before one of `nouns`, with which `text` ends.
fn strip_noun<'t>(text: &'t str, nouns: &[&str]) -> Option<&'t str> {
    nouns.iter().find_map(|noun| text.strip_suffix(noun)).map(str::trim)
}

fn one<T>(a: Option<T>, b: Option<T>, what: &str) -> Result<Option<T>, String> {
    match (a, b) {
        (Some(_), Some(_)) => Err(format!("{what} is given twice: leave one out")),
        (a, b) => Ok(a.or(b)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn demand(text: &str) -> Result<Demand, String> {
        Demand::new(&text.parse()?)
    }

    /// Sessions, share resumed, requests, size.
    type Found = (Option<f64>, f64, Option<f64>, Option<u64>);

    fn found(demand: Demand) -> Found {
        let (sessions, requests) = (demand.sessions(), demand.requests());
        (
            sessions.map(|sessions| sessions.rate.as_per_second()),
            sessions.map_or(0.0, |sessions| sessions.resumed.as_fraction()),
            requests.map(|requests| requests.rate.as_per_second()),
            requests.and_then(|requests| requests.size).map(|size| size.0),
        )
    }

    #[test]
    fn demands_are_read_as_people_write_them() {
        let cases: [(&str, Found); 14] = [
            ("20000 req/s", (None, 0.0, Some(20_000.0), None)),
            ("20k requests/s", (None, 0.0, Some(20_000.0), None)),
            ("20_000req/s of 4 KiB", (None, 0.0, Some(20_000.0), Some(4096))),
            ("600 requests/min", (None, 0.0, Some(10.0), None)),
            ("500 sessions/s", (Some(500.0), 0.0, None, None)),
            ("500 full handshakes/s", (Some(500.0), 0.0, None, None)),
            ("500 resumed sessions/s", (Some(500.0), 1.0, None, None)),
            ("500 new connections/s, 25% resumed", (Some(500.0), 0.25, None, None)),
            (
                "200 new sessions/s, 80% resumed, 12 requests each of 4 KiB",
                (Some(200.0), 0.8, Some(2400.0), Some(4096)),
            ),
            ("12 requests each of 4KiB, 80 % resumed, 200 sessions/s", (Some(200.0), 0.8, Some(2400.0), Some(4096))),
            ("2400 req/s, 12 requests each", (Some(200.0), 0.0, Some(2400.0), None)),
            ("2400 req/s, 100 sessions/s, of 1MB", (Some(100.0), 0.0, Some(2400.0), Some(1_000_000))),
            ("800 MB/s of 64KiB", (None, 0.0, Some(12_207.031_25), Some(65_536))),
            ("6 MB/min of 1kB, 10 requests each", (Some(10.0), 0.0, Some(100.0), Some(1000))),
        ];
        for (text, expected) in cases {
            assert_eq!(demand(text).map(found), Ok(expected), "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused_with_the_way_out() {
        for (text, says) in [
            ("", "is not a part of a demand"),
            ("20000", "20000 req/s"),
            ("20000 cats/s", "'20000 cats/s'"),
            ("0 req/s", "'0 req/s'"),
            ("-5 req/s", "'-5 req/s'"),
            ("20000 req/fortnight", "'20000 req/fortnight'"),
            ("10 Gbit/s of 1MiB", "10 Gbit/s"),
            ("20000 req/s of", "is not a part"),
            ("20000 req/s of 4 miles", "4 miles"),
            ("20000 req/s of 0", "no bytes"),
            ("20000 req/s, 10 req/s", "given twice"),
            ("200 sessions/s, 120% resumed", "120% resumed"),
            ("200 sessions/s, 80% resumed, 90% resumed", "given twice"),
            ("500 resumed sessions/s, 80% resumed", "given twice"),
            ("200 sessions/s, 0 requests each", "from 1 on"),
            ("200 sessions/s, 1.5 requests each", "from 1 on"),
            ("80% resumed", "no rate"),
            ("12 requests each", "no rate"),
            ("20000 req/s, 80% resumed", "of which sessions"),
            ("200 sessions/s of 4KiB", "is not a part"),
            ("200 sessions/s, of 4KiB", "no requests"),
            ("200 sessions/s, 2400 req/s, 12 requests each", "leave one of the three out"),
            ("800 MB/s", "how large"),
            ("800/s", "is not a part"),
            ("800 MB/s of 1MB, 5 req/s", "leave one out"),
            ("1000000k requests/s, 12 requests each of 4KiB, 5 sessions/s", "12 requests each"),
            ("500M sessions/s, 12 requests each", "10^9"),
        ] {
            let error = demand(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn a_mix_completes_a_demand_and_does_not_contradict_it() {
        let both = |demand: &str, mix: &str| {
            demand.parse::<Clauses>()?.with(mix.parse()?).and_then(|all| Demand::new(&all)).map(found)
        };
        assert_eq!(
            both("20000 req/s", "80% resumed, 10 requests each of 1KiB"),
            Ok((Some(2000.0), 0.8, Some(20_000.0), Some(1024)))
        );
        assert!(both("20000 req/s", "30000 req/s").unwrap_err().contains("a rate of requests is given twice"));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s).{0,60}") {
            let _ = demand(&text);
        }

        #[test]
        fn nothing_near_a_demand_panics(
            parts in prop::collection::vec("(([0-9._]{0,6}|x)[ kM%]{0,2}(req|sessions|resumed|requests each|of|MB|new)?( of 4KiB|/s|/min|/)?){1,2}", 1..5)
        ) {
            if let Ok(demand) = demand(&parts.join(",")) {
                prop_assert!(demand.sessions().is_some() || demand.requests().is_some());
            }
        }

        #[test]
        fn what_is_written_is_what_is_read(
            sessions in 1_u32..1_000_000, resumed in 0_u32..=100, each in 1_u32..1000, kib in 1_u64..10_000, turn in 0_usize..3
        ) {
            let mut clauses =
                [format!("{sessions} sessions/s"), format!("{resumed}% resumed"), format!("{each} requests each of {kib} KiB")];
            clauses.rotate_left(turn);
            let expected = (
                Some(f64::from(sessions)),
                f64::from(resumed) / 100.0,
                Some(f64::from(sessions) * f64::from(each)),
                Some(kib * 1024),
            );
            prop_assert_eq!(demand(&clauses.join(", ")).map(found), Ok(expected));
        }
    }
}
