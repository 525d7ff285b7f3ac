//! A home directory that `init` made in a temporary directory, and the output of the binary in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PORTCULLIS: &str = env!("CARGO_BIN_EXE_portcullis");

#[derive(Debug)]
pub(crate) struct Home {
    _parent: TempDir,
    pub(crate) path: PathBuf,
}

/// The output of a command and its exit status.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Home {
        let parent = tempfile::Builder::new().prefix("portcullis-").tempdir().unwrap();
        let path = parent.path().join("home");
        let init = run(Command::new(PORTCULLIS).arg("init").arg(&path));
        assert_eq!(init.status, 0, "{}", init.err);
        Home { _parent: parent, path }
    }

    /// The number of routes, with the samples of `init`.
    pub(crate) fn routes(&self) -> usize {
        let files = fs::read_dir(self.path.join("policy/routes/demo")).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".yaml") && !name.ends_with(".test.yaml")).count()
    }

    pub(crate) fn policy(&self, arguments: &[&str]) -> CommandOutput {
        run(Command::new(PORTCULLIS).arg("policy").args(arguments).current_dir(&self.path))
    }

    /// Runs the command with `--json`, and checks its exit status.
    pub(crate) fn json(&self, arguments: &[&str], status: i32) -> Value {
        let output = self.policy(&[arguments, &["--json"]].concat());
        assert_eq!((output.status, output.err.as_str()), (status, ""), "{arguments:?}: {}", output.out);
        serde_json::from_str(&output.out).unwrap_or_else(|e| panic!("{arguments:?}: {e}: {}", output.out))
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path.join(name)).unwrap()
    }

    /// Replaces a text that must occur in the file.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} has no {from:?}");
        self.write(name, &text.replacen(from, to, 1));
    }
}

pub(crate) fn run(command: &mut Command) -> CommandOutput {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    CommandOutput { status: status.code().unwrap(), out: text(stdout), err: text(stderr) }
}

/// The names of an object's members: scripts rely on them.
pub(crate) fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// Every file below a directory, with its bytes.
pub(crate) fn everything_in(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(everything_in(&path));
        } else {
            all.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

pub(crate) const REFUND: &str = r#"apiVersion: portcullis.dev/v1alpha1
kind: GovernedRoute
metadata: {name: refund}
spec:
  match:
    - {hosts: [localhost], methods: [POST], paths: ["/v1/refunds/{account}"]}
  require: {holder: proof, use: once, maxLifetime: 60s}
  args:
    account: {from: path:account, type: string, record: digest}
    amount: {from: body:/amount, type: natural}
  callers: ["group:demo-agents"]
  policy: |
    @id("limit") @reason("above the limit") @cure("ask for less")
    forbid (principal, action, resource) when { context.args.amount > 100 };
"#;

pub(crate) const TESTS: &str = r#"apiVersion: portcullis.dev/v1alpha1
kind: RouteTests
metadata: {name: refund}
given: {request: {path: /v1/refunds/a-7, body: {amount: 10}}, caller: "agent:demo"}
cases:
  - {name: refunds, expect: allow}
  - {name: too much, request: {body: {amount: 500}}, expect: policy-denied, because: refund/limit}
  - {name: a stranger, caller: "agent:stranger", expect: policy-denied}
"#;

pub(crate) const REFUND_FILE: &str = "policy/routes/demo/refund.yaml";
pub(crate) const TESTS_FILE: &str = "policy/routes/demo/refund.test.yaml";

/// A home directory with a route that has arguments, a policy and tests.
pub(crate) fn with_refunds() -> Home {
    let home = Home::new();
    home.write(REFUND_FILE, REFUND);
    home.write(TESTS_FILE, TESTS);
    home
}
