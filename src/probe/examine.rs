//! Which versions and suites a place accepts: every version by itself, every suite until only refusals are left.

use crate::model::registry::SuiteCode;
use crate::model::suite::KeyType;
use crate::model::survey::{AcceptedSuite, Answer, Confirmed, Depth, OpenQuestion, Place, Refusal, Trouble, Version};
use crate::tls::peer::peer_key_type;

use super::ask::{Heard, Interview};
use super::details::Details;
use super::flight::Flight;
use super::hello::{Hello, Shape, Share};
use super::lists::{
    CHUNK, Class, Groups, RARE_SLICES, SMALL, Schemes, candidates, class, modern, needs_curve, opening,
};

/// In which order versions are asked for: those that are likely to be spoken first, since what is accepted first tells refusals from
/// throttling ever after.
const ORDER: [Version; 5] = [Version::Tls12, Version::Tls10, Version::Tls13, Version::Tls11, Version::Ssl3];

/// How often a chunk is cut in two at a place because it met trouble.
const CUTS: u32 = 48;

/// What all hellos of one enumeration have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) version: Version,
    pub(super) shape: Shape,
    pub(super) schemes: Schemes,
    pub(super) groups: Groups,
    pub(super) share: Share,
}

impl Pass {
    /// Everything that `version` can carry.
    pub(super) fn full(version: Version) -> Self {
        let (schemes, groups) = (Schemes::All, Groups::All);
        Self { version, shape: Shape::Full, schemes, groups, share: Share::Empty }
    }

    /// As little as a server can answer to.
    fn lean(version: Version) -> Self {
        let (schemes, groups) = (Schemes::Main, Groups::Main);
        Self { version, shape: Shape::Lean, schemes, groups, share: Share::Real }
    }

    fn bare(version: Version) -> Self {
        Self { shape: Shape::Bare, ..Self::lean(version) }
    }

    /// The hello that offers `suites`.
    pub(super) fn hello(self, sni: Option<&str>, suites: Vec<SuiteCode>) -> Hello {
        let Self { version, shape, schemes, groups, share } = self;
        Hello { version, suites, sni: sni.map(str::to_owned), shape, schemes, groups, share, deflate: false, alpn: &[] }
    }

    /// `suites` in words, such as "64 suites with an RSA certificate".
    fn question(self, suites: &[SuiteCode]) -> String {
        let what = match suites {
            [one] => one.to_string(),
            many => format!("{} suites", many.len()),
        };
        let certificate = if self.version >= Version::Tls12 { self.schemes.words() } else { "" };
        let group = match self.groups {
            Groups::One(code) => super::group_name(code).map_or_else(|| format!("group 0x{code:04X}"), str::to_owned),
            _ => String::new(),
        };
        let group = if group.is_empty() { group } else { format!("on {group} alone") };
        [what.as_str(), certificate, &group].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// A suite that was chosen, and how it came about.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) pass: Pass,
    pub(super) suite: SuiteCode,
    pub(super) certificate: Option<KeyType>,
    pub(super) confirmed: Confirmed,
    /// The server's whole answer.
    pub(super) flight: Flight,
}

/// Suites that were refused together.
struct Refused {
    version: Version,
    suites: Vec<SuiteCode>,
    question: String,
    refusal: Refusal,
}

/// How a version answered to its first hellos.
enum Opened {
    /// It is spoken; hellos like this one are accepted, up to so many suites.
    Spoken(Pass, usize),
    /// It is not: different hellos met a refusal that is the version's, or the name's.
    Refused(Refusal),
    /// None of the first suites was accepted; ask with hellos like this.
    Unsure(Pass, usize),
}

/// Everything that is being learnt at one place.
pub(super) struct Examination<'p, 'a> {
    pub(super) interview: Interview<'p, 'a>,
    pub(super) found: Vec<Found>,
    pub(super) open: Vec<OpenQuestion>,
    refused: Vec<Refused>,
    /// Suites in a hello, at most.
    chunk: usize,
    cuts: u32,
}

impl<'p, 'a> Examination<'p, 'a> {
    pub(super) fn new(interview: Interview<'p, 'a>) -> Self {
        let (found, open, refused) = Default::default();
        Self { interview, found, open, refused, chunk: CHUNK, cuts: CUTS }
    }

