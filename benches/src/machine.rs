//! What this machine is: it stands beside every figure, because only ratios are valid on another one.

use portcullis_tests::programs;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The machine in lines of `name: value`.
#[must_use]
pub fn describe(temporary: &Path) -> Vec<(&'static str, String)> {
    let text = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let cpus = text("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    vec![
        ("processor", model.map_or_else(|| "unknown".to_owned(), |(_, model)| model.to_owned())),
        ("cores", cores.to_string()),
        ("memory", memory(&text("/proc/meminfo"))),
        ("kernel", text("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("file system of the ledgers", file_system(&text("/proc/self/mounts"), temporary)),
        ("Envoy", envoy()),
    ]
}

fn memory(information: &str) -> String {
    let total = information.lines().find_map(|line| line.strip_prefix("MemTotal:")?.strip_suffix("kB"));
    let total = total.and_then(|number| number.trim().parse::<u64>().ok());
    total.map_or_else(|| "unknown".to_owned(), |kilobytes| format!("{} GiB", kilobytes >> 20))
}

/// Whether a sync takes no time here, so that nothing that is measured is durable.
#[must_use]
pub fn is_in_memory(temporary: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    matches!(file_system(&mounts, temporary).as_str(), "tmpfs" | "ramfs")
}

/// The type of the file system that this path is in: that of the longest mount point above it.
fn file_system(mounts: &str, path: &Path) -> String {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let above = mounts.filter(|(point, _)| path.starts_with(point));
    above
        .max_by_key(|(point, _)| point.len())
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

fn envoy() -> String {
    let output = Command::new(programs::envoy()).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    // …version: <commit>/<version>/<state of the sources>/<build>/<TLS>
    let version = text.split("version:").nth(1).unwrap_or_default().trim().split('/').nth(1);
    version.unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_in_the_file_system_of_the_longest_mount_point_above_it() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\ntmpfs /dev/shmother xfs rw 0 0\n";
        assert_eq!(file_system(mounts, Path::new("/dev/shm/x")), "tmpfs");
        assert_eq!(file_system(mounts, Path::new("/tmp/x")), "ext4");
    }
}
