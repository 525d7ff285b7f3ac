//! How a container runs: a root of its own with this machine's libraries, the programs of its image, and the volumes of its pod; its
//! user, its group, and no capabilities but those that its security context leaves. A kubelet with a runtime does the same.

use serde_json::Value;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What runs in a container.
pub(super) struct Container<'a> {
    /// The container of the pod, as the API server admitted it.
    pub spec: &'a Value,
    /// The pod's `securityContext`.
    pub pod_security: &'a Value,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    /// The files of its image: where each is on this machine, and in the container.
    pub image: Vec<(PathBuf, &'static str)>,
    /// Where each volume of the pod is.
    pub volumes: &'a dyn Fn(&str) -> PathBuf,
    /// The pod's `hosts` and `resolv.conf`.
    pub names: &'a Path,
    /// An empty directory where its root will be.
    pub root: PathBuf,
}

/// Makes the root. `$R` is where. Nothing of this is seen outside, because the mounts are in a mount namespace of their own.
const ROOT: &str = r#"
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$R"
for d in bin sbin lib lib64 usr; do
  if [ -L /$d ]; then cp -P /$d "$R/$d"; elif [ -d /$d ]; then mkdir "$R/$d"; mount --rbind /$d "$R/$d"; fi
done
mkdir "$R/proc" "$R/dev" "$R/etc" "$R/run" "$R/var" "$R/var/lib" "$R/home"
mkdir -m 1777 "$R/tmp"
ln -s ../run "$R/var/run"
mount --rbind /proc "$R/proc"
mount --rbind /dev "$R/dev"
for f in passwd group nsswitch.conf ld.so.cache ld.so.conf ld.so.conf.d alternatives ssl ca-certificates protocols services; do
  [ ! -e /etc/$f ] || cp -a /etc/$f "$R/etc/"
done
mount -t tmpfs -o mode=755 tmpfs "$R/usr/local"
mkdir "$R/usr/local/bin"
"#;

impl Container<'_> {
    /// The command that runs it. It is one process from the start to the end.
    pub(super) fn command(&self) -> Command {
        let mut script = format!("set -eu\nR={}\n{ROOT}", self.root.display());
        for name in ["hosts", "resolv.conf"] {
            writeln!(script, "cp {} \"$R/etc/\"", self.names.join(name).display())
                .expect("a string takes all");
        }
        for (from, to) in &self.image {
            bind(&mut script, from, to);
        }
        for mount in array(&self.spec["volumeMounts"]) {
            let mut from = (self.volumes)(text(&mount["name"]));
            if let Some(path) = mount["subPath"].as_str() {
                from.push(path);
            }
            let to = text(&mount["mountPath"]);
            bind(&mut script, &from, to);
            if mount["readOnly"] == true {
                writeln!(script, "mount -o remount,bind,ro \"$R{to}\"").expect("a string takes all");
            }
        }
        let (user, group) = (self.number("runAsUser"), self.number("runAsGroup"));
        // As a runtime does: a program that opens /dev/stdout again must be allowed to.
        writeln!(script, "chown {user}:{group} /proc/self/fd/1 /proc/self/fd/2").expect("a string takes all");
        if self.spec["securityContext"]["readOnlyRootFilesystem"] == true {
            script.push_str("mount -o remount,ro \"$R/usr/local\"\nmount -o remount,ro \"$R\"\n");
        }
        let groups = self.pod_security["fsGroup"].as_u64();
        let groups = groups.map_or("--clear-groups".to_owned(), |group| format!("--groups {group}"));
        let mut set = format!("setpriv --reuid {user} --regid {group} {groups}");
        if self.spec["securityContext"]["allowPrivilegeEscalation"] == false {
            set.push_str(" --no-new-privs");
        }
        if array(&self.spec["securityContext"]["capabilities"]["drop"]).any(|one| one == "ALL") && user != 0 {
            set.push_str(" --bounding-set -all");
        }
        writeln!(script, "cd /\nexec chroot \"$R\" /usr/bin/{set} \"$@\"").expect("a string takes all");

        let mut command = Command::new("unshare");
        command.args(["--mount", "/bin/sh", "-c", &script, "sh"]).args(&self.arguments);
        command.env_clear().envs(self.environment.iter().cloned());
        command.env("PATH", "/usr/local/bin:/usr/local/sbin:/usr/bin:/bin:/usr/sbin:/sbin");
        command
    }

    /// A number of the container's security context, or else of the pod's. 0 is what images without a user have.
    fn number(&self, name: &str) -> u64 {
        let own = self.spec["securityContext"][name].as_u64();
        own.or_else(|| self.pod_security[name].as_u64()).unwrap_or(0)
    }
}

/// Shows a file or a directory of this machine in the container.
fn bind(script: &mut String, from: &Path, to: &str) {
    let make = if from.is_dir() { "mkdir -p \"$R$to\"" } else { "mkdir -p \"$R${to%/*}\"; : >>\"$R$to\"" };
    writeln!(script, "to={to}; {make}; mount --bind {} \"$R$to\"", from.display())
        .expect("a string takes all");
}

/// The members of a list; none if there is no list.
pub(super) fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A text that must be there.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text is missing: {value}"))
}
