//! A working directory with keys, and the commands that most tests run there. Every command gets the same time, `AT`.

use portcullis_tests::command::{CommandOutput, portcullis};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub(crate) const AT: &str = "1800000000";
pub(crate) const ISSUER: &str = "https://authority.demo";

pub(crate) struct Workdir {
    directory: TempDir,
}

impl Workdir {
    /// A working directory with the keys of an authority and three holders.
    pub(crate) fn new() -> Workdir {
        let workdir = Workdir::empty();
        for key in ["authority", "a", "b", "c"] {
            let _ = workdir.run(&format!("key new --out ${key}.jwk --kid {key}")).success();
        }
        workdir
    }

    pub(crate) fn empty() -> Workdir {
        Workdir { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    /// Writes a file.
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    /// Runs `portcullis` with the words of this line. A word `$NAME` becomes the path of that file here, and `@$NAME` the same
    /// after an `@`.
    pub(crate) fn run(&self, line: &str) -> CommandOutput {
        let words = line.split_whitespace().map(|word| match word.strip_prefix('$') {
            Some(name) => self.file(name),
            None => match word.strip_prefix("@$") {
                Some(name) => format!("@{}", self.file(name)),
                None => word.to_owned(),
            },
        });
        portcullis(&words.collect::<Vec<_>>())
    }

    /// Runs a command that must fail with exit status 2 and one line on standard error. Returns that line.
    pub(crate) fn fails(&self, line: &str) -> String {
        let output = self.run(line);
        assert_eq!(
            (output.status, output.out.as_str(), output.err.lines().count()),
            (2, "", 1),
            "{line}: {output:?}"
        );
        output.err.strip_prefix("portcullis: ").unwrap_or_else(|| panic!("{output:?}")).to_owned()
    }

    /// Mints a root for `a` with these further words, and writes it to the file `root`.
    pub(crate) fn mint(&self, more: &str) -> String {
        let line = format!(
            "warrant mint --key $authority.jwk --issuer {ISSUER} --aud demo --sub agent:a --cnf $a.jwk --at {AT} {more}"
        );
        let warrant = self.run(&line).success();
        self.write("root", &warrant);
        warrant
    }

    /// The usual root: payments for five minutes, three uses, two delegations.
    pub(crate) fn payments(&self) -> String {
        self.mint("--host pay.shop --method POST --path /v1/payments/* --lifetime 5m --use 3 --max-depth 2")
    }

    /// `warrant delegate`: `a` delegates `root` to `b`.
    pub(crate) fn delegate_line(more: &str) -> String {
        format!("warrant delegate --warrant @$root --key $a.jwk --sub agent:b --cnf $b.jwk --at {AT} {more}")
    }

    /// `warrant verify` of this warrant, with the authority's key as the trusted one.
    pub(crate) fn verify_line(warrant: &str, more: &str) -> String {
        format!("warrant verify {warrant} --issuer {ISSUER} --key $authority.jwk --aud demo --at {AT} {more}")
    }
}
