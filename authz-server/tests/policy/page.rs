//! Runs `docs/policy.md` from top to bottom: writes its documents, runs its shell blocks, and compares what
//! they print.
//!
//! The server that the page starts must activate a signed bundle within a second. Blocks with the word
//! `recorded` need recorded decisions, and so Envoy: the end-to-end tests run them (`explain_recorded`).
//!
//! A document's first line names its file. A command that ends in `# exit status N` must end with that
//! status. A `text` block contains lines that the block before it printed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::home::{CommandOutput, PORTCULLIS, run};
use crate::server::Server;

struct PageReader {
    directory: PathBuf,
    server: Option<Server>,
    printed: String,
    version: u64,
}

#[test]
fn a_newcomer_gets_from_init_to_an_explained_denial() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy.md")).unwrap();
    let directory = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
    let mut reader = PageReader {
        directory: directory.path().to_owned(),
        server: None,
        printed: String::new(),
        version: 1,
    };
    let blocks = blocks(&page);
    for (kind, text) in &blocks {
        match kind.as_str() {
            "sh" => reader.run_block(text),
            "yaml" | "cedar" => reader.write_document(text),
            "text" if text.starts_with("# yaml-language-server") => reader.check_is_in_a_document(text),
            "text" => reader.check_was_printed(text),
            "sh recorded" | "text recorded" => {}
            other => panic!("a block of kind {other:?}"),
        }
    }
    assert!(reader.server.is_some() && reader.version > 2, "{}", reader.version);
    reader.check_every_example_denies_a_stranger(&blocks);
}

impl PageReader {
    fn write_document(&self, text: &str) {
        let first = text.lines().next().unwrap();
        let name = ["# ", "// "].iter().find_map(|comment| first.strip_prefix(comment));
        let name = name.unwrap_or_else(|| panic!("{first:?} names no file"));
        fs::write(self.directory.join(name), text).unwrap();
    }

    fn run_block(&mut self, text: &str) {
        if text.starts_with("portcullis serve ") {
            use_any_port(&self.directory.join("portcullis.yaml"));
            self.server = Some(Server::start(text, &self.directory));
            return;
        }
        let done = self.shell(text);
        assert_eq!(done.status, 0, "{text}\n{}{}", done.out, done.err);
        self.printed = format!("{}{}", done.out, done.err);
        if self.server.is_some() && text.contains("portcullis policy sign") {
            self.wait_until_activated();
        }
    }

    /// The bundle that was signed is active within a second.
    fn wait_until_activated(&mut self) {
        let listed = self.shell("ls bundle");
        let newest = listed.out.lines().filter_map(|name| name.parse::<u64>().ok()).max().unwrap();
        let server = self.server.as_ref().unwrap();
        server.wait_for_log(Duration::from_secs(1), |fields| {
            fields["message"] == "the bundle is activated" && fields["version"] == newest
        });
        self.version = newest;
    }

    fn shell(&mut self, text: &str) -> CommandOutput {
        let binaries = Path::new(PORTCULLIS).parent().unwrap().display();
        let directory_file = self.directory.join(".where");
        let lines: Vec<_> = text.lines().map(with_status_check).collect();
        let script = format!(
            "set -eu; PATH={binaries}:$PATH\n{}\npwd > {}\n",
            lines.join("\n"),
            directory_file.display()
        );
        let done = run(Command::new("sh").args(["-c", &script]).current_dir(&self.directory));
        if let Ok(place) = fs::read_to_string(&directory_file) {
            self.directory = PathBuf::from(place.trim_end());
        }
        done
    }

    fn check_was_printed(&self, text: &str) {
        for line in text.lines() {
            assert!(self.printed.contains(line), "{line:?} is not in\n{}", self.printed);
        }
    }

    /// The line is the first one of a document that `init` made, and what it links is there.
    fn check_is_in_a_document(&self, line: &str) {
        let routes = self.directory.join("policy/routes/demo");
        assert!(fs::read_to_string(routes.join("hello.yaml")).unwrap().starts_with(line));
        let schema = fs::read(routes.join(line.trim_end().split_once("$schema=").unwrap().1)).unwrap();
        let schema: Value = serde_json::from_slice(&schema).unwrap();
        assert_eq!(schema["oneOf"].as_array().unwrap().len(), 8);
    }

    /// Each route of the page has a test in which a stranger is denied by the policy, and for no other
    /// reason.
    fn check_every_example_denies_a_stranger(&mut self, blocks: &[(String, String)]) {
        let routes: BTreeSet<String> = blocks
            .iter()
            .filter(|(_, text)| text.contains("kind: GovernedRoute") && !text.contains("name: broken"))
            .map(|(_, text)| {
                text.split_once("metadata: {name: ").unwrap().1.split('}').next().unwrap().to_owned()
            })
            .collect();
        let tested: Value = serde_json::from_str(&self.shell("portcullis policy test --json").out).unwrap();
        let strangers = tested["cases"].as_array().unwrap().iter().filter(|case| {
            case["case"] == "a stranger"
                && case["judged"]["denial"] == "policy-denied"
                && case["passed"] == true
        });
        let denied: BTreeSet<String> =
            strangers.map(|case| case["route"].as_str().unwrap().to_owned()).collect();
        // The tests of issuing have a stranger too.
        assert!(routes.is_subset(&denied), "{routes:?} {denied:?}");
        assert!(routes.len() >= 3);
    }
}

/// The fenced blocks of a page, each with its kind.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut fences = page.split("```");
    fences.next();
    let mut all = Vec::new();
    while let (Some(block), Some(_)) = (fences.next(), fences.next()) {
        let (kind, text) = block.split_once('\n').unwrap();
        all.push((kind.to_owned(), text.to_owned()));
    }
    assert!(all.len() > 20, "{}", all.len());
    all
}

/// The command with a check of the exit status that the page gives.
fn with_status_check(line: &str) -> String {
    match line.split_once(" # exit status ") {
        None => line.to_owned(),
        Some((command, status)) => {
            format!(
                "got=0; {command} || got=$?; [ \"$got\" = {status} ] || {{ echo \"exit status $got\" >&2; exit 9; }}"
            )
        }
    }
}

/// Lets the system choose the HTTP port, because the page's port may be in use on this machine.
fn use_any_port(configuration: &Path) {
    let text = fs::read_to_string(configuration).unwrap();
    let changed = text.replace("127.0.0.1:9181", "127.0.0.1:0");
    assert_ne!(text, changed);
    fs::write(configuration, changed).unwrap();
}
