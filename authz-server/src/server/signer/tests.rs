//! A key behind a socket, from the process that has it to the server that asks.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdListener;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::task::JoinHandle;
use warrant::mint::{Delegation, Grant, GrantDetail, MintError, NewProof, Root, Signer, SignerError};
use warrant::statement::{Posture, Statement};
use warrant::{Algorithm, Digest, PresentedWarrant, Seconds};

use super::*;
use crate::authority::receipts::{NewReceipt, mint};
use crate::keys::{KeyPlace, KeyRole, NamedSigner, PrivateKey, RemoteSigner};

const NOW: Seconds = Seconds::new(1_800_000_000);

struct Scene {
    key: PrivateKey,
    socket: PathBuf,
    process: JoinHandle<Result<(), ListenError>>,
    _directory: TempDir,
}

fn start(key: &PrivateKey, role: KeyRole, socket: &Path) -> JoinHandle<Result<(), ListenError>> {
    let key = PrivateKey::from_jwk(key.to_jwk().as_bytes()).unwrap();
    let (signer, socket) = (RoleSigner::new(role, key.into()), socket.to_owned());
    tokio::spawn(async move { run_signer(signer, &socket).await })
}

async fn scene(role: KeyRole) -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate(Algorithm::Es256, Some("k1")).unwrap();
    let socket = directory.path().join("key.sock");
    let process = start(&key, role, &socket);
    let scene = Scene { key, socket, process, _directory: directory };
    scene.until_it_listens().await;
    scene
}

impl Scene {
    async fn until_it_listens(&self) {
        while UnixStream::connect(&self.socket).await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    fn remote(&self) -> RemoteSigner {
        RemoteSigner::new(self.socket.clone(), *self.key.public_key())
    }
}

fn root(cnf: &dyn Signer) -> Root {
    Root {
        iss: "https://authority.demo".to_owned(),
        txn: "t1".to_owned(),
        ini: None,
        pol: None,
        dec: None,
        attr: None,
        grant: grant(cnf),
    }
}

fn grant(cnf: &dyn Signer) -> Grant {
    let detail = GrantDetail {
        hosts: vec!["localhost".to_owned()],
        methods: vec!["GET".to_owned()],
        paths: vec!["/hello".to_owned()],
        actions: None,
        args: Vec::new(),
    };
    Grant {
        sub: "agent:demo".to_owned(),
        cnf: *cnf.public_key(),
        aud: vec!["demo".to_owned()],
        jti: "j1".to_owned(),
        iat: NOW,
        nbf: NOW,
        exp: NOW.plus(60),
        max_depth: 1,
        use_max: None,
        env: Vec::new(),
        att: None,
        details: vec![detail],
    }
}

fn statement() -> Statement {
    let digest = Digest::of(b"d");
    Statement {
        aud: "demo".into(),
        bundle: digest,
        ended: digest,
        exp: NOW.plus(30),
        halts: digest,
        iat: NOW,
        iss: "demo".into(),
        judged: 1,
        n: 1,
        posture: Posture::Normal,
        restored: Vec::new(),
        revocations: digest,
        root: digest,
        rules: digest,
        seq: 1,
        version: 1,
    }
}

fn receipt() -> NewReceipt<'static> {
    NewReceipt {
        origin: "demo",
        index: 1,
        decision: "d1",
        now: NOW,
        warrant_ends: None,
        host: "localhost",
        method: "GET",
        path_and_query: "/hello",
        chain: &[],
        bundle: Digest::of(b"bundle"),
        body: None,
    }
}

