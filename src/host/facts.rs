//! What this machine is: processor, memory, operating system. Every figure that a document's `host` holds.

use std::collections::BTreeSet;

use super::{kib_field, read_trimmed};
use crate::record::run::{Cpu, Host};

/// The processor features that decide how fast TLS runs, as `/proc/cpuinfo` spells them: x86 first, then 64-bit ARM.
const TLS_FEATURES: [&str; 15] = [
    "aes",
    "pclmulqdq",
    "vaes",
    "vpclmulqdq",
    "avx2",
    "avx512f",
    "avx512vl",
    "sha_ni",
    "bmi2",
    "adx",
    "asimd",
    "pmull",
    "sha1",
    "sha2",
    "sha512",
];

/// Names for ARM's part numbers, since its `/proc/cpuinfo` has no model name: (implementer, part, vendor, name).
/// From Linux, `arch/arm64/include/asm/cputype.h`.
const ARM_PARTS: [(&str, &str, &str, &str); 11] = [
    ("0x41", "0xd08", "ARM", "Cortex-A72"),
    ("0x41", "0xd0b", "ARM", "Cortex-A76"),
    ("0x41", "0xd0c", "ARM", "Neoverse-N1"),
    ("0x41", "0xd40", "ARM", "Neoverse-V1"),
    ("0x41", "0xd49", "ARM", "Neoverse-N2"),
    ("0x41", "0xd4f", "ARM", "Neoverse-V2"),
    ("0x41", "0xd83", "ARM", "Neoverse-V3AE"),
    ("0x41", "0xd84", "ARM", "Neoverse-V3"),
    ("0x41", "0xd8e", "ARM", "Neoverse-N3"),
    ("0xc0", "0xac3", "Ampere", "Ampere-1"),
    ("0xc0", "0xac4", "Ampere", "Ampere-1A"),
];

/// What this machine is, read now. Nothing fails: what cannot be read is `None`, or empty.
pub fn read() -> Host {
    let cpuinfo = CpuInfo::parse(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default());
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let os_release = std::fs::read_to_string("/etc/os-release")
        .or_else(|_| std::fs::read_to_string("/usr/lib/os-release"))
        .unwrap_or_default();
    let threads = std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX));
    Host {
        cpu: Cpu {
            model: cpuinfo.model,
            vendor: cpuinfo.vendor,
            cores: cpuinfo.cores,
            threads,
            features: cpuinfo.features,
        },
        memory_bytes: kib_field(&meminfo, "MemTotal"),
        os: pretty_name(&os_release),
        kernel: rustix::system::uname().release().to_str().ok().map(str::to_owned),
        governor: read_trimmed("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        virtualized: cpuinfo.virtualized,
    }
}

/// What `/proc/cpuinfo` says of the processor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct CpuInfo {
    model: Option<String>,
    vendor: Option<String>,
    /// Distinct (socket, core) pairs; `None` where the file has none, as on ARM.
    cores: Option<u32>,
    features: Vec<String>,
    /// From the `hypervisor` flag of x86; other processors have no such flag.
    virtualized: Option<bool>,
}

impl CpuInfo {
    fn parse(text: &str) -> Self {
        let mut info = Self::default();
        let (mut implementer, mut part) = (None, None);
        let mut cores = BTreeSet::new();
        let mut socket = "0";
        for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match key.trim() {
                "model name" => keep_first(&mut info.model, value),
                "vendor_id" => keep_first(&mut info.vendor, value),
                "physical id" => socket = value,
                "core id" => {
                    cores.insert((socket, value));
                }
                "flags" if info.features.is_empty() => {
                    info.features = tls_features(value);
                    info.virtualized = Some(value.split_whitespace().any(|flag| flag == "hypervisor"));
                }
                "Features" if info.features.is_empty() => info.features = tls_features(value),
                "CPU implementer" => keep_first(&mut implementer, value),
                "CPU part" => keep_first(&mut part, value),
                _ => {}
            }
        }
        info.cores = u32::try_from(cores.len()).ok().filter(|n| *n > 0);
        if let (Some(implementer), Some(part)) = (implementer, part) {
            let known = ARM_PARTS.iter().find(|row| row.0 == implementer && row.1 == part);
            let (vendor, model) = match known {
                Some((_, _, vendor, name)) => ((*vendor).to_owned(), (*name).to_owned()),
                None => (format!("implementer {implementer}"), format!("part {part} of implementer {implementer}")),
            };
            info.vendor.get_or_insert(vendor);
            info.model.get_or_insert(model);
        }
        info
    }
}

