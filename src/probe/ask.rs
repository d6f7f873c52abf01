//! Asking one question so that its answer can be believed.
//!
//! A *canary* is a hello that the server has accepted. After whatever looks like a refusal, or like trouble, the canary is sent again,
//! filled up to the length of the question: if it is still accepted, the answer was meant for the question. If it is not, the server
//! throttles, or has gone, or cannot take hellos of that length, and the answer means nothing.
//!
//! What counts as a refusal:
//!
//! - the alerts handshake_failure, protocol_version, insufficient_security and unrecognized_name (if fatal), and the choice of another
//!   version;
//! - any other alert, and a close without a word, only where the server is known to refuse so: it did it each time when it was offered
//!   nothing but codes that nobody has registered, which every server must refuse;
//! - without a canary, since nothing was ever accepted, those four alerts alone;
//! - nothing that has also been the answer to the canary: a server that refuses what it accepts does not mean its refusals.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::model::registry::SuiteCode;
use crate::model::survey::{Refusal, SentChain, Trouble, Version};
use crate::tls::peer::peer_key_type;

use super::Progress;
use super::flight::Flight;
use super::hello::Hello;
use super::lists::nobodys;
use super::pace::Pace;
use super::wire::{self, Reply};

/// How often a question must meet trouble, while the canary is fine, before the trouble is its answer.
const TRIES: u32 = 2;

/// How often a question is asked again after the server has throttled.
const THROTTLES: u32 = 4;

/// After so many questions without any answer nothing more is asked, if nothing was ever accepted.
const FRUITLESS: u32 = 6;

/// How long the first pause is where the server throttles; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How many different staples of a chain are kept: more than an audit makes connections to one place, if each has its own.
const MOST_STAPLES: usize = 4_096;

/// How many codes a control question offers.
const CONTROLS: usize = 4;

/// What came of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// The server chose this suite, in the version that was asked for.
    Accepted(SuiteCode, Box<Flight>),
    /// It chose this suite in another version.
    Other(SuiteCode, u16),
    /// It refused.
    Refused(Refusal),
    /// It cannot be told.
    Open(Trouble),
}

/// What the canary says.
enum Canary {
    /// It is still accepted, as long as the question.
    Sings,
    /// It is accepted only where it is shorter.
    OnlyShort,
    /// It is not accepted.
    Silent,
    /// It could not be asked.
    Spent(Trouble),
}

/// A conversation with one address under one server name.
pub(super) struct Interview<'p, 'a> {
    pub(super) pace: &'p mut Pace<'a>,
    pub(super) address: SocketAddr,
    pub(super) sni: Option<String>,
    stop: &'a dyn Fn() -> bool,
    observe: &'p mut (dyn FnMut(Progress) + 'a),
    back_off: Duration,
    random: fastrand::Rng,
    canary: Option<Hello>,
    /// How the server refuses what it must refuse, for each version where that had to be known.
    manners: Vec<(Version, Option<Refusal>)>,
    /// Refusals that the canary has met, too.
    distrusted: Vec<Refusal>,
    /// Questions in a row without any answer, and why the last of them had none.
    fruitless: (u32, Option<Trouble>),
    /// Set once the canary has not come back.
    gone: bool,
    /// Every chain that was sent, whatever was asked, with every staple.
    pub(super) chains: Vec<SentChain>,
}