    pub(super) fn run(mut self, depth: Depth) -> Place {
        let mut later = Vec::new();
        for version in ORDER {
            match self.opened(version) {
                Opened::Spoken(pass, most) => self.enumerate(pass, most),
                // Without anything that was accepted no refusal could be told from throttling: perhaps another version gives it.
                _ if !self.interview.has_canary() => later.push(version),
                Opened::Refused(refusal) => self.all_refused(version, refusal),
                Opened::Unsure(pass, most) => self.unsure(pass, most),
            }
        }
        for version in later {
            match self.opened(version) {
                Opened::Refused(refusal) => self.all_refused(version, refusal),
                Opened::Spoken(pass, most) => self.enumerate(pass, most),
                Opened::Unsure(pass, most) => self.unsure(pass, most),
            }
        }
        self.rare_certificates();
        self.confirm();
        let details = self.details(depth);
        self.place(details)
    }

    /// Asks for the suites that most servers of this version have, with hellos of different size and content.
    fn opened(&mut self, version: Version) -> Opened {
        let (full, lean) = (Pass::full(version), Pass::lean(version));
        let (wide, short) = (|pass| (pass, CHUNK, opening(CHUNK)), |pass| (pass, SMALL, opening(SMALL)));
        let tries = match version {
            Version::Ssl3 => vec![wide(Pass::bare(version)), wide(lean), short(Pass::bare(version))],
            Version::Tls10 | Version::Tls11 => vec![wide(full), wide(lean), short(lean)],
            Version::Tls12 | Version::Tls13 => vec![wide(full), wide(lean), short(lean), (lean, SMALL, modern())],
        };
        let mut refusals = Vec::new();
        let mut last = (tries[0].0, tries[0].1);
        // What was refused may be refused for its length or for a suite in it, by the server or by what stands before it: a version is not spoken
        // where the hellos of usual clients are refused, too.
        for (n, (pass, most, suites)) in tries.iter().enumerate() {
            match self.greet(*pass, suites.clone()) {
                Heard::Accepted(..) => return Opened::Spoken(*pass, *most),
                Heard::Other(_, other) => refusals.push(Refusal::OtherVersion(other)),
                Heard::Refused(refusal) => refusals.push(refusal),
                Heard::Open(Trouble::Budget | Trouble::Interrupted | Trouble::Throttled) => break,
                Heard::Open(_) => {
                    let (pass, most, _) = &tries[(n + 1).min(tries.len() - 1)];
                    last = (*pass, *most);
                }
            }
        }
        if let Some(first) =
            refusals.first().filter(|_| refusals.len() == tries.len() && refusals.iter().all(is_of_the_version))
        {
            return Opened::Refused(*first);
        }
        // A server with two certificates may choose one by the signature schemes, and then have no suite for it.
        for kind in
            [KeyType::Rsa, KeyType::Ecdsa].into_iter().filter(|_| refusals.len() >= 2 && version >= Version::Tls12)
        {
            let pass = Pass { schemes: Schemes::Only(kind), ..Pass::full(version) };
            if let Heard::Accepted(..) = self.greet(pass, opening(CHUNK)) {
                return Opened::Spoken(Pass::full(version), CHUNK);
            }
        }
        Opened::Unsure(last.0, last.1)
    }

    /// Asks for `suites`, and notes what is accepted.
    fn greet(&mut self, pass: Pass, suites: Vec<SuiteCode>) -> Heard {
        let hello = pass.hello(self.interview.sni.as_deref(), suites);
        let heard = self.interview.ask(&hello);
        if let Heard::Accepted(suite, flight) = &heard {
            self.accept(pass, *suite, (**flight).clone());
            self.interview.keep_canary(&hello, *suite);
        }
        heard
    }

    /// Asks for everything in a version of which the first suites were refused, and for the usual ones in small hellos where nothing of it was accepted: the
    /// long ones may have been refused for their length.
    fn unsure(&mut self, pass: Pass, most: usize) {
        self.enumerate(pass, most);
        if self.speaks(pass.version) || most <= SMALL || !self.interview.has_canary() {
            return;
        }
        let lean = Pass::lean(pass.version);
        let usual: Vec<_> = candidates().into_iter().filter(|suite| class(*suite) == Class::Usual).collect();
        if usual.chunks(SMALL).any(|few| matches!(self.greet(lean, few.to_vec()), Heard::Accepted(..))) {
            self.enumerate(lean, SMALL);
        }
    }