fn keep_first(slot: &mut Option<String>, value: &str) {
    if slot.is_none() && !value.is_empty() {
        *slot = Some(value.to_owned());
    }
}

/// Those of the `flags` that matter to TLS, in the order of [`TLS_FEATURES`].
fn tls_features(flags: &str) -> Vec<String> {
    let present: BTreeSet<&str> = flags.split_whitespace().collect();
    TLS_FEATURES.iter().filter(|name| present.contains(*name)).map(|name| (*name).to_owned()).collect()
}

/// `PRETTY_NAME` of an `os-release` file (man 5 os-release), without its quotes.
fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release.lines().find_map(|line| line.trim().strip_prefix("PRETTY_NAME="))?.trim();
    let bare = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(value);
    (!bare.is_empty()).then(|| bare.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const X86: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Platinum 8488C\n\
        physical id\t: 0\ncore id\t\t: 0\nflags\t\t: fpu sse2 sha_ni vaes aes hypervisor avx2 pclmulqdq aesx\n\n\
        processor\t: 1\nvendor_id\t: GenuineIntel\nmodel name\t: other\nphysical id\t: 0\ncore id\t\t: 0\n\
        flags\t\t: fpu\n\nprocessor\t: 2\nphysical id\t: 1\ncore id\t\t: 0\n";

    #[test]
    fn x86_names_cores_and_features_are_read() {
        let info = CpuInfo::parse(X86);
        assert_eq!(info.model.as_deref(), Some("Intel(R) Xeon(R) Platinum 8488C"));
        assert_eq!(info.vendor.as_deref(), Some("GenuineIntel"));
        assert_eq!(info.cores, Some(2), "two threads of one core, and a core of another socket");
        assert_eq!(info.features, ["aes", "pclmulqdq", "vaes", "avx2", "sha_ni"]);
        assert_eq!(info.virtualized, Some(true));
        assert_eq!(CpuInfo::parse("flags : fpu aes\n").virtualized, Some(false));
    }

    #[test]
    fn arm_parts_get_a_name_and_unknown_ones_keep_their_numbers() {
        let arm = |implementer: &str, part: &str| {
            CpuInfo::parse(&format!(
                "processor\t: 0\nFeatures\t: fp asimd aes pmull sha1 sha2 crc32\nCPU implementer\t: {implementer}\n\
                 CPU part\t: {part}\n"
            ))
        };
        let n1 = arm("0x41", "0xd0c");
        assert_eq!((n1.vendor.as_deref(), n1.model.as_deref()), (Some("ARM"), Some("Neoverse-N1")));
        assert_eq!(n1.features, ["aes", "asimd", "pmull", "sha1", "sha2"]);
        assert_eq!((n1.cores, n1.virtualized), (None, None));
        assert_eq!(arm("0x99", "0x001").model.as_deref(), Some("part 0x001 of implementer 0x99"));
    }

    #[test]
    fn memory_and_release_are_read() {
        assert_eq!(kib_field("MemTotal:        8141924 kB\nMemFree: 1 kB\n", "MemTotal"), Some(8_141_924 * 1024));
        assert_eq!(kib_field("MemTotal: many kB\n", "MemTotal"), None);
        assert_eq!(kib_field("MemTotal: 18446744073709551615 kB\n", "MemTotal"), None);
        for (text, expected) in [
            ("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n", Some("Debian GNU/Linux 12 (bookworm)")),
            ("PRETTY_NAME='Alpine'\n", Some("Alpine")),
            ("PRETTY_NAME=Plain\n", Some("Plain")),
            ("PRETTY_NAME=\"\"\n", None),
            ("NAME=x\n", None),
        ] {
            assert_eq!(pretty_name(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_machine_without_these_files_has_no_figures() {
        assert_eq!(CpuInfo::parse(""), CpuInfo::default());
        assert!(read().cpu.threads >= 1);
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_never_an_error(
            text in "(?s).{0,400}",
            key in "(model name|flags|core id|CPU part|PRETTY_NAME=|MemTotal)",
        ) {
            let text = format!("{text}\n{key}:{text}");
            CpuInfo::parse(&text);
            pretty_name(&text);
            kib_field(&text, "MemTotal");
        }
    }
}
