//! A desk with keys on it, and the commands that most tests type. Time stands still: every command is told `AT`.

use portcullis_tests::command::{Said, portcullis};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub(crate) const AT: &str = "1800000000";
pub(crate) const ISSUER: &str = "https://authority.demo";

pub(crate) struct Desk {
    directory: TempDir,
}

/// The words of a line, as a shell without quotes would split them; a word of `$NAME` is that file on the desk.
impl Desk {
    /// An authority and three holders.
    pub(crate) fn new() -> Desk {
        let desk = Desk::empty();
        for key in ["authority", "a", "b", "c"] {
            let _ = desk.says(&format!("key new --out ${key}.jwk --kid {key}")).well();
        }
        desk
    }

    pub(crate) fn empty() -> Desk {
        Desk { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    /// Puts a text on the desk.
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub(crate) fn put(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).unwrap();
    }

    /// What `portcullis` says to this line.
    pub(crate) fn says(&self, line: &str) -> Said {
        let words = line.split_whitespace().map(|word| match word.strip_prefix('$') {
            Some(name) => self.file(name),
            None => match word.strip_prefix("@$") {
                Some(name) => format!("@{}", self.file(name)),
                None => word.to_owned(),
            },
        });
        portcullis(&words.collect::<Vec<_>>())
    }

    /// The same, answered in one line on standard error and with exit status 2.
    pub(crate) fn complains(&self, line: &str) -> String {
        let said = self.says(line);
        assert_eq!(
            (said.status, said.out.as_str(), said.err.lines().count()),
            (2, "", 1),
            "{line}: {said:?}"
        );
        said.err.strip_prefix("portcullis: ").unwrap_or_else(|| panic!("{said:?}")).to_owned()
    }

    /// A root for `a` with these further words, on the desk as `root`.
    pub(crate) fn mint(&self, more: &str) -> String {
        let line = format!(
            "warrant mint --key $authority.jwk --issuer {ISSUER} --aud demo --sub agent:a --cnf $a.jwk --at {AT} {more}"
        );
        let warrant = self.says(&line).well();
        self.put("root", &warrant);
        warrant
    }

    /// The usual one: payments for five minutes, three times, twice delegable.
    pub(crate) fn payments(&self) -> String {
        self.mint("--host pay.shop --method POST --path /v1/payments/* --lifetime 5m --use 3 --max-depth 2")
    }

    /// `warrant delegate` by `a` of `root` to `b`.
    pub(crate) fn delegate_line(more: &str) -> String {
        format!("warrant delegate --warrant @$root --key $a.jwk --sub agent:b --cnf $b.jwk --at {AT} {more}")
    }

    /// `warrant verify` of that, trusting the authority.
    pub(crate) fn verify_line(warrant: &str, more: &str) -> String {
        format!("warrant verify {warrant} --issuer {ISSUER} --key $authority.jwk --aud demo --at {AT} {more}")
    }
}
