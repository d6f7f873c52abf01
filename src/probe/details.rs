//! What is reported beside versions and suites: whose order decides, groups, and single facts.

use crate::model::registry::SuiteCode;
use crate::model::survey::{Answer, Depth, Preference, Trait, Trouble, Version};

use crate::tls::inspect::Certificates;

use super::ask::Heard;
use super::confirm::Outcome;
use super::examine::{Examination, Found, Pass};
use super::flight::{Agreement, Flight};
use super::hello::Hello;
use super::lists::{Groups, HYBRID, groups_alone, needs_curve};

/// How the primes of RFC 7919's groups begin, after the 64 ones that other primes begin with, too.
const FFDHE: [u8; 8] = [0xad, 0xf8, 0x54, 0x58, 0xa2, 0xbb, 0x4a, 0x9a];

/// Extensions by their codes (IANA "TLS ExtensionType Values").
const EXTENDED_MASTER_SECRET: u16 = 23;
const SESSION_TICKET: u16 = 35;
const RENEGOTIATION_INFO: u16 = 0xff01;

/// What versions and suites do not say.
#[derive(Default)]
pub(super) struct Details {
    pub(super) preference: Vec<(Version, Answer<Preference>)>,
    pub(super) groups: Vec<(u16, Answer)>,
    pub(super) traits: Vec<Trait>,
}

impl Examination<'_, '_> {
    /// Asks for them, as far as `depth` wants it.
    pub(super) fn details(&mut self, depth: Depth) -> Details {
        if depth == Depth::Short || self.found.is_empty() {
            return Details::default();
        }
        // First of all, since a suite may be found that only one group brings to light.
        let groups = self.groups();
        let spoken: Vec<_> = Version::ALL.into_iter().filter(|version| self.speaks(*version)).collect();
        let preference = spoken.into_iter().map(|version| (version, self.preference(version))).collect();
        Details { preference, groups, traits: self.traits() }
    }

    /// Whether the server or the client decides: two suites, offered in both orders.
    fn preference(&mut self, version: Version) -> Answer<Preference> {
        let of_version: Vec<_> = self.found.iter().filter(|found| found.pass.version == version).collect();
        let Some((first, second)) = of_version.first().and_then(|first| {
            let other = of_version.iter().rev().find(|other| other.suite != first.suite)?;
            Some(((*first).clone(), other.suite))
        }) else {
            return Answer::NotAsked("only one suite is accepted");
        };
        let mut ask = |suites: Vec<SuiteCode>| {
            let hello = first.pass.hello(self.interview.sni.as_deref(), suites);
            self.interview.ask(&hello)
        };
        match (ask(vec![first.suite, second]), ask(vec![second, first.suite])) {
            (Heard::Accepted(one, _), Heard::Accepted(other, _)) if one == other => {
                Answer::Accepted(Preference::Server)
            }
            (Heard::Accepted(one, _), Heard::Accepted(other, _)) if (one, other) == (first.suite, second) => {
                Answer::Accepted(Preference::Client)
            }
            (Heard::Accepted(..), Heard::Accepted(..)) => {
                Answer::Inconclusive(Trouble::Garbage("the last suite of two is chosen in either order".to_owned()))
            }
            (Heard::Open(trouble), _) | (_, Heard::Open(trouble)) => Answer::Inconclusive(trouble),
            _ => Answer::Inconclusive(Trouble::Garbage(
                "two accepted suites are refused when offered together".to_owned(),
            )),
        }
    }

    /// Offers each group alone, in TLS 1.2 and 1.3 where they are spoken, or else in the newest version: with a suite that is known to be
    /// accepted, and then with all that are not, so that a suite that only this group brings to light is found.
    fn groups(&mut self) -> Vec<(u16, Answer)> {
        let mut versions: Vec<_> =
            [Version::Tls13, Version::Tls12].into_iter().filter(|version| self.speaks(*version)).collect();
        if versions.is_empty() {
            versions.extend([Version::Tls11, Version::Tls10].into_iter().find(|version| self.speaks(*version)));
        }
        let mut rows = Vec::new();
        for group in groups_alone() {
            let answers: Vec<_> = versions.iter().map(|version| self.group(*version, group)).collect();
            if let Some(answer) = answers.into_iter().reduce(better) {
                rows.push((group, answer));
            }
        }
        rows
    }

