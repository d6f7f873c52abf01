//! Two or three sentences that follow from the figures by a rule, the one in docs/crypto.md.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::crypto::Library;
use crate::model::suite::RecordCipher;
use crate::record::crypto::{AeadRow, CryptoDocument};
use crate::record::run::Remark;

/// The least size of a large record, in bytes: above what a small request or answer takes.
const LARGE: u64 = 4096;

/// How far off a figure without an interval is taken to be: a single run of `openssl speed`.
const SINGLE_RUN: f64 = 0.1;

/// Margins that are less than this apart are equal but for rounding.
const EQUAL: f64 = 1.0 + 1e-9;

/// Small records or large ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Small,
    Large,
}

impl Class {
    fn of(record_bytes: u64) -> Self {
        if record_bytes < LARGE { Self::Small } else { Self::Large }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Small => "small records (64 B to 1 KiB)",
            Self::Large => "large records (4 KiB and 16 KiB)",
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Small => "small_records",
            Self::Large => "large_records",
        }
    }
}

/// Geometric means over the sizes of a class and both directions: of the figures, of their intervals' lower ends, of the upper ends.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Score {
    value: f64,
    low: f64,
    high: f64,
}

impl Score {
    fn of(rows: &[&AeadRow]) -> Self {
        let mean =
            |of: &dyn Fn(&AeadRow) -> f64| (rows.iter().map(|row| of(row).ln()).sum::<f64>() / rows.len() as f64).exp();
        Self {
            value: mean(&|row| row.speed.bytes_per_s),
            low: mean(&|row| row.speed.bytes_per_s_low.unwrap_or(row.speed.bytes_per_s * (1.0 - SINGLE_RUN))),
            high: mean(&|row| row.speed.bytes_per_s_high.unwrap_or(row.speed.bytes_per_s * (1.0 + SINGLE_RUN))),
        }
    }

    /// Whether it is faster beyond doubt: the intervals do not meet.
    fn beats(&self, other: &Self) -> bool {
        self.low > other.high
    }
}

/// The scores of one library's algorithms in one class.
type Scores = BTreeMap<RecordCipher, Score>;

/// What follows from the figures of `document`.
pub fn advise(document: &CryptoDocument) -> Vec<Remark> {
    let mut advice = Vec::new();
    let mut say = |code: &str, text: String| advice.push(Remark { code: code.to_owned(), text });
    let by_class = [Class::Small, Class::Large].map(|class| (class, scores(&document.aead, class)));
    for (class, libraries) in &by_class {
        if !libraries.is_empty() {
            say(class.code(), preference(*class, libraries));
        }
    }
    if let Some(text) = order(&by_class) {
        say("order", text);
    }
    let features = &document.host.cpu.features;
    if !features.is_empty() && !features.iter().any(|feature| feature == "aes") {
        say(
            "no_aes",
            "This processor has no AES instructions: where it serves, ChaCha20-Poly1305 needs none.".to_owned(),
        );
    }
    advice
}

/// Each library's scores in `class`, over what was measured for every one of its algorithms by the fewest threads. What is no whole record
/// takes no part.
fn scores(rows: &[AeadRow], class: Class) -> BTreeMap<Library, Scores> {
    let Some(threads) = rows.iter().map(|row| row.threads).min() else { return BTreeMap::new() };
    let mut found: BTreeMap<Library, Scores> = BTreeMap::new();
    for library in Library::ALL {
        let is_here = |row: &&AeadRow| {
            row.provider == library
                && row.threads == threads
                && row.whole_record
                && Class::of(row.record_bytes) == class
        };
        let here: Vec<_> = rows.iter().filter(is_here).collect();
        let ciphers: BTreeSet<_> = here.iter().map(|row| row.algorithm).collect();
        let everywhere = |like: &AeadRow| {
            let same = |row: &&&AeadRow| (row.record_bytes, row.direction) == (like.record_bytes, like.direction);
            here.iter().filter(same).count() == ciphers.len()
        };
        for cipher in &ciphers {
            let mine: Vec<_> = here.iter().copied().filter(|row| row.algorithm == *cipher && everywhere(row)).collect();
            if ciphers.len() > 1 && !mine.is_empty() {
                found.entry(library).or_default().insert(*cipher, Score::of(&mine));
            }
        }
    }
    found
}

