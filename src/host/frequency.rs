//! How fast the processor's cores run at this moment, where the kernel tells.

use crate::record::crypto::CoreFrequency;

const CPUS: &str = "/sys/devices/system/cpu";

/// The frequencies of all cores now: from `cpufreq` where it is, else from `/proc/cpuinfo`; `None` where neither tells, as on most ARM
/// virtual machines. In a virtual machine it may be the nominal one, whatever the core does.
pub fn read() -> Option<CoreFrequency> {
    summary(&scaling()).or_else(|| summary(&cpuinfo(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default())))
}

/// Megahertz of each core, by `scaling_cur_freq` (in kilohertz).
fn scaling() -> Vec<f64> {
    let Ok(entries) = std::fs::read_dir(CPUS) else { return Vec::new() };
    let khz = |entry: std::fs::DirEntry| {
        let path = entry.path().join("cpufreq/scaling_cur_freq");
        super::read_trimmed(path.to_str()?)?.parse::<f64>().ok()
    };
    entries.flatten().filter_map(khz).map(|khz| khz / 1e3).collect()
}

/// The values of `cpu MHz`.
fn cpuinfo(text: &str) -> Vec<f64> {
    let value = |line: &str| line.split_once(':').filter(|(key, _)| key.trim() == "cpu MHz")?.1.trim().parse().ok();
    text.lines().filter_map(value).collect()
}

fn summary(mhz: &[f64]) -> Option<CoreFrequency> {
    let plausible: Vec<f64> = mhz.iter().copied().filter(|mhz| (1.0..1e5).contains(mhz)).collect();
    let n = plausible.len();
    (n > 0).then(|| CoreFrequency {
        min_mhz: plausible.iter().copied().fold(f64::INFINITY, f64::min),
        mean_mhz: plausible.iter().sum::<f64>() / n as f64,
        max_mhz: plausible.iter().copied().fold(0.0, f64::max),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_core_is_read_and_nonsense_is_not() {
        let text = "processor : 0\ncpu MHz\t\t: 2596.096\nflags : x\nprocessor : 1\ncpu MHz : 3000.5\ncpu MHz : fast\n";
        assert_eq!(cpuinfo(text), [2596.096, 3000.5]);
        let found = summary(&[2000.0, 3000.0, 0.0, f64::NAN, 4000.0]).unwrap();
        assert_eq!((found.min_mhz, found.mean_mhz, found.max_mhz), (2000.0, 3000.0, 4000.0));
        assert_eq!(summary(&cpuinfo("model name : x\n")), None);
    }
}
