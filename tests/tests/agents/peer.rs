//! The Python side of the tests. Each question is one run of `peer.py`.

use portcullis_tests::programs::{agents_python, repository};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

use crate::guide;

/// A directory with `peer.py` and the guide's code.
pub(crate) struct Peer {
    directory: TempDir,
}

impl Peer {
    #[expect(clippy::disallowed_methods, reason = "a test's own file needs no durability")]
    pub(crate) fn new() -> Peer {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("guide.py"), guide::library()).unwrap();
        fs::copy(repository().join("tests/tests/agents/peer.py"), directory.path().join("peer.py")).unwrap();
        Peer { directory }
    }

    fn ask(&self, question: &Value) -> Value {
        let output = python(self.directory.path(), &["peer.py"], &question.to_string());
        serde_json::from_str(&output).unwrap_or_else(|why| panic!("{question}: {why}: {output}"))
    }

    fn text(&self, question: &Value) -> String {
        let answer = self.ask(question);
        answer.as_str().unwrap_or_else(|| panic!("{question}: {answer}")).to_owned()
    }

    /// A new private key, as a JWK.
    pub(crate) fn key(&self, alg: &str) -> Value {
        self.ask(&json!({"do": "new_key", "alg": alg}))
    }

    /// The public half of a key, in the form of `cnf`.
    pub(crate) fn public(&self, key: &Value) -> Value {
        self.ask(&json!({"do": "public", "key": key}))
    }

    pub(crate) fn root(&self, authority: &Value, kid: &str, claims: &Value) -> String {
        self.text(&json!({"do": "root", "key": authority, "kid": kid, "claims": claims}))
    }

    pub(crate) fn delegate(&self, warrant: &str, key: &Value, to: &Value, narrower: &Value) -> String {
        let sub = "agent:helper";
        self.text(&json!({"do": "delegate", "warrant": warrant, "key": key, "sub": sub, "to": to, "narrower": narrower}))
    }

    pub(crate) fn prove(
        &self,
        warrant: &str,
        key: &Value,
        request: (&str, &str, &str),
        body: Option<&str>,
    ) -> String {
        let (method, authority, path) = request;
        self.text(
            &json!({"do": "prove", "warrant": warrant, "key": key, "method": method, "authority": authority,
                          "path": path, "body": body}),
        )
    }

    /// The claims of every link, or `refused`.
    pub(crate) fn read(&self, warrant: &str, authority: &Value) -> Value {
        self.ask(&json!({"do": "read", "warrant": warrant, "authority": authority}))
    }

    pub(crate) fn read_proof(&self, proof: &str, leaf: &Value, warrant: &str) -> Value {
        self.ask(&json!({"do": "read_proof", "proof": proof, "leaf": leaf, "warrant": warrant}))
    }
}

/// What Python prints when it runs in `directory`.
pub(crate) fn python(directory: &Path, arguments: &[&str], input: &str) -> String {
    run_python(&agents_python(), directory, arguments, input)
}

/// The same by another Python.
pub(crate) fn run_python(program: &Path, directory: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .arg("-B")
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{input}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