/// The fastest, with those that cannot be told from it.
fn preferred(scores: &Scores) -> Vec<RecordCipher> {
    let best = scores.values().max_by(|a, b| a.value.total_cmp(&b.value));
    let tied = |score: &Score| best.is_some_and(|best| !best.beats(score));
    scores.iter().filter(|(_, score)| tied(score)).map(|(cipher, _)| *cipher).collect()
}

/// Which algorithms to prefer for `class`, by how much, with which libraries.
fn preference(class: Class, libraries: &BTreeMap<Library, Scores>) -> String {
    let mut groups: Vec<(Vec<RecordCipher>, Vec<Library>)> = Vec::new();
    for (library, scores) in libraries {
        let choice = preferred(scores);
        match groups.iter_mut().find(|(known, _)| *known == choice) {
            Some((_, members)) => members.push(*library),
            None => groups.push((choice, vec![*library])),
        }
    }
    let clauses: Vec<_> = groups
        .iter()
        .map(|(choice, members)| {
            let names: Vec<_> = choice.iter().map(|cipher| cipher.name()).collect();
            let tie = if choice.len() > 1 { " (no difference seen)" } else { "" };
            let ratios = ratios(choice, members, libraries);
            let margin = if ratios.is_empty() { String::new() } else { format!(": {}", ratios.join(", ")) };
            format!("with {} prefer {}{tie}{margin}", list(members.iter().map(|m| m.name())), list_with("or", names))
        })
        .collect();
    format!("For {} {}.", class.name(), clauses.join("; "))
}

/// How many times as fast as each of the others the best of `choice` is, over the libraries of one group.
fn ratios(choice: &[RecordCipher], members: &[Library], libraries: &BTreeMap<Library, Scores>) -> Vec<String> {
    let others = RecordCipher::ALL.into_iter().filter(|cipher| !choice.contains(cipher));
    let against = |other: RecordCipher| {
        let ratio = |library: &Library| {
            let scores = libraries.get(library)?;
            let best =
                choice.iter().filter_map(|cipher| scores.get(cipher)).map(|score| score.value).reduce(f64::max)?;
            Some(best / scores.get(&other)?.value)
        };
        let found: Vec<f64> = members.iter().filter_map(ratio).collect();
        let low = times(found.iter().copied().reduce(f64::min)?);
        let high = times(found.iter().copied().reduce(f64::max)?);
        let range = if low == high { low } else { format!("{low} to {high}") };
        Some((range, other))
    };
    let found = others.filter_map(against);
    let mut first = true;
    found
        .map(|(range, other)| {
            let unit = if std::mem::take(&mut first) { "times as fast as" } else { "times" };
            format!("{range} {unit} {}", other.name())
        })
        .collect()
}

/// A ratio with as many digits as matter.
fn times(ratio: f64) -> String {
    if ratio < 9.95 {
        format!("{ratio:.2}").trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{ratio:.0}")
    }
}

/// Whether two algorithms change places from one library to another; `None` where there is nothing to compare.
fn order(by_class: &[(Class, BTreeMap<Library, Scores>)]) -> Option<String> {
    let libraries: BTreeSet<_> = by_class.iter().flat_map(|(_, libraries)| libraries.keys()).collect();
    if libraries.len() < 2 {
        return None;
    }
    let flips: Vec<_> = by_class.iter().filter_map(|(class, libraries)| flip(*class, libraries)).collect();
    if flips.is_empty() {
        let names = list(libraries.iter().map(|library| library.name()));
        return Some(format!("No two algorithms change places between {names}."));
    }
    Some(format!("The order depends on the library: {}.", flips.join("; ")))
}

/// The plainest change of places in `class`: the pair for which the product of both margins is greatest.
fn flip(class: Class, libraries: &BTreeMap<Library, Scores>) -> Option<String> {
    let mut plainest: Option<(f64, String)> = None;
    for a in RecordCipher::ALL {
        for b in RecordCipher::ALL.into_iter().filter(|b| *b != a) {
            // Libraries in which the first is faster beyond doubt, and by how much at the most.
            let faster = |a: RecordCipher, b: RecordCipher| -> (Vec<&str>, f64) {
                let won = libraries.iter().filter_map(|(library, scores)| {
                    let (a, b) = (scores.get(&a)?, scores.get(&b)?);
                    a.beats(b).then_some((library.name(), a.value / b.value))
                });
                won.fold((Vec::new(), 1.0), |(mut names, most), (name, ratio)| {
                    names.push(name);
                    (names, f64::max(most, ratio))
                })
            };
            let ((here, most_here), (there, most_there)) = (faster(a, b), faster(b, a));
            let plain = most_here * most_there;
            if here.is_empty()
                || there.is_empty()
                || plainest.as_ref().is_some_and(|(known, _)| *known * EQUAL >= plain)
            {
                continue;
            }
            let text = format!(
                "for {} {} is faster than {} with {}, and slower with {}",
                class.name(),
                a.name(),
                b.name(),
                list(here),
                list(there)
            );
            plainest = Some((plain, text));
        }
    }
    plainest.map(|(_, text)| text)
}

