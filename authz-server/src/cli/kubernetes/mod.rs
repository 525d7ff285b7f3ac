//! `portcullis kubernetes`: writes what a cluster needs of a home directory before the first start of its server. That is
//! `secrets.yaml` for `kubectl apply`, and `values.yaml` for the chart in `k8s/chart`. `portcullis init --kubernetes` ends with the same.
//!
//! Both files are made anew each time, so that the policy can be changed and signed before the installation. It talks to no cluster, and
//! it may not write anything before all of the home directory was checked.

mod archive;
mod first_home;
mod secrets;
mod server_keys;
mod values;

use std::io;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use ledger::{Mark, durable};

use super::out::{Failure, line};
use crate::clock::Clock;
use first_home::FirstHome;
use policy::{is_label, rfc3339};
use values::TakenWithin;

/// The namespace of the server in the chart's documentation.
pub(super) const NAMESPACE: &str = "portcullis";

#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    /// A home directory that `portcullis init` made, and on which no server ran yet
    #[arg(long, default_value = ".")]
    home: PathBuf,
    /// The namespace of the server in the cluster
    #[arg(long, default_value = NAMESPACE, value_parser = namespace)]
    namespace: String,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let written = Written::write(&args.home, &args.namespace, &Clock::of_the_machine())?;
    written.print(&args.home)
}

/// The part of `portcullis init` that comes after the home directory is made.
pub(super) fn after_init(home: &Path, namespace: &str) -> Result<(), Failure> {
    let written = Written::write(home, namespace, &Clock::of_the_machine())?;
    line(format!("made {}", home.display()))?;
    line("To change the policy before the installation, edit its documents, and then:")?;
    let home_word = shell_word(&home.display().to_string());
    line(format!("  portcullis policy sign --home {home_word}"))?;
    line(format!("  portcullis kubernetes --home {home_word}{}", option(namespace)))?;
    written.print(home)
}

/// What was written, for the person who goes on with it.
struct Written {
    directory: PathBuf,
    namespace: String,
    what: String,
    /// For how long the chart takes this first ledger.
    within: TakenWithin,
    /// The file that keeps servers off this ledger.
    mark: PathBuf,
    missing: Vec<values::Missing>,
    not_taken: Vec<String>,
}

impl Written {
    fn write(home: &Path, namespace: &str, clock: &Clock) -> Result<Written, Failure> {
        let first = FirstHome::read(home, clock)?;
        let secrets = secrets::of(&first)?;
        let within = TakenWithin::of(first.ledger.created(), clock.now()).ok_or_else(|| too_old(home))?;
        let missing = values::missing(&first);
        let values = values::text(&first, &missing);
        let directory = home.join("kubernetes");
        let failed =
            |path: &Path, e: io::Error| Failure::new(format!("cannot write {}: {e}", path.display()));
        durable::create_dir_all(&directory, 0o700).map_err(|e| failed(&directory, e))?;
        let path = directory.join("values.yaml");
        durable::replace(&path, values.as_bytes()).map_err(|e| failed(&path, e))?;
        // Under the lock of the ledger, which `first` has: a server that begins to write either has the lock already, or sees this. And
        // before there is anything that a cluster could take. A crash between the two leaves a ledger that no server takes, and the command
        // is run again.
        let mark = Mark::InCluster.put(first.ledger.root()).map_err(|(path, e)| failed(&path, e))?;
        let path = directory.join("secrets.yaml");
        let text = secrets::yaml(&secrets, namespace);
        replace_secret(&path, text.as_bytes()).map_err(|e| failed(&path, e))?;
        Ok(Written {
            directory,
            namespace: namespace.to_owned(),
            what: format!(
                "{} of the bundle, the first ledger {}",
                first.bundle.versions(),
                first.ledger.origin()
            ),
            within,
            mark,
            missing,
            not_taken: first.not_taken,
        })
    }

