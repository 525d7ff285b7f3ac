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
use ledger::durable;

use super::out::{Failure, line};
use crate::clock::Clock;
use first_home::FirstHome;
use policy::rfc3339;

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
    /// Until when the chart takes this first ledger, in seconds.
    until: u64,
    missing: Vec<values::Missing>,
    not_taken: Vec<String>,
}

impl Written {
    fn write(home: &Path, namespace: &str, clock: &Clock) -> Result<Written, Failure> {
        let first = FirstHome::read(home, clock)?;
        let secrets = secrets::of(&first)?;
        let missing = values::missing(&first, clock.now());
        let values = values::text(&first, &missing);
        let directory = home.join("kubernetes");
        let failed =
            |path: &Path, e: io::Error| Failure::new(format!("cannot write {}: {e}", path.display()));
        durable::create_dir_all(&directory, 0o700).map_err(|e| failed(&directory, e))?;
        let path = directory.join("values.yaml");
        durable::replace(&path, values.as_bytes()).map_err(|e| failed(&path, e))?;
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
            until: values::taken_until(&first, clock.now()),
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
        for what in &self.not_taken {
            line(format!("NOT TAKEN: {what}"))?;
        }
        line("These values are still missing. Write them into a file of your own, here mine.yaml:")?;
        for missing in &self.missing {
            line(format!("  # {}", missing.why))?;
            missing.yaml.iter().try_for_each(|text| line(format!("  {text}")))?;
        }
        line(format!("Then, before {}:", rfc3339(self.until)))?;
        let file = |name: &str| shell_word(&directory.join(name).display().to_string());
        line(format!("  kubectl create namespace {namespace}"))?;
        line(format!("  kubectl apply --server-side -f {}", file("secrets.yaml")))?;
        line(format!(
            "  helm install portcullis k8s/chart --namespace {namespace} --values {} --values mine.yaml",
            file("values.yaml")
        ))?;
        line(format!("  kubectl -n {namespace} rollout status statefulset/portcullis"))?;
        line(format!("  kubectl -n {namespace} delete secret {}", secrets::FIRST))
    }
}

/// The option as it is typed; empty for the default.
fn option(namespace: &str) -> String {
    if namespace == NAMESPACE { String::new() } else { format!(" --namespace {namespace}") }
}

/// A name of a namespace, as Kubernetes takes it.
pub(super) fn namespace(text: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_valid = (1..=63).contains(&text.len())
        && text.bytes().all(is_allowed)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if is_valid {
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