/// What each kind of token becomes by this signer, in the order of the roles.
fn each_kind(signer: &dyn Signer) -> [bool; 3] {
    [
        root(signer).sign(signer, "k1").is_ok(),
        statement().sign(signer, "k1").is_ok(),
        mint(&receipt(), "k1", signer).is_ok(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_signs_its_own_kind_of_token_and_no_other() {
    for (role, kinds) in [
        (KeyRole::Authority, [true, false, false]),
        (KeyRole::Statement, [false, true, false]),
        (KeyRole::Receipt, [false, false, true]),
    ] {
        let scene = scene(role).await;
        assert_eq!(each_kind(&scene.remote()), kinds, "{role}");
        let mode = std::fs::metadata(&scene.socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_signs_no_link_no_proof_no_other_name_and_nothing_malformed() {
    let scene = scene(KeyRole::Authority).await;
    let remote = scene.remote();
    let refused = |signed: Result<String, MintError>| match signed {
        Err(MintError::Sign(SignerError(why))) => why,
        other => panic!("{other:?}"),
    };
    assert!(refused(root(&remote).sign(&remote, "k2")).contains("another key"));
    let parent = root(&remote).sign(&remote, "k1").unwrap();
    let parent = PresentedWarrant::parse(parent.as_bytes()).unwrap();
    let child = Delegation { grant: Grant { max_depth: 1, ..grant(&remote) } };
    assert!(refused(child.sign(&parent, &remote)).contains("not a token"));
    let proof = NewProof {
        jti: "p1".to_owned(),
        iat: NOW,
        method: "GET",
        authority: "localhost",
        path_and_query: "/",
        warrant_header: "",
        body: None,
    };
    assert!(refused(proof.sign(&remote)).contains("not a token"));
    let part = |text: &str| warrant_part(text);
    let header = part(r#"{"alg":"ES256","typ":"warrant+jwt","kid":"k1"}"#);
    for (input, why) in [
        (String::new(), "not a token"),
        ("x".repeat(INPUT_BYTES_AT_MOST + 1), "too long"),
        (format!("{header}.{}", part("{}")), "the payload"),
        (format!("{header}.{}.{}", part("{}"), part("{}")), "payload"),
        (
            format!("{}.{}", part(r#"{"alg":"ES256","typ":"warrant+jwt","kid":"k1","crit":[]}"#), part("{}")),
            "not a token",
        ),
        (
            format!("{}.{}", part(r#"{"alg":"none","typ":"warrant+jwt","kid":"k1"}"#), part("{}")),
            "another key",
        ),
    ] {
        let SignerError(said) = remote.sign(input.as_bytes()).unwrap_err();
        assert!(said.contains(why), "{why}: {said}");
    }
}

fn warrant_part(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_that_is_gone_signs_nothing_and_signs_again_when_it_is_back() {
    let mut scene = scene(KeyRole::Authority).await;
    let remote = scene.remote();
    assert!(root(&remote).sign(&remote, "k1").is_ok());
    scene.process.abort();
    drop((&mut scene.process).await);
    let gone = root(&remote).sign(&remote, "k1").unwrap_err().to_string();
    assert!(gone.contains("key.sock"), "{gone}");
    scene.process = start(&scene.key, KeyRole::Authority, &scene.socket);
    scene.until_it_listens().await;
    assert!(root(&remote).sign(&remote, "k1").is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signer_with_another_key_or_that_never_answers_is_an_error_in_time() {
    let scene = scene(KeyRole::Authority).await;
    let other = PrivateKey::generate(Algorithm::Es256, Some("k1")).unwrap();
    let other = RemoteSigner::new(scene.socket.clone(), *other.public_key());
    assert!(root(&other).sign(&other, "k1").unwrap_err().to_string().contains("not by the key"));
    let socket = scene.socket.with_file_name("silent.sock");
    let _silent = StdListener::bind(&socket).unwrap();
    let silent = RemoteSigner::new(socket, *scene.key.public_key());
    assert!(root(&silent).sign(&silent, "k1").unwrap_err().to_string().contains("in time"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_half_in_a_file_and_the_socket_make_a_key_of_the_ring() {
    let scene = scene(KeyRole::Statement).await;
    let public = scene.socket.with_file_name("statement.jwk");
    let jwk = scene.key.public_key().to_jwk_json().replacen('{', "{\"kid\":\"k1\",", 1);
    ledger::durable::write_new(&public, jwk.as_bytes(), 0o644).unwrap();
    let place = KeyPlace::Signer { socket: scene.socket.clone(), public };
    let NamedSigner { kid, signer } = place.read().unwrap();
    assert!(statement().sign(&*Arc::clone(&signer), &kid).is_ok());
    assert!(place.beside("k2").socket().unwrap().ends_with("key.k2.sock"));
}
