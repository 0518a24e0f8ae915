//! Facts about the machine of a run, without its owner.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::costs::Costs;
use crate::markdown::number;
use crate::process::stdout;
use crate::timing::median;

/// The name and value of each known fact.
pub(crate) fn facts(cores: usize) -> Vec<(&'static str, String)> {
    let package = env!("CARGO_MANIFEST_DIR");
    let says = |program: &str, args: &[&str]| stdout(Command::new(program).args(args).current_dir(package)).ok();
    let commit = says("git", &["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]);
    let tree = ["tree", "--quiet", "--all-features", "--depth=1", "--prefix=none", "--edges=normal"];
    let version = env!("CARGO_PKG_VERSION");
    [
        ("date", Some(date(SystemTime::now()))),
        ("system", Some(format!("{}, {ARCH}", system().unwrap_or(OS.into())))),
        ("CPU", processor()),
        ("cores", Some(cores.to_string())),
        ("rustc", says("rustc", &["--version"])),
        (
            "crate",
            Some(format!("ebbtide {version}") + &commit.map_or(String::new(), |commit| format!(", commit {commit}"))),
        ),
        ("peers", says("cargo", &tree).map(|tree| peers(&tree))),
    ]
    .into_iter()
    .filter_map(|(what, value)| Some((what, value?)))
    .collect()
}

/// Medians of what was measured once in each round.
pub(crate) fn costs(rounds: &[Costs]) -> Vec<(&'static str, String)> {
    let of = |cost: fn(&Costs) -> f64| format!("{} ns", number(median(rounds.iter().map(cost).collect())));
    let barriers =
        format!("{}; {} while another thread is busy", of(|costs| costs.barrier), of(|costs| costs.barrier_busy));
    vec![
        ("locked instruction", of(|costs| costs.locked)),
        ("line from core to core", of(|costs| costs.line)),
        ("heavy barrier", barriers),
    ]
}

/// A name for files about this kind of machine: its CPU, in lowercase letters, digits and hyphens.
pub(crate) fn file_name() -> String {
    let name = processor().unwrap_or(ARCH.into()).to_lowercase();
    let words = name.split(|symbol: char| !symbol.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// The dependencies' versions from the output of `cargo tree`, whose first line is this package.
fn peers(tree: &str) -> String {
    let peer = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        (!["ebbtide", "futures-lite", "hdrhistogram", "plotters"].contains(&name)).then(|| format!("{name} {version}"))
    };
    tree.lines().skip(1).filter_map(peer).collect::<Vec<_>>().join(", ")
}

/// The distribution's name and the kernel's version.
fn system() -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    let name = field(&release, "PRETTY_NAME=")?.trim_matches('"').to_owned();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let version = kernel.trim().split('-').next()?;
    Some(format!("{name}, Linux {version}"))
}

fn processor() -> Option<String> {
    let Ok(cpus) = fs::read_to_string("/proc/cpuinfo") else {
        return stdout(Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"])).ok();
    };
    let value = field(&cpus, "model name")?;
    Some(value.trim_start_matches([' ', '\t', ':']).to_owned())
}

/// The rest of the first line that begins with `name`.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

/// The date in UTC, such as 2026-11-21.
fn date(now: SystemTime) -> String {
    let mut days = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / 86_400);
    let leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_are_converted_to_dates() {
        for (day, expected) in
            [(0, "1970-01-01"), (11_015, "2000-02-28"), (11_016, "2000-02-29"), (11_017, "2000-03-01")]
        {
            assert_eq!(date(UNIX_EPOCH + Duration::from_secs(day * 86_400 + 86_399)), expected);
        }
        for (day, expected) in [(19_722, "2023-12-31"), (19_723, "2024-01-01"), (47_540, "2100-02-28")] {
            assert_eq!(date(UNIX_EPOCH + Duration::from_secs(day * 86_400)), expected);
        }
    }

    #[test]
    fn peers_are_listed_with_their_versions() {
        let tree =
            "ebbtide-benches v0.1.0 (/src/benches)\nebbtide v0.1.0 (/src)\nopool v0.2.0\nobject-pool v0.6.0 (*)\n";
        assert_eq!(peers(tree), "opool 0.2.0, object-pool 0.6.0");
    }

    #[test]
    fn this_machine_is_described() {
        let facts = facts(3);
        for known in ["date", "system", "cores", "crate"] {
            let value = facts.iter().find_map(|(what, value)| (*what == known).then_some(value));
            assert!(value.is_some_and(|value| !value.is_empty()), "{known}: {facts:?}");
        }
        assert!(facts.contains(&("cores", "3".into())));
    }

    #[test]
    fn a_file_name_has_words_and_hyphens_alone() {
        let name = file_name();
        assert!(!name.is_empty() && name.split('-').all(|word| word.chars().all(char::is_alphanumeric)), "{name}");
    }
}
