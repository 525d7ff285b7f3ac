//! A terminal of an administrator of the cluster: a shell with the tools that people use with one, and with `portcullis`.
//!
//! There is no kubelet here, and nobody forwards ports. So some commands cannot run: they are handed to the test, word by word. It does
//! something in their place, and says what they print and how they end.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

use super::cluster::Cluster;
use super::namespaces::Network;
use super::programs::peer;
use crate::command::CommandOutput;
use crate::programs::portcullis;

/// Commands that are handed to the test.
#[derive(Clone, Copy, Debug)]
pub struct HandedOver {
    pub program: &'static str,
    /// The subcommands that are handed over, like `exec`. Every other command of the program runs as it is typed.
    pub verbs: &'static [&'static str],
}

/// A terminal. What is typed in it runs in the node's network.
#[derive(Clone, Debug)]
pub struct Terminal {
    node: Network,
    cluster: PathBuf,
    at: PathBuf,
    /// `programs` is the first directory of `PATH`. `calls` has a directory for each command that was handed over.
    files: Arc<TempDir>,
}

impl Cluster {
    /// A terminal in this directory.
    ///
    /// # Panics
    /// When its files cannot be written.
    #[must_use]
    pub fn terminal(&self, at: &Path, handed_over: &[HandedOver]) -> Terminal {
        let files = tempfile::tempdir_in(self.directory()).expect("a temporary directory");
        let terminal = Terminal {
            node: self.node().clone(),
            cluster: self.directory().to_owned(),
            at: at.to_owned(),
            files: Arc::new(files),
        };
        for directory in [terminal.programs(), terminal.calls()] {
            fs::create_dir(directory).expect("a temporary directory");
        }
        let tools = ["kubectl", "helm", "istioctl"].map(|tool| (tool, peer(tool)));
        for (name, real) in tools.into_iter().chain([("portcullis", portcullis())]) {
            let place = terminal.programs().join(name);
            match handed_over.iter().find(|one| one.program == name) {
                Some(one) => terminal.write_program(&place, one, &real),
                None => symlink(real, place).expect("a temporary file can be written"),
            }
        }
        terminal
    }
}

impl Terminal {
    /// Runs what is typed, in a shell that ends at the first command that fails. `instead` does what the commands that are handed
    /// over cannot do here; it gets their words, from the program's name on.
    ///
    /// # Panics
    /// When there is no shell.
    pub async fn run(
        &self,
        typed: &str,
        mut instead: impl AsyncFnMut(&[&str]) -> CommandOutput,
    ) -> CommandOutput {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("set -eu\n{typed}")).current_dir(&self.at);
        shell.env("PATH", self.path()).env("HOME", &self.cluster);
        shell.env("KUBECONFIG", self.cluster.join("kubeconfig"));
        shell.env("KUBECACHEDIR", self.cluster.join("kubectl-cache"));
        let node = self.node.clone();
        let mut shell = tokio::task::spawn_blocking(move || node.run(&mut shell));
        loop {
            if let Ok(output) = tokio::time::timeout(Duration::from_millis(20), &mut shell).await {
                return CommandOutput::of(&output.expect("it does not panic"));
            }
            for call in self.open_calls() {
                let words = fs::read_to_string(call.join("words")).expect("UTF-8");
                let words: Vec<&str> = words.split_terminator('\0').collect();
                answer(&call, &instead(&words).await);
            }
        }
    }

    fn programs(&self) -> PathBuf {
        self.files.path().join("programs")
    }

    fn calls(&self) -> PathBuf {
        self.files.path().join("calls")
    }

    #[expect(clippy::disallowed_methods, reason = "the programs of this machine are on its PATH")]
    fn path(&self) -> String {
        format!("{}:{}", self.programs().display(), std::env::var("PATH").expect("a PATH in UTF-8"))
    }

    /// A program that hands some of its commands over, and runs all others.
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    fn write_program(&self, place: &Path, one: &HandedOver, real: &Path) {
        let script = HAND_OVER
            .replace("VERBS", &one.verbs.join(" | "))
            .replace("REAL", &real.display().to_string())
            .replace("CALLS", &self.calls().display().to_string())
            .replace("NAME", one.program);
        fs::write(place, script).expect("a temporary file can be written");
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).expect("our own file");
    }

    /// The commands that wait for an answer.
    fn open_calls(&self) -> Vec<PathBuf> {
        let calls = fs::read_dir(self.calls()).expect("our own directory").flatten();
        let calls = calls.map(|call| call.path());
        calls.filter(|call| call.join("words").exists() && !call.join("status").exists()).collect()
    }
}

/// Waits for the file `status`, which comes last.
const HAND_OVER: &str = r#"#!/bin/sh
set -eu
verb='' skip=''
for word; do
  [ -z "$skip" ] || { skip=''; continue; }
  case $word in
    -n | --namespace) skip=yes ;;
    -*) ;;
    *) verb=$word; break ;;
  esac
done
case $verb in
  VERBS) ;;
  *) exec REAL "$@" ;;
esac
call=$(mktemp -d CALLS/XXXXXX)
printf '%s\0' NAME "$@" >"$call/new"
mv "$call/new" "$call/words"
while [ ! -e "$call/status" ]; do sleep 0.02; done
cat "$call/out"
cat "$call/err" >&2
exit "$(cat "$call/status")"
"#;

#[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
fn answer(call: &Path, output: &CommandOutput) {
    // The end of the last line is not in `output`.
    let lines = |text: &str| if text.is_empty() { String::new() } else { format!("{text}\n") };
    for (name, content) in
        [("out", lines(&output.out)), ("err", lines(&output.err)), ("new", output.status.to_string())]
    {
        fs::write(call.join(name), content).expect("a temporary file can be written");
    }
    fs::rename(call.join("new"), call.join("status")).expect("our own files");
}