    fn group(&mut self, version: Version, group: u16) -> Answer {
        let on_curve = |found: &&Found| found.pass.version == version && needs_curve(found.suite);
        let suites: Vec<_> = self.found.iter().filter(on_curve).map(|found| found.suite).collect();
        let Some(first) = self.found.iter().find(on_curve).map(|found| found.pass) else {
            return Answer::NotAsked("no suite with a curve is accepted");
        };
        let pass = Pass { groups: Groups::One(group), ..first };
        let heard = self.interview.ask(&pass.hello(self.interview.sni.as_deref(), suites));
        let answer = match heard {
            Heard::Accepted(suite, flight) => {
                let used = used_group(version, suite, &flight);
                if used.is_none_or(|used| used == group) {
                    Answer::Accepted(())
                } else {
                    Answer::Inconclusive(Trouble::Unoffered(format!("group 0x{:04x}", used.unwrap_or_default())))
                }
            }
            Heard::Other(_, version) => Answer::Refused(crate::model::survey::Refusal::OtherVersion(version)),
            Heard::Refused(refusal) => Answer::Refused(refusal),
            Heard::Open(trouble) => Answer::Inconclusive(trouble),
        };
        self.strike_out(pass, self.remaining(pass));
        answer
    }

    fn traits(&mut self) -> Vec<Trait> {
        let mut traits = vec![
            self.compression(),
            self.extension("secure_renegotiation", RENEGOTIATION_INFO),
            self.extension("extended_master_secret", EXTENDED_MASTER_SECRET),
            self.extension("session_tickets", SESSION_TICKET),
            self.alpn(),
        ];
        let stapled = self.interview.chains.iter().any(|chain| !chain.staples.is_empty());
        traits.push(Trait { name: "ocsp_stapling", answer: yes_or_no(stapled) });
        traits.push(self.hybrid());
        traits.extend(self.prime());
        traits
    }

    /// The newest finding of TLS 1.2 or before, which shows its extensions in the clear.
    fn in_the_clear(&self) -> Option<&Found> {
        self.found.iter().filter(|found| found.pass.version < Version::Tls13).max_by_key(|found| found.pass.version)
    }

    fn extension(&self, name: &'static str, code: u16) -> Trait {
        let answer = match self.in_the_clear().and_then(|found| found.flight.hello.as_ref()) {
            None => Answer::NotAsked("TLS 1.3 has no need of it, and nothing older is accepted"),
            Some(hello) => yes_or_no(hello.extensions.contains(&code)),
        };
        Trait { name, answer }
    }

    fn compression(&mut self) -> Trait {
        let name = "compression";
        let Some(found) = self.in_the_clear() else {
            return Trait { name, answer: Answer::NotAsked("TLS 1.3 has none, and nothing older is accepted") };
        };
        let hello = found.pass.hello(self.interview.sni.as_deref(), vec![found.suite]);
        let answer = match self.interview.ask(&Hello { deflate: true, ..hello }) {
            Heard::Accepted(_, flight) => yes_or_no(flight.hello.is_some_and(|hello| hello.compression != 0)),
            other => unanswered(other),
        };
        Trait { name, answer }
    }