    /// The next commands, as they are typed.
    fn print(&self, home: &Path) -> Result<(), Failure> {
        let (directory, namespace) = (&self.directory, &self.namespace);
        line(format!("wrote secrets.yaml and values.yaml in {}: {}", directory.display(), self.what))?;
        line(format!(
            "secrets.yaml has private keys: keep it as safe as {}, and remove it after the installation",
            home.join("keys").display()
        ))?;
        line(format!(
            "Both files are for the first start only. From now on `portcullis serve` refuses this home directory ({}): the cluster's server \
             continues its ledger. Later bundles are not in these files: sign them here, and put them at server.bundle.url, or on the volume \
             with kubectl cp (k8s/README.md, The server)",
            self.mark.display()
        ))?;
        if !self.within.is_default() {
            line(
                "THIS LEDGER IS OLD: the chart does not take it by itself. If a server may have started with it, or you do not know, make another home \
                 directory (`portcullis init NEW --kubernetes …`): on an empty volume this ledger allows each warrant for one use once more. If none \
                 did, the option --set below lets the chart take it. It is for this one installation: write it into no file of values",
            )?;
        }
        for what in &self.not_taken {
            line(format!("NOT TAKEN: {what}"))?;
        }
        line("These values are still missing. Write them into a file of your own, here mine.yaml:")?;
        for missing in &self.missing {
            line(format!("  # {}", missing.why))?;
            missing.yaml.iter().try_for_each(|text| line(format!("  {text}")))?;
        }
        line(format!("Then, before {}:", rfc3339(self.within.until)))?;
        let file = |name: &str| shell_word(&directory.join(name).display().to_string());
        line(format!("  kubectl create namespace {namespace}"))?;
        line(format!("  kubectl apply --server-side -f {}", file("secrets.yaml")))?;
        let old = if self.within.is_default() {
            String::new()
        } else {
            format!(" --set ledger.firstWithinHours={}", self.within.hours)
        };
        line(format!(
            "  helm install portcullis k8s/chart --namespace {namespace} --values {} --values mine.yaml{old}",
            file("values.yaml")
        ))?;
        line(format!("  kubectl -n {namespace} rollout status statefulset/portcullis"))?;
        line(format!("  kubectl -n {namespace} delete secret {}", secrets::FIRST))
    }
}

fn too_old(home: &Path) -> Failure {
    Failure::new(format!(
        "the first ledger of {0} was made more than {1} hours ago, and the chart takes none that is so old: make another home directory \
         (`portcullis init NEW --kubernetes …`), copy your routes from {0}/policy, and sign",
        home.display(),
        values::HOURS_AT_MOST
    ))
}

/// The option as it is typed; empty for the default.
fn option(namespace: &str) -> String {
    if namespace == NAMESPACE { String::new() } else { format!(" --namespace {namespace}") }
}

/// A name of a namespace, as Kubernetes takes it.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    if is_label(text) {
        return Ok(text.to_owned());
    }
    Err("write 1 to 63 of a-z, 0-9 and `-`, with a letter or a digit at both ends".to_owned())
}

/// Others must not be able to read it, not even for a moment. A file that was there may have another mode, so it is removed first.
/// A crash between the two leaves no file, and the command is run again.
fn replace_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    durable::write_new(path, bytes, 0o600)
}

/// A word of a command, quoted if the shell would read it as something else.
fn shell_word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:,@%".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_label_of_dns() {
        for good in ["portcullis", "a", "gate-2"] {
            assert_eq!(namespace(good).as_deref(), Ok(good));
        }
        for bad in ["", "Gate", "-a", "a-", "a.b", "a b", &"a".repeat(64)] {
            assert!(namespace(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_word_that_the_shell_would_split_is_quoted() {
        assert_eq!(shell_word("home/kubernetes/values.yaml"), "home/kubernetes/values.yaml");
        assert_eq!(shell_word("my home"), "'my home'");
        assert_eq!(shell_word("o'h"), "'o'\\''h'");
    }
}