impl<'p, 'a> Interview<'p, 'a> {
    pub(super) fn new(
        pace: &'p mut Pace<'a>,
        observe: &'p mut (dyn FnMut(Progress) + 'a),
        address: SocketAddr,
        sni: Option<&str>,
    ) -> Self {
        Self {
            stop: pace.stop(),
            back_off: pace.back_off(),
            pace,
            address,
            sni: sni.map(str::to_owned),
            observe,
            random: fastrand::Rng::new(),
            canary: None,
            manners: Vec::new(),
            distrusted: Vec::new(),
            fruitless: (0, None),
            gone: false,
            chains: Vec::new(),
        }
    }

    /// Keeps a chain once, and each different staple that came with it.
    pub(super) fn keep_chain(&mut self, certificates: &[Vec<u8>], staple: Option<&[u8]>) {
        let Some(leaf) = certificates.first() else { return };
        let place = self.chains.iter().position(|chain| chain.certificates == certificates);
        let place = place.unwrap_or_else(|| {
            self.chains.push(SentChain {
                key: peer_key_type(&leaf.as_slice().into()),
                certificates: certificates.to_vec(),
                staples: Vec::new(),
            });
            self.chains.len() - 1
        });
        let staples = &mut self.chains[place].staples;
        if let Some(staple) = staple
            && staples.len() < MOST_STAPLES
            && !staples.iter().any(|known| known == staple)
        {
            staples.push(staple.to_vec());
        }
    }

    /// Whether anything was ever accepted.
    pub(super) fn has_canary(&self) -> bool {
        self.canary.is_some()
    }

    /// Whether a refusal of this kind means anything here.
    pub(super) fn trusts(&self, refusal: Refusal) -> bool {
        !self.distrusted.contains(&refusal)
    }

    /// Keeps `hello`, narrowed to the suite that the server chose of it, as the canary, if that is accepted too and none is kept yet.
    pub(super) fn keep_canary(&mut self, hello: &Hello, suite: SuiteCode) {
        if self.canary.is_none() {
            let narrowed = Hello { suites: vec![suite], ..hello.clone() };
            if matches!(self.hear(&narrowed), Heard::Accepted(..)) {
                self.canary = Some(narrowed);
            }
        }
    }

    /// Asks until the answer can be believed.
    pub(super) fn ask(&mut self, hello: &Hello) -> Heard {
        let (mut troubles, mut throttles) = (0, 0);
        loop {
            let heard = if self.gone { Heard::Open(Trouble::Throttled) } else { self.hear(hello) };
            if is_final(&heard) {
                return heard;
            }
            if self.canary.is_none() {
                return self.without_canary(hello, heard);
            }
            let heard = self.weigh(hello.version, heard);
            match self.canary_as_long_as(hello) {
                Canary::Sings if matches!(heard, Heard::Refused(_)) => return heard,
                Canary::Sings => {
                    troubles += 1;
                    if troubles == TRIES {
                        return heard;
                    }
                }
                Canary::OnlyShort => return Heard::Open(Trouble::TooLong(self.length(hello))),
                Canary::Silent => {
                    throttles += 1;
                    if throttles > THROTTLES {
                        return Heard::Open(Trouble::Throttled);
                    }
                    if let Err(trouble) = self.recover() {
                        return Heard::Open(trouble);
                    }
                }
                Canary::Spent(trouble) => return Heard::Open(trouble),
            }
        }
    }

    /// Where nothing was ever accepted nothing can tell a refusal from trouble but the alert itself. Resets are tried once more.
    fn without_canary(&mut self, hello: &Hello, first: Heard) -> Heard {
        let mut heard = first;
        // Once nothing more is asked there is nothing to wait for: a dead port would cost the time of all the others.
        let hopeless = self.fruitless.0 >= FRUITLESS;
        if !hopeless && matches!(heard, Heard::Open(Trouble::Reset | Trouble::Closed | Trouble::Connect(_))) {
            if let Err(trouble) = self.pace.pause(FIRST_PAUSE) {
                return Heard::Open(trouble);
            }
            heard = self.hear(hello);
        }
        match heard {
            Heard::Refused(refusal) if !is_plain(refusal) => Heard::Open(unexplained(refusal)),
            heard => heard,
        }
    }

    /// A refusal that is none in itself is one only if it is the server's manner; otherwise it is trouble.
    fn weigh(&mut self, version: Version, heard: Heard) -> Heard {
        match heard {
            Heard::Refused(refusal) if !is_plain(refusal) && self.manner(version) != Some(refusal) => {
                Heard::Open(unexplained(refusal))
            }
            heard => heard,
        }
    }

    /// How the server refuses in `version` what every server must refuse; `None` where it does not always do the same.
    fn manner(&mut self, version: Version) -> Option<Refusal> {
        if let Some((_, manner)) = self.manners.iter().find(|(known, _)| *known == version) {
            return *manner;
        }
        let canary = self.canary.as_ref()?;
        let control = Hello { version, suites: nobodys(CONTROLS).collect(), ..canary.clone() };
        let answers = [self.hear(&control), self.hear(&control)];
        let manner = match answers {
            [Heard::Refused(first), Heard::Refused(second)] if first == second => Some(first),
            _ => None,
        };
        self.manners.push((version, manner));
        manner
    }

    /// Sends the canary, filled up to the length of `hello`.
    fn canary_as_long_as(&mut self, hello: &Hello) -> Canary {
        let Some(short) = self.canary.clone() else { return Canary::Silent };
        let missing = self.length(hello).saturating_sub(self.length(&short));
        let suites = nobodys(missing.div_ceil(2)).chain(short.suites.iter().copied()).collect();
        let long = Hello { suites, ..short.clone() };
        let first = match self.hear(&long) {
            Heard::Accepted(..) => return Canary::Sings,
            Heard::Open(trouble @ (Trouble::Budget | Trouble::Interrupted)) => return Canary::Spent(trouble),
            heard => heard,
        };
        match self.hear(&short) {
            Heard::Accepted(..) if matches!(self.hear(&long), Heard::Accepted(..)) => {
                self.distrust(&first);
                Canary::Sings
            }
            Heard::Accepted(..) => Canary::OnlyShort,
            Heard::Open(trouble @ (Trouble::Budget | Trouble::Interrupted)) => Canary::Spent(trouble),
            heard => {
                self.distrust(&heard);
                Canary::Silent
            }
        }
    }

    fn distrust(&mut self, heard: &Heard) {
        match heard {
            Heard::Refused(refusal) if !self.distrusted.contains(refusal) => self.distrusted.push(*refusal),
            _ => {}
        }
    }

    /// Waits, longer each time, until the canary is accepted again, and goes on more slowly.
    pub(super) fn recover(&mut self) -> Result<(), Trouble> {
        let Some(canary) = self.canary.clone() else { return Err(Trouble::Throttled) };
        let (mut pause, mut waited) = (FIRST_PAUSE, Duration::ZERO);
        while waited < self.back_off {
            self.pace.pause(pause)?;
            waited += pause;
            pause *= 2;
            match self.hear(&canary) {
                Heard::Accepted(..) => {
                    self.pace.slow_down();
                    return Ok(());
                }
                Heard::Open(trouble @ (Trouble::Budget | Trouble::Interrupted)) => return Err(trouble),
                heard => self.distrust(&heard),
            }
        }
        self.gone = true;
        Err(Trouble::Throttled)
    }

    /// One connection, and what its answer says of `hello`.
    pub(super) fn hear(&mut self, hello: &Hello) -> Heard {
        match &self.fruitless {
            (FRUITLESS.., Some(trouble)) if self.canary.is_none() => return Heard::Open(trouble.clone()),
            _ => {}
        }
        let deadline = match self.connection() {
            Ok(deadline) => deadline,
            Err(trouble) => return Heard::Open(trouble),
        };
        let bytes = self.encode(hello);
        let heard = judge(hello, wire::exchange(self.address, &bytes, deadline, self.stop));
        if let Heard::Accepted(_, flight) = &heard {
            self.keep_chain(&flight.certificates, flight.staple.as_deref());
        }
        self.fruitless = match &heard {
            Heard::Open(trouble) => (self.fruitless.0 + 1, Some(trouble.clone())),
            _ => (0, None),
        };
        // The end of the time for all is no silence of the server's.
        match (&heard, self.pace.check()) {
            (Heard::Open(_), Err(trouble)) => Heard::Open(trouble),
            _ => heard,
        }
    }

    /// Waits until a connection may begin, and tells of it; by when its answer must be there.
    pub(super) fn connection(&mut self) -> Result<Instant, Trouble> {
        let deadline = self.pace.connection()?;
        (self.observe)(Progress { address: self.address, connections: self.pace.used });
        Ok(deadline)
    }

    fn encode(&mut self, hello: &Hello) -> Vec<u8> {
        hello.encode(|| {
            let mut bytes = [0; 32];
            self.random.fill(&mut bytes);
            bytes
        })
    }

    fn length(&mut self, hello: &Hello) -> usize {
        self.encode(hello).len()
    }
}