    /// Each protocol alone, so that more than the preferred one is seen.
    fn alpn(&mut self) -> Trait {
        let offers: [(&str, &'static [&'static str]); 2] = [("h2", &["h2"]), ("http/1.1", &["http/1.1"])];
        let mut chosen = Vec::new();
        for (name, offer) in offers {
            match self.alpn_answer(offer) {
                Ok(answer) => chosen.extend((answer.as_deref() == Some(name.as_bytes())).then_some(name)),
                Err(answer) => return Trait { name: "alpn", answer },
            }
        }
        let words = if chosen.is_empty() { "none".to_owned() } else { chosen.join(", ") };
        Trait { name: "alpn", answer: Answer::Accepted(words) }
    }

    /// The protocol that is chosen of `offer`; `None` where the server ignores or refuses it.
    fn alpn_answer(&mut self, offer: &'static [&'static str]) -> Result<Option<Vec<u8>>, Answer<String>> {
        if let Some(found) = self.in_the_clear() {
            let hello = found.pass.hello(self.interview.sni.as_deref(), vec![found.suite]);
            return match self.interview.ask(&Hello { alpn: offer, ..hello }) {
                Heard::Accepted(_, flight) => Ok(flight.hello.and_then(|hello| hello.alpn)),
                // no_application_protocol (RFC 7301, 3.2).
                Heard::Refused(_) | Heard::Open(Trouble::Alert(120)) => Ok(None),
                other => Err(unanswered(other)),
            };
        }
        let Some(suite) = self.found.first().map(|found| found.suite) else {
            return Err(Answer::NotAsked("nothing is accepted"));
        };
        match self.handshake(suite, Certificates::All, offer) {
            Outcome::Done { alpn, shown } => {
                self.interview.keep_chain(&shown.certificates, shown.staple.as_deref());
                Ok(alpn)
            }
            Outcome::Alert(rustls::AlertDescription::NoApplicationProtocol) => Ok(None),
            Outcome::Alert(alert) => Err(Answer::Inconclusive(Trouble::Alert(alert.into()))),
            Outcome::Trouble(trouble) => Err(Answer::Inconclusive(trouble)),
            Outcome::Failed(why) => Err(Answer::Inconclusive(Trouble::Garbage(why))),
            Outcome::NotSpoken => {
                Err(Answer::NotAsked("in TLS 1.3 it is encrypted, with a suite that is not spoken here"))
            }
        }
    }

    /// Whether the post-quantum hybrid is taken when it alone is offered.
    fn hybrid(&mut self) -> Trait {
        let name = "X25519MLKEM768";
        let in_13 = |found: &&Found| found.pass.version == Version::Tls13;
        let suites: Vec<_> = self.found.iter().filter(in_13).map(|found| found.suite).collect();
        let Some(first) = self.found.iter().find(in_13).map(|found| found.pass) else {
            return Trait { name, answer: Answer::NotAsked("only TLS 1.3 has it, which is not accepted") };
        };
        let pass = Pass { groups: Groups::One(HYBRID), share: super::hello::Share::Empty, ..first };
        let answer = match self.interview.ask(&pass.hello(self.interview.sni.as_deref(), suites)) {
            Heard::Accepted(_, flight) => yes_or_no(flight.hello.is_some_and(|hello| hello.group == Some(HYBRID))),
            Heard::Refused(_) | Heard::Other(..) => yes_or_no(false),
            Heard::Open(trouble) => Answer::Inconclusive(trouble),
        };
        Trait { name, answer }
    }

    /// The length of the server's own prime, where a suite with DHE showed one.
    fn prime(&self) -> Option<Trait> {
        let primes = self.found.iter().filter_map(|found| {
            let name = found.suite.iana()?;
            let dhe = name.contains("_DHE_RSA") || name.contains("_DHE_DSS") || name.contains("_DH_anon");
            match found.flight.agreement(false).filter(|_| dhe)? {
                Agreement::Prime(prime) => Some(prime),
                Agreement::Group(_) => None,
            }
        });
        let prime = primes.min_by_key(Vec::len)?;
        let bits = prime.len() * 8 - prime.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let named = if prime.get(8..16) == Some(&FFDHE) { ", of RFC 7919" } else { "" };
        Some(Trait { name: "dh_prime", answer: Answer::Accepted(format!("{bits} bits{named}")) })
    }
}

/// The group that a flight agreed on, where it says so.
fn used_group(version: Version, suite: SuiteCode, flight: &Flight) -> Option<u16> {
    if version == Version::Tls13 {
        return flight.hello.as_ref()?.group;
    }
    match flight.agreement(needs_curve(suite))? {
        Agreement::Group(group) => Some(group),
        Agreement::Prime(_) => None,
    }
}

/// Of two versions' answers for one group, the one that says more.
fn better(one: Answer, other: Answer) -> Answer {
    let rank = |answer: &Answer| match answer {
        Answer::Accepted(()) => 3,
        Answer::Inconclusive(_) => 2,
        Answer::Refused(_) => 1,
        Answer::NotAsked(_) => 0,
    };
    if rank(&other) > rank(&one) { other } else { one }
}

fn yes_or_no(yes: bool) -> Answer<String> {
    Answer::Accepted(if yes { "yes" } else { "no" }.to_owned())
}

/// The answer to a question that only a hello could have answered.
fn unanswered(heard: Heard) -> Answer<String> {
    match heard {
        Heard::Open(trouble) => Answer::Inconclusive(trouble),
        Heard::Refused(refusal) => Answer::Refused(refusal),
        Heard::Other(_, version) => Answer::Refused(crate::model::survey::Refusal::OtherVersion(version)),
        Heard::Accepted(..) => Answer::Accepted("yes".to_owned()),
    }
}