    /// Notes that a version is refused whatever else is offered.
    fn all_refused(&mut self, version: Version, refusal: Refusal) {
        self.refused.push(Refused { version, suites: candidates(), question: "the version".to_owned(), refusal });
    }

    /// Asks for all suites of the first pass's version, in each way that could make a difference.
    fn enumerate(&mut self, first: Pass, most: usize) {
        self.chunk = self.chunk.min(most);
        self.strike_out(first, self.remaining(first));
        // From TLS 1.2 on the signature schemes may decide whether anything is accepted at all.
        if !self.speaks(first.version) && first.version < Version::Tls12 {
            return;
        }
        for pass in variations(first) {
            self.strike_out(pass, self.remaining(pass));
        }
    }

    /// How many suites a hello may have here.
    pub(super) fn chunk(&self) -> usize {
        self.chunk
    }

    /// Whether a suite was accepted in this version.
    pub(super) fn speaks(&self, version: Version) -> bool {
        self.found.iter().any(|found| found.pass.version == version)
    }

    /// The suites that are not known to be accepted, and that `pass` can bring to light.
    pub(super) fn remaining(&self, pass: Pass) -> Vec<SuiteCode> {
        let known = |suite: &SuiteCode| {
            self.found.iter().any(|found| found.pass.version == pass.version && found.suite == *suite)
        };
        let fits = |suite: &SuiteCode| match (pass.groups, pass.schemes) {
            (Groups::One(_) | Groups::Rare(_), _) => needs_curve(*suite),
            (_, Schemes::Only(kind)) => {
                (pass.version < Version::Tls13 || suite.tls13_only() || suite.iana().is_none())
                    && suite.key_type().is_none_or(|needed| needed == kind)
            }
            _ => true,
        };
        candidates().into_iter().filter(|suite| !known(suite) && fits(suite)).collect()
    }

    /// Asks for `suites` in chunks; what the server chooses is struck out, and the rest asked for again until it refuses. What meets
    /// trouble is cut in two.
    pub(super) fn strike_out(&mut self, pass: Pass, suites: Vec<SuiteCode>) {
        // Each class by itself: what refuses a hello for one suite in it that nobody should offer must not hide another suite. Where a single group is
        // asked about, which many hellos do, the usual suites at least come first.
        let narrow = matches!(pass.groups, Groups::One(_) | Groups::Rare(_));
        let classes = suites.chunk_by(|a, b| narrow || class(*a) == class(*b));
        let mut chunks: Vec<Vec<SuiteCode>> =
            classes.flat_map(|one| one.chunks(self.chunk)).map(<[_]>::to_vec).collect();
        chunks.reverse();
        while let Some(mut chunk) = chunks.pop() {
            if chunk.len() > self.chunk {
                chunks.extend(chunk.chunks(self.chunk).rev().map(<[_]>::to_vec));
                continue;
            }
            match self.interview.ask(&pass.hello(self.interview.sni.as_deref(), chunk.clone())) {
                Heard::Accepted(suite, flight) => {
                    self.accept(pass, suite, *flight);
                    chunk.retain(|other| *other != suite);
                    chunks.extend((!chunk.is_empty()).then_some(chunk));
                }
                // The rest may still be accepted in the version that was asked for.
                Heard::Other(suite, version) => {
                    chunk.retain(|other| *other != suite);
                    self.refuse(pass, vec![suite], Refusal::OtherVersion(version));
                    chunks.extend((!chunk.is_empty()).then_some(chunk));
                }
                Heard::Refused(refusal) => self.refuse(pass, chunk, refusal),
                Heard::Open(trouble) if chunk.len() > 1 && self.cuts > 0 && may_depend_on_suites(&trouble) => {
                    self.cuts -= 1;
                    let half = chunk.len().div_ceil(2);
                    if matches!(trouble, Trouble::TooLong(_)) {
                        self.chunk = half;
                    }
                    let tail = chunk.split_off(half);
                    chunks.extend([tail, chunk]);
                }
                Heard::Open(trouble) => {
                    if matches!(trouble, Trouble::TooLong(_)) {
                        // Not even one suite leaves it short enough: nothing of this kind can be asked here.
                        chunk.extend(chunks.drain(..).rev().flatten());
                    }
                    let (version, question) = (pass.version, pass.question(&chunk));
                    self.open.push(OpenQuestion { version, suites: chunk, question, trouble });
                }
            }
        }
    }