/// What needs no canary: a choice is a choice, and what was not offered remains so.
fn is_final(heard: &Heard) -> bool {
    matches!(
        heard,
        Heard::Accepted(..)
            | Heard::Other(..)
            | Heard::Open(Trouble::Budget | Trouble::Interrupted | Trouble::Unoffered(_) | Trouble::Throttled)
    )
}

/// Refusals in themselves: handshake_failure, protocol_version, insufficient_security, unrecognized_name (RFC 8446, 6.2).
fn is_plain(refusal: Refusal) -> bool {
    matches!(refusal, Refusal::Alert(40 | 70 | 71 | 112) | Refusal::OtherVersion(_))
}

fn unexplained(refusal: Refusal) -> Trouble {
    match refusal {
        Refusal::Alert(description) => Trouble::Alert(description),
        Refusal::Close | Refusal::OtherVersion(_) => Trouble::Closed,
    }
}

/// What `reply` says of `hello`, by itself.
fn judge(hello: &Hello, reply: Reply) -> Heard {
    let flight = match reply {
        Reply::Hello(flight) => flight,
        Reply::Alert(description) => return Heard::Refused(Refusal::Alert(description)),
        Reply::Closed => return Heard::Refused(Refusal::Close),
        Reply::Trouble(trouble) => return Heard::Open(trouble),
    };
    let Some(chosen) = &flight.hello else { return Heard::Open(Trouble::Reset) };
    let suite = SuiteCode(chosen.suite);
    let unoffered = |what: String| Heard::Open(Trouble::Unoffered(what));
    if !hello.suites.contains(&suite) {
        return unoffered(suite.to_string());
    }
    if chosen.version != hello.version.code() {
        return Heard::Other(suite, chosen.version);
    }
    if chosen.compression != 0 && !(hello.deflate && chosen.compression == 1) {
        return unoffered(format!("compression method {}", chosen.compression));
    }
    if let Some(group) = chosen.group.filter(|group| !hello.groups.codes(hello.version).contains(group)) {
        return unoffered(format!("group 0x{group:04x}"));
    }
    Heard::Accepted(suite, flight)
}