/// `a`, `a and b`, `a, b and c`.
fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    list_with("and", names)
}

fn list_with<'n>(word: &str, names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} {word} {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::crypto::{Direction, RECORD_BYTES};
    use crate::record::crypto::{RecordSpeed, fixture};

    /// A document in which `gb_per_s` gives each algorithm's speed with each library for small and for large records, with intervals of
    /// two percent to either side.
    fn document(gb_per_s: impl Fn(Library, RecordCipher, Class) -> Option<f64>) -> CryptoDocument {
        let mut document = fixture::document();
        document.aead.clear();
        for library in Library::ALL {
            for cipher in RecordCipher::ALL {
                for (record_bytes, direction) in
                    RECORD_BYTES.into_iter().flat_map(|n| Direction::ALL.map(|d| (n as u64, d)))
                {
                    let Some(gb) = gb_per_s(library, cipher, Class::of(record_bytes)) else { continue };
                    let (bytes_per_s, ns) = (gb * 1e9, record_bytes as f64 / gb);
                    let interval = |factor: f64| (library != Library::OpenSsl).then_some(factor);
                    document.aead.push(AeadRow {
                        algorithm: cipher,
                        provider: library,
                        direction,
                        record_bytes,
                        threads: 1,
                        whole_record: true,
                        speed: RecordSpeed {
                            bytes_per_s,
                            bytes_per_s_low: interval(bytes_per_s * 0.98),
                            bytes_per_s_high: interval(bytes_per_s * 1.02),
                            ns_per_record: ns,
                            ns_per_record_low: interval(ns / 1.02),
                            ns_per_record_high: interval(ns / 0.98),
                            repetitions: 12,
                        },
                    });
                }
            }
        }
        document
    }

    fn speed(cipher: RecordCipher) -> f64 {
        match cipher {
            RecordCipher::Aes128Gcm => 4.0,
            RecordCipher::Aes256Gcm => 3.2,
            RecordCipher::ChaCha20Poly1305 => 1.6,
            RecordCipher::Aes128CbcSha256 => 0.5,
        }
    }

    fn texts(document: &CryptoDocument) -> BTreeMap<String, String> {
        advise(document).into_iter().map(|remark| (remark.code, remark.text)).collect()
    }

    #[test]
    fn one_order_everywhere_is_one_clause_and_no_flip() {
        let advice = texts(&document(|library, cipher, _| {
            let factor = if library == Library::Ring && cipher == RecordCipher::ChaCha20Poly1305 { 0.64 } else { 1.0 };
            Some(speed(cipher) * factor)
        }));
        assert_eq!(
            advice["small_records"],
            "For small records (64 B to 1 KiB) with aws-lc, ring and openssl prefer AES-128-GCM: 1.25 times as fast as \
             AES-256-GCM, 2.5 to 3.91 times ChaCha20-Poly1305, 8 times AES-128-CBC-HMAC-SHA256."
        );
        assert_eq!(advice["order"], "No two algorithms change places between aws-lc, ring and openssl.");
        assert_eq!(advice.len(), 3);
    }

    #[test]
    fn a_change_of_places_is_told_with_its_libraries() {
        let advice = texts(&document(|library, cipher, class| {
            let slow_gcm = library == Library::OpenSsl && class == Class::Small;
            Some(if slow_gcm && cipher == RecordCipher::ChaCha20Poly1305 { 9.0 } else { speed(cipher) })
        }));
        assert!(
            advice["small_records"]
                .contains("with openssl prefer ChaCha20-Poly1305: 2.25 times as fast as AES-128-GCM"),
            "{advice:?}"
        );
        assert!(advice["small_records"].contains("with aws-lc and ring prefer AES-128-GCM"), "{advice:?}");
        assert_eq!(
            advice["order"],
            "The order depends on the library: for small records (64 B to 1 KiB) AES-128-GCM is faster than ChaCha20-Poly1305 \
             with aws-lc and ring, and slower with openssl."
        );
    }

    #[test]
    fn figures_whose_intervals_meet_are_not_ranked() {
        let close = |library, cipher| match (library, cipher) {
            // 3 % apart with intervals of 2 %; 15 % apart where a single run counts as 10 % off.
            (Library::AwsLc | Library::Ring, RecordCipher::Aes256Gcm) => 4.0 / 1.03,
            (Library::OpenSsl, RecordCipher::Aes256Gcm) => 4.0 / 1.15,
            _ => speed(cipher),
        };
        let advice = texts(&document(|library, cipher, _| Some(close(library, cipher))));
        for code in ["small_records", "large_records"] {
            assert!(advice[code].contains("prefer AES-128-GCM or AES-256-GCM (no difference seen)"), "{advice:?}");
        }
        // 5 % are more than both intervals, 25 % more than both runs.
        let apart = |library, cipher| {
            if cipher == RecordCipher::Aes256Gcm {
                4.0 / if library == Library::OpenSsl { 1.25 } else { 1.05 }
            } else {
                speed(cipher)
            }
        };
        let advice = texts(&document(|library, cipher, _| Some(apart(library, cipher))));
        assert!(!advice["large_records"].contains("no difference"), "{advice:?}");
    }

    #[test]
    fn only_what_all_algorithms_of_a_library_have_is_compared() {
        let mut document = document(|_, cipher, _| Some(speed(cipher)));
        // OpenSSL was run at one small size only, and for one algorithm at another one, where it is fast.
        document.aead.retain(|row| {
            row.provider != Library::OpenSsl
                || row.record_bytes == 64
                || (row.record_bytes == 1024 && row.algorithm == RecordCipher::Aes128CbcSha256)
        });
        for row in document.aead.iter_mut().filter(|row| row.provider == Library::OpenSsl && row.record_bytes == 1024) {
            row.speed.bytes_per_s *= 100.0;
        }
        let advice = texts(&document);
        assert!(
            advice["small_records"]
                .starts_with("For small records (64 B to 1 KiB) with aws-lc, ring and openssl prefer AES-128-GCM")
        );
        assert!(advice["large_records"].contains("with aws-lc and ring prefer"), "{advice:?}");
        // Several threads are no part of it.
        let mut several = document.clone();
        for row in document.aead.iter().filter(|row| row.algorithm == RecordCipher::Aes128CbcSha256) {
            let mut row = row.clone();
            row.threads = 64;
            row.speed.bytes_per_s *= 1e3;
            several.aead.push(row);
        }
        assert_eq!(texts(&several), advice);
    }

    #[test]
    fn what_is_no_whole_record_is_not_preferred_to_one() {
        let mut document = document(|_, cipher, _| Some(speed(cipher)));
        let partial =
            |row: &&mut AeadRow| row.provider == Library::OpenSsl && row.algorithm == RecordCipher::Aes128CbcSha256;
        for row in document.aead.iter_mut().filter(partial) {
            row.speed.bytes_per_s *= 100.0;
            row.whole_record = false;
        }
        let advice = texts(&document);
        assert!(advice["large_records"].contains("with aws-lc, ring and openssl prefer AES-128-GCM"), "{advice:?}");
        assert!(advice["order"].starts_with("No two algorithms change places"), "{advice:?}");
    }

    #[test]
    fn one_library_alone_has_no_order_and_no_figures_no_advice() {
        let advice = texts(&document(|library, cipher, _| (library == Library::Ring).then(|| speed(cipher))));
        assert_eq!(advice.keys().collect::<Vec<_>>(), ["large_records", "small_records"]);
        assert_eq!(advise(&document(|_, _, _| None)), []);
    }

    #[test]
    fn a_processor_without_aes_is_told_and_an_unknown_one_is_not() {
        let mut document = document(|_, cipher, _| Some(speed(cipher)));
        document.host.cpu.features = vec!["avx2".to_owned()];
        assert!(texts(&document).contains_key("no_aes"));
        for features in [vec![], vec!["aes".to_owned()]] {
            document.host.cpu.features = features;
            assert!(!texts(&document).contains_key("no_aes"));
        }
    }

    #[test]
    fn lists_read_like_sentences() {
        assert_eq!(
            [list([]), list(["a"]), list(["a", "b"]), list(["a", "b", "c"])],
            ["", "a", "a and b", "a, b and c"]
        );
        assert_eq!([times(1.0), times(1.204), times(2.5), times(12.34)], ["1", "1.2", "2.5", "12"]);
    }
}
