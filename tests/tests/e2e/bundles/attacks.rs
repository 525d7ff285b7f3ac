//! Attacks by somebody who can change what is offered to the server. Each is refused with its own message, and nothing else
//! changes.

use super::{Signers, remove_note_key, signer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis_tests::agent::hello;
use portcullis_tests::condition::until;
use portcullis_tests::keys::TestKey;
use portcullis_tests::server::Home;
use portcullis_tests::signed_bundles::{SignedBundle, UnsignedBundle, jwk, now, put_note, trust};
use portcullis_tests::world::{Setup, World};
use serde_json::{Value, json};

const HELLO: &str = "routes/demo/hello.json";

/// An offered bundle, and for some attacks a note about it.
struct Attack {
    name: &'static str,
    offered: SignedBundle,
    note: Option<Value>,
    message: &'static str,
}

/// The signers: two of three keys for bundles, and a note key that has replaced an older one.
struct BundleKeys {
    all: [TestKey; 3],
    note: TestKey,
    old_note: TestKey,
}

impl BundleKeys {
    fn two(&self) -> [&TestKey; 2] {
        [&self.all[0], &self.all[1]]
    }
}

fn attack(name: &'static str, offered: SignedBundle, message: &'static str) -> Attack {
    Attack { name, offered, note: None, message }
}

/// Changes the envelope of a signed bundle.
fn tampered(mut signed: SignedBundle, change: impl FnOnce(&mut Value)) -> SignedBundle {
    change(&mut signed.envelope);
    signed
}

fn attacks(keys: &BundleKeys, active: &UnsignedBundle) -> Vec<Attack> {
    let two = keys.two();
    let next = || active.clone().version(6);
    let valid = || next().signed(&two);
    let strangers = [&signer(71), &signer(72)];
    let others = trust(2, &strangers);
    let on_files = |change: fn(&mut SignedBundle)| {
        let mut signed = valid();
        change(&mut signed);
        signed
    };
    let mut all = vec![
        attack(
            "a lower version",
            active.clone().version(4).signed(&two),
            "version 4, but version 5 was already active",
        ),
        attack(
            "the same version with other content",
            active.clone().edit(HELLO, |hello| hello["spec"]["callers"] = json!(["any-holder"])).signed(&two),
            "version 5 was active with other content",
        ),
        attack(
            "stripped signatures",
            tampered(valid(), |envelope| envelope["signatures"] = json!([])),
            "0 valid signatures, but the current trust requires 2",
        ),
        attack(
            "too few signatures",
            next().signed(&[two[0]]),
            "1 valid signatures, but the current trust requires 2",
        ),
        attack(
            "one key counted twice",
            next().signed(&[two[0], two[0]]),
            "1 valid signatures, but the current trust requires 2",
        ),
        attack("unknown keys", next().signed(&strangers), "(signatures by unknown keys are ignored: "),
        attack(
            "a payload changed after signing",
            tampered(valid(), |envelope| {
                let bytes = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
                let text = String::from_utf8(bytes).unwrap().replace("\"version\":6", "\"version\":7");
                envelope["payload"] = STANDARD.encode(text).into();
            }),
            "0 valid signatures, but the current trust requires 2",
        ),
        attack(
            "a file added",
            on_files(|signed| drop(signed.files.insert("routes/demo/more.json".to_owned(), b"{}".to_vec()))),
            "routes/demo/more.json is not in the manifest",
        ),
        attack(
            "a file changed",
            on_files(|signed| signed.files.get_mut(HELLO).unwrap().push(b' ')),
            "routes/demo/hello.json is not the file that was signed",
        ),
        attack(
            "a file taken away",
            on_files(|signed| drop(signed.files.remove(HELLO))),
            "routes/demo/hello.json is in the manifest but not in the bundle",
        ),
        attack(
            "a manifest for another audience",
            next().with("audience", "other".into()).signed(&two),
            "for the audience `other`, but this server is for `demo`",
        ),
        attack(
            "documents for another audience",
            next().edit("mesh.json", |mesh| mesh["spec"]["audience"] = "other".into()).signed(&two),
            "for the audience `other`",
        ),
        attack(
            "another language",
            next().with("engine", "9.9".into()).signed(&two),
            "built for policy language 9.9",
        ),
        attack(
            "not yet valid",
            next().with("notBefore", (now() + 3600).into()).signed(&two),
            "is not valid before",
        ),
        attack(
            "no longer valid",
            next().with("expires", (now() - 1).into()).signed(&two),
            "the bundle expired at",
        ),
        attack(
            "a trust change signed by the old side only",
            next().with("trust", others.clone()).signed(&two),
            "changes the trust, but it has 0 of the 2 signatures that the new trust requires",
        ),
        attack(
            "a trust change signed by the new side only",
            next().with("trust", others).signed(&strangers),
            "0 valid signatures, but the current trust requires 2",
        ),
        attack(
            "no manifest",
            tampered(valid(), |envelope| *envelope = json!({})),
            "manifest.json is malformed",
        ),
        attack(
            "an envelope of another kind",
            tampered(valid(), |envelope| envelope["payloadType"] = "application/json".into()),
            "found `application/json`",
        ),
    ];
    all.push(Attack {
        name: "an expired note",
        note: Some(valid().note(-1, &keys.note)),
        offered: valid(),
        message: "has no valid note yet: the note expired at",
    });
    all.push(Attack {
        name: "a note by a key that was rotated out",
        note: Some(valid().note(600, &keys.old_note)),
        offered: valid(),
        message: "has no valid note yet: the note is not signed by a note key",
    });
    all.push(Attack {
        name: "a note that holds for too long",
        note: Some(valid().note(90_000, &keys.note)),
        offered: valid(),
        message: "has no valid note yet: the note is valid for 90000 s",
    });
    all.push(Attack {
        name: "a note about the bundle before",
        note: None,
        offered: valid(),
        message: "has no valid note yet: the note names version 5",
    });
    all
}

/// Makes a server trust two of three keys, and a bundle of version 5 that names another note key than version 4.
fn configure(home: &Home) -> (BundleKeys, UnsignedBundle) {
    let signers = Signers::of(home);
    let keys = BundleKeys {
        all: [signers.bundle, signer(61), signer(62)],
        note: signer(63),
        old_note: signers.note,
    };
    let all: Vec<&TestKey> = keys.all.iter().collect();
    home.configure(|configuration| configuration["bundle"]["trust"] = trust(2, &all));
    remove_note_key(home);
    let first = UnsignedBundle::of(home).with("trust", trust(2, &all)).version(4);
    let signed = first.signed(&keys.two());
    put_note(&signed.note(600, &keys.old_note), &signers.place);
    signed.put(&signers.place);
    let active =
        first.version(5).edit("mesh.json", |mesh| mesh["spec"]["notes"]["keys"] = json!([jwk(&keys.note)]));
    (keys, active)
}

/// The lifetime of a note here: long enough for one attack on a busy machine, and short enough to wait for its end.
const NOTE_SECONDS: i64 = 12;

/// Offers the active bundle again with a new note, and waits until the server has accepted both.
async fn restore(world: &World, keys: &BundleKeys, active: &SignedBundle) {
    let place = world.home.file("bundle");
    let note = active.note(NOTE_SECONDS, &keys.note);
    let bytes = STANDARD.decode(note["payload"].as_str().unwrap()).unwrap();
    let expiry = serde_json::from_slice::<Value>(&bytes).unwrap()["exp"].to_string();
    put_note(&note, &place);
    active.put(&place);
    let wanted = format!("is in force until {expiry}");
    until("the server to accept the active bundle and its new note", async || {
        world.server.bundle_state().await.ends_with(&wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_is_refused_with_its_message_and_the_active_bundle_stays_until_its_note_expires() {
    let directory = tempfile::tempdir().unwrap();
    let home = Home::init(directory.path(), &[]);
    let (keys, active) = configure(&home);
    let world = Setup::default().start_in(directory, home).await;
    let place = world.home.file("bundle");
    let fresh = || world.agent.request(&hello(), "GET", "/hello/you");
    let signed = active.signed(&keys.two());
    let too_long = signed.note(600, &keys.old_note);
    restore(&world, &keys, &signed).await;
    put_note(&too_long, &place);

    for attack in attacks(&keys, &active) {
        restore(&world, &keys, &signed).await;
        if let Some(note) = &attack.note {
            put_note(note, &place);
        }
        attack.offered.put(&place);
        let state = world.server.wait_for_bundle_state(attack.message).await;
        assert!(state.starts_with("version 5 "), "{}: {state}", attack.name);
        until_allowed(&world).await;
        println!("{}: {state}", attack.name);
    }

    // A refused bundle does not extend the active one: its note expires, and then nothing is allowed.
    until("the active bundle's note to expire", async || {
        let answer = world.send(&fresh()).await;
        (answer.code().as_deref() == Some("governance-stale")).then_some(())
    })
    .await;
    world.denies(&fresh(), 503, "governance-stale").await;
    assert!(
        world.server.bundle_state().await.starts_with("version 5 "),
        "{}",
        world.server.bundle_state().await
    );
    let log = world.server.process.log();
    for attack in attacks(&keys, &active) {
        assert!(
            log.contains(&attack.message.replace('"', "\\\"")),
            "the log does not say `{}`",
            attack.message
        );
    }
    // The signers can repair this without a restart.
    let next = active.clone().version(6).signed(&keys.two());
    put_note(&next.note(600, &keys.note), &place);
    next.put(&place);
    world.server.wait_for_bundle_state("version 6 (sha256:").await;
    until_allowed(&world).await;
    world.end().await;
}

/// The filters ask for the next statement within a second after one that they did not get.
async fn until_allowed(world: &World) {
    until("requests to be allowed", async || {
        let answer = world.send(&world.agent.request(&hello(), "GET", "/hello/you")).await;
        (answer.status == 200).then_some(())
    })
    .await;
}