    fn refuse(&mut self, pass: Pass, suites: Vec<SuiteCode>, refusal: Refusal) {
        let (version, question) = (pass.version, pass.question(&suites));
        self.refused.push(Refused { version, suites, question, refusal });
    }

    /// Notes a suite that was chosen.
    pub(super) fn accept(&mut self, pass: Pass, suite: SuiteCode, flight: Flight) {
        let certificate = flight.certificates.first().and_then(|leaf| peer_key_type(&leaf.as_slice().into()));
        let same = |found: &&mut Found| {
            (found.pass.version, found.suite, found.certificate) == (pass.version, suite, certificate)
        };
        if self.found.iter_mut().find(same).is_none() {
            self.found.push(Found { pass, suite, certificate, confirmed: Confirmed::NotSpoken, flight });
        }
    }

    fn place(mut self, details: Details) -> Place {
        self.doubt();
        let accepted = self.found.iter().map(|found| AcceptedSuite {
            version: found.pass.version,
            suite: found.suite,
            certificate: found.certificate,
            confirmed: found.confirmed.clone(),
        });
        let Details { preference, groups, traits } = details;
        Place {
            address: self.interview.address,
            sni: self.interview.sni.clone(),
            versions: Version::ALL.map(|version| (version, self.verdict(version))).to_vec(),
            accepted: accepted.collect(),
            open: self.open,
            preference,
            groups,
            traits,
            chains: self.interview.chains,
        }
    }

    /// Takes back the refusals of a kind that the canary has met, and closes questions whose suites were accepted after all.
    fn doubt(&mut self) {
        for Refused { version, suites, question, refusal } in std::mem::take(&mut self.refused) {
            if self.interview.trusts(refusal) {
                self.refused.push(Refused { version, suites, question, refusal });
            } else {
                self.open.push(OpenQuestion { version, suites, question, trouble: Trouble::Throttled });
            }
        }
        for open in &mut self.open {
            let asked = open.suites.len();
            let known = |suite: &SuiteCode| {
                self.found.iter().any(|found| (found.pass.version, found.suite) == (open.version, *suite))
            };
            open.suites.retain(|suite| !known(suite));
            if asked > 0 && open.suites.is_empty() {
                open.question.clear();
            }
        }
        self.open.retain(|open| !open.question.is_empty());
    }

    fn verdict(&self, version: Version) -> Answer {
        if self.speaks(version) {
            return Answer::Accepted(());
        }
        if let Some(open) = self.open.iter().find(|open| open.version == version) {
            return Answer::Inconclusive(open.trouble.clone());
        }
        match self.refused.iter().find(|refused| refused.version == version) {
            Some(refused) => Answer::Refused(refused.refusal),
            None => Answer::NotAsked("no suite of this version was asked for"),
        }
    }
}

/// Whether a refusal is one of the whole version, or of the name.
fn is_of_the_version(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Alert(70 | 112) | Refusal::OtherVersion(_))
}

/// Whether other suites, or fewer, could fare better.
fn may_depend_on_suites(trouble: &Trouble) -> bool {
    !matches!(
        trouble,
        Trouble::Budget | Trouble::Interrupted | Trouble::Throttled | Trouble::Unoffered(_) | Trouble::Connect(_)
    )
}

/// The other ways to ask in the same version that could bring other suites to light.
fn variations(first: Pass) -> Vec<Pass> {
    let rsa = Pass { schemes: Schemes::Only(KeyType::Rsa), ..first };
    let ecdsa = Pass { schemes: Schemes::Only(KeyType::Ecdsa), ..first };
    let other = Pass { schemes: Schemes::Other, ..first };
    let rare = |pass: Pass| (0..RARE_SLICES).map(move |slice| Pass { groups: Groups::Rare(slice), ..pass });
    match (first.shape, first.version) {
        (Shape::Full, Version::Tls12 | Version::Tls13) => vec![rsa, ecdsa],
        (Shape::Full, _) => vec![],
        (Shape::Lean, Version::Tls12 | Version::Tls13) => [rsa, ecdsa, other].into_iter().chain(rare(first)).collect(),
        (Shape::Lean, _) => rare(first).collect(),
        (Shape::Bare, version) => std::iter::once(Pass::lean(version)).chain(rare(Pass::lean(version))).collect(),
    }
}
